//! `tenant show`: everything about one tenant, nothing secret.

mod observe;

use serde::Serialize;

use crate::backends::catalog::CredentialInfo;
use crate::backends::database::roles::TenantRoles;
use crate::backends::site::{SiteError, SiteReader};
use crate::engine::{Query, RunSummary};
use crate::model::{TenantId, TenantRecord};

/// The query.
#[derive(Debug, Clone)]
pub struct Show {
    /// The tenant.
    pub id: TenantId,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// The registry's entry.
    pub tenant: TenantRecord,
    /// Where it lives, without a password.
    pub address: String,
    /// Whether its namespace is there.
    pub exists: bool,
    /// Its tables; empty when the namespace is not there.
    pub tables: Vec<TableView>,
    /// Quotas that are counted in its tables.
    pub usage: Vec<QuotaView>,
    /// Its database roles; `None` where there are none.
    pub roles: Option<TenantRoles>,
    /// Its credentials by name, without the secrets.
    pub credentials: Vec<CredentialInfo>,
    /// Who is at work on it.
    pub held_by: Option<HolderView>,
    /// The last runs on it, the newest first.
    pub runs: Vec<RunSummary>,
}

/// A table with its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableView {
    /// Its name.
    pub table: String,
    /// Rows, counted exactly.
    pub rows: u64,
    /// Bytes with indexes; 0 where the engine cannot tell.
    pub bytes: u64,
}

/// A quota with its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotaView {
    /// Its name.
    pub quota: String,
    /// How many there are.
    pub used: u64,
    /// How many are allowed; `None` for any number.
    pub limit: Option<u64>,
}

/// Who is at work on a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HolderView {
    /// User, host and process.
    pub holder: String,
    /// What it is doing.
    pub operation: String,
    /// Its run.
    pub run: String,
    /// Until when, unless renewed.
    pub expires_at: String,
}

impl Query for Show {
    const NAME: &'static str = "tenant.show";
    type Reader = SiteReader;
    type View = View;
    type Error = SiteError;

    async fn observe(&self, reader: &SiteReader) -> Result<View, SiteError> {
        observe::observe(self, reader).await
    }
}
