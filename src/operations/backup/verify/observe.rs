//! What `backup verify` looks at: the snapshots that are meant, and what is known of them.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::Request;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::TenantId;
use crate::operations::backup::BackupError;
use crate::snapshots::archive::Archive;
use crate::snapshots::vault::Vault;
use crate::snapshots::verified::Level;
use crate::snapshots::{Instant, SnapshotError, SnapshotId};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What is to be looked at, with its size in the store.
    pub wanted: Vec<(SnapshotId, u64)>,
    /// What was found right so lately that it is believed.
    pub believed: Vec<SnapshotId>,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        let ids: Vec<String> = self.wanted.iter().map(|(id, _)| id.to_string()).collect();
        chain::digest(&json!([ids]))
    }
}

/// Whose snapshot an archive holds. That it is none, or no whole one, is what verifying looks for.
///
/// # Errors
/// If it cannot be read, or is damaged.
pub fn owner(path: &Path) -> Result<TenantId, BackupError> {
    Ok(opened(path)?.tenant().clone())
}

/// The archive, of which every byte is compared with the hash at its end.
fn opened(path: &Path) -> Result<Archive, BackupError> {
    Archive::open(path).map_err(|error| match error {
        SnapshotError::ArchiveIncomplete { .. } | SnapshotError::ArchiveEntry { .. } => {
            BackupError::Damage { snapshot: path.display().to_string(), problems: vec![error.to_string()] }
        }
        other => other.into(),
    })
}

/// Nothing is kept of an archive, so it is always looked at.
fn in_archive(request: &Request, path: &Path, reader: &SiteReader) -> Result<Snapshot, BackupError> {
    let archive = opened(path)?;
    let keys = archive.keys(&reader.backups().identities()?)?;
    let manifest = match archive.manifest(&keys) {
        Ok(manifest) if request.level >= Level::Data => {
            keys.all_at_hand(&manifest)?;
            Some(manifest)
        }
        Err(SnapshotError::Key(error)) => return Err(error.into()),
        other => other.ok(),
    };
    let bytes = manifest.map_or(0, |manifest| manifest.stored_bytes());
    Ok(Snapshot { wanted: vec![(archive.id().clone(), bytes)], believed: Vec::new() })
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, BackupError> {
    if let Some(path) = &request.archive {
        return in_archive(request, path, reader);
    }
    let vault = Vault::existing(reader.backups()).await?;
    let repository = vault.repository();
    let mut entries = match &request.snapshot {
        Some(given) => vec![repository.find(Some(&request.id), given).await?],
        None => repository.snapshots(&request.id).await?,
    };
    if request.newest {
        entries.drain(..entries.len().saturating_sub(1));
    }
    if entries.is_empty() {
        return Err(BackupError::None { tenant: request.id.to_string() });
    }
    let keys = vault.keys(&request.id).await?;
    let mut seen = Snapshot { wanted: Vec::new(), believed: Vec::new() };
    for entry in entries {
        if let Some(age) = request.max_age {
            let verified = repository.verified(&request.id, &entry.id).await?;
            let since = jiff::Timestamp::now().checked_sub(Duration::from_secs(age)).unwrap_or(jiff::Timestamp::MIN);
            if verified.damage().is_none() && verified.since(request.level, Instant(since)).is_some() {
                seen.believed.push(entry.id);
                continue;
            }
        }
        // One that cannot be opened is a finding of the verification, not of its plan.
        let manifest = repository.manifest(&request.id, &entry.id, &keys).await;
        if let Ok(manifest) = &manifest
            && request.level >= Level::Data
        {
            keys.all_at_hand(manifest)?;
        }
        seen.wanted.push((entry.id, manifest.map_or(0, |manifest| manifest.stored_bytes())));
    }
    Ok(seen)
}
