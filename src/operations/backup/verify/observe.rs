//! What `backup verify` looks at: the snapshots that are meant, and what is known of them.

use std::time::Duration;

use serde_json::json;

use super::Request;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::operations::backup::BackupError;
use crate::snapshots::vault::Vault;
use crate::snapshots::verified::Level;
use crate::snapshots::{Instant, SnapshotId};

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

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, BackupError> {
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
