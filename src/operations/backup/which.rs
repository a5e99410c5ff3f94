//! Which snapshot is meant: by a tenant's name, by an id or the beginning of one, by an archive.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::backends::backups::BackupOptions;
use crate::model::TenantId;
use crate::snapshots::archive::Archive;
use crate::snapshots::source::{ArchiveSource, SnapshotSource};
use crate::snapshots::vault::Vault;
use crate::snapshots::{Keys, SnapshotId};

/// A snapshot that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Found {
    /// In the configured repository.
    Repository {
        /// Whose it is.
        tenant: TenantId,
        /// Its id.
        id: SnapshotId,
    },
    /// In an archive.
    Archive {
        /// The file.
        path: PathBuf,
    },
}

/// Finds what the user named: a file, a tenant (its newest snapshot), or a snapshot.
pub async fn find(options: &BackupOptions, named: &str) -> Result<Found, BackupError> {
    let path = Path::new(named);
    if path.is_file() {
        return Ok(Found::Archive { path: path.to_owned() });
    }
    let vault = Vault::existing(options).await?;
    if let Ok(tenant) = named.parse::<TenantId>()
        && let Some(newest) = vault.newest_whole(&tenant).await?
    {
        return Ok(Found::Repository { tenant, id: newest.id });
    }
    let entry = vault.repository().find(None, named).await?;
    Ok(Found::Repository { tenant: entry.tenant, id: entry.id })
}

/// Whose snapshot the user named.
pub async fn owner(options: &BackupOptions, named: &str) -> Result<TenantId, BackupError> {
    Ok(match find(options, named).await? {
        Found::Repository { tenant, .. } => tenant,
        Found::Archive { path } => Archive::open(&path)?.tenant().clone(),
    })
}

/// Opens what was found.
pub async fn open(options: &BackupOptions, found: &Found) -> Result<Arc<dyn SnapshotSource>, BackupError> {
    match found {
        Found::Repository { tenant, id } => {
            let vault = Vault::existing(options).await?;
            Ok(Arc::new(vault.source(tenant, id).await?))
        }
        Found::Archive { path } => {
            let (archive, identities) = (Archive::open(path)?, options.identities()?);
            let keys: Keys = archive.keys(&identities)?;
            Ok(Arc::new(ArchiveSource::open(archive, keys)?))
        }
    }
}
