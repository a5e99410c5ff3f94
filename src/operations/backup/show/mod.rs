//! `backup show`: what one snapshot holds, table by table.

mod observe;

use serde::Serialize;

use super::BackupError;
use super::list::Told;
use crate::backends::site::SiteReader;
use crate::engine::Query;

/// The query.
#[derive(Debug, Clone)]
pub struct Show {
    /// A snapshot, a tenant (its newest), or an archive.
    pub what: String,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Whose it is.
    pub tenant: String,
    /// Its id.
    pub id: String,
    /// What it rests on.
    pub parent: Option<String>,
    /// What its manifest says.
    pub told: Told,
    /// The engine's version.
    pub engine_version: String,
    /// The tenant's pack.
    pub pack: String,
    /// The pack's version.
    pub pack_version: String,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Its files, if it holds the tenant's files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Files>,
    /// The names of the credentials in it; they stay sealed.
    pub credentials: Vec<String>,
    /// The version of fixtool that made it.
    pub fixtool: String,
}

/// One table.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Its parts.
    pub parts: u64,
    /// Its bytes before compression.
    pub raw_bytes: u64,
    /// Its bytes in the store.
    pub stored_bytes: u64,
}

/// The tenant's files.
#[derive(Debug, Clone, Serialize)]
pub struct Files {
    /// How many.
    pub files: u64,
    /// Their chunks; one that several hold counts for each.
    pub chunks: u64,
    /// Their bytes before compression.
    pub raw_bytes: u64,
    /// The bytes of their chunks in the store.
    pub stored_bytes: u64,
    /// Whether those that can be made again are among them.
    pub cache: bool,
}

impl Query for Show {
    const NAME: &'static str = "backup.show";
    type Reader = SiteReader;
    type View = View;
    type Error = BackupError;

    async fn observe(&self, reader: &SiteReader) -> Result<View, BackupError> {
        observe::observe(&self.what, reader).await
    }
}
