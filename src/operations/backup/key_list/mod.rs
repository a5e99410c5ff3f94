//! `backup key list`: the keys of tenants, and who can open them. Never a secret.

mod observe;

use serde::Serialize;

use super::BackupError;
use crate::backends::site::SiteReader;
use crate::engine::Query;
use crate::snapshots::key_record::Reason;

/// The query.
#[derive(Debug, Clone, Default)]
pub struct KeyList {
    /// Of which tenants, by id; empty for all. They need not be registered any more.
    pub tenants: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Where was looked; `None` when there is no repository yet.
    pub location: Option<String>,
    /// The tenants that have a key.
    pub tenants: Vec<TenantKeys>,
    /// Whom the configuration names.
    pub configured: Vec<Recipient>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

/// The key of one tenant.
#[derive(Debug, Clone, Serialize)]
pub struct TenantKeys {
    /// Whose it is.
    pub tenant: String,
    /// Its generations, oldest first.
    pub generations: Vec<Listed>,
    /// Why they cannot be told.
    pub problem: Option<String>,
}

/// One generation.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// Its number.
    pub generation: u32,
    /// When it was made, RFC 3339 in UTC.
    pub made_at: String,
    /// Why it was made.
    pub reason: Reason,
    /// Who can open it.
    pub recipients: Vec<Recipient>,
    /// Who was removed before it was made.
    pub removed: Vec<String>,
    /// Whether this machine can open it.
    pub opens: bool,
    /// Whether this machine can seal with it.
    pub seals: bool,
    /// Whether a key at hand proves that the list is genuine.
    pub proven: bool,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// One who can open backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recipient {
    /// The public key, or the word `passphrase`.
    pub key: String,
    /// What the configuration says behind an SSH key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether the configuration names it.
    pub configured: bool,
}

impl Query for KeyList {
    const NAME: &'static str = "backup.key.list";
    type Reader = SiteReader;
    type View = View;
    type Error = BackupError;

    async fn observe(&self, reader: &SiteReader) -> Result<View, BackupError> {
        observe::observe(self, reader).await
    }
}
