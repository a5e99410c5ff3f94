//! `backup list`: the snapshots of a repository, with what is known of them.

pub mod observe;

use serde::Serialize;

use super::BackupError;
use crate::backends::site::SiteReader;
use crate::engine::Query;
use crate::model::Engine;
use crate::snapshots::manifest::Kind;

/// The query.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Of which tenants, by id; empty for all. They need not be registered any more.
    pub tenants: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Where was looked; `None` when there is no repository yet.
    pub location: Option<String>,
    /// The snapshots, by tenant, oldest first.
    pub snapshots: Vec<Listed>,
    /// Locations that did not work.
    pub notes: Vec<String>,
}

/// One snapshot.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// Whose it is.
    pub tenant: String,
    /// Its id.
    pub id: String,
    /// What its manifest says; `None` when it cannot be opened here.
    pub told: Option<Told>,
    /// Why its manifest cannot be opened.
    pub problem: Option<String>,
    /// Damage that was found and not taken back, or the deepest verification that is known.
    pub verified: Option<Checked>,
}

/// What a manifest says.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// The moment of which it tells, RFC 3339 in UTC.
    pub taken_at: String,
    /// Everything anew, or what changed.
    pub kind: Kind,
    /// The engine it comes from.
    pub engine: Engine,
    /// Its rows.
    pub rows: u64,
    /// Its bytes before compression.
    pub raw_bytes: u64,
    /// Its bytes in the store; parts that it shares with others are counted for each.
    pub stored_bytes: u64,
    /// Whether it is sealed.
    pub sealed: bool,
    /// The words it is kept by.
    pub tags: Vec<String>,
    /// Whether an operation made it before it destroyed something, and not somebody as a backup.
    pub safety_copy: bool,
    /// The tables that it holds, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_tables: Option<Vec<String>>,
}

/// A verification.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// How deep.
    pub level: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What was wrong; nothing means that all was well.
    pub problems: Vec<String>,
}

impl Query for List {
    const NAME: &'static str = "backup.list";
    type Reader = SiteReader;
    type View = View;
    type Error = BackupError;

    async fn observe(&self, reader: &SiteReader) -> Result<View, BackupError> {
        observe::observe(self, reader).await
    }
}
