//! Parts that nobody needs any more, in two phases.
//!
//! A backup that is under way may rest on a part that no manifest names at this moment. So a prune only writes down which
//! parts lost their snapshot, and a later one removes those that after a day still belong to none.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::SnapshotError;
use super::instant::Instant;
use super::keys::Keys;
use super::layout::{self, Digest, SnapshotId};
use super::manifest::Manifest;
use super::record;
use super::repository::Repository;
use crate::backends::sealing::KeyError;
use crate::model::TenantId;

/// How long a part is kept after its last snapshot was removed.
pub const GRACE: Duration = Duration::from_hours(24);

/// The parts of a snapshot that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Garbage {
    /// When it was removed.
    pub at: Instant,
    /// Whether the parts are sealed: others are shared by all tenants.
    pub sealed: bool,
    /// Its parts.
    pub parts: BTreeSet<Digest>,
}

/// What was swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Parts removed.
    pub parts: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Repository {
    /// Removes a snapshot; its parts are only noted.
    ///
    /// # Errors
    /// If the store fails. The note comes first, so that no part is forgotten.
    pub async fn remove_snapshot(&self, id: &SnapshotId, manifest: &Manifest) -> Result<(), SnapshotError> {
        let parts = manifest.parts().map(|(_, part)| part.name.clone()).collect();
        let garbage = Garbage { at: Instant::now(), sealed: manifest.encryption.is_some(), parts };
        let path = layout::garbage(&manifest.tenant, id);
        self.store().put(&path, Bytes::from(record::encode(&path, &garbage)?)).await?;
        self.delete_manifest(&manifest.tenant, id).await?;
        self.delete_verified(&manifest.tenant, id).await
    }

    /// What removed snapshots of a tenant left, with the path of each note.
    ///
    /// # Errors
    /// If the store fails or a note is damaged.
    pub async fn garbage(&self, tenant: &TenantId) -> Result<Vec<(String, Garbage)>, SnapshotError> {
        let mut found = Vec::new();
        for entry in self.store().list(&layout::garbage_of(tenant)).await? {
            if let Some(bytes) = self.store().get(&entry.path, record::MOST).await? {
                found.push((entry.path.clone(), record::decode(&entry.path, &bytes)?));
            }
        }
        Ok(found)
    }

    /// Removes what was noted longer ago than [`GRACE`] and belongs to no snapshot.
    ///
    /// # Errors
    /// If the store fails, or a manifest cannot be opened: its parts are not known then, and nothing is removed.
    pub async fn sweep(&self, tenant: &TenantId, keys: &Keys, now: Instant) -> Result<Swept, SnapshotError> {
        let is_old = |garbage: &Garbage| now.0.checked_sub(GRACE).is_ok_and(|since| garbage.at.0 <= since);
        let old: Vec<(String, Garbage)> =
            self.garbage(tenant).await?.into_iter().filter(|(_, garbage)| is_old(garbage)).collect();
        if old.is_empty() {
            return Ok(Swept::default());
        }
        let mut needed = self.needed_by(tenant, keys).await?;
        if old.iter().any(|(_, garbage)| !garbage.sealed) {
            needed.extend(self.needed_unsealed().await?);
        }
        let mut swept = Swept::default();
        for (path, garbage) in old {
            for part in garbage.parts.difference(&needed) {
                if let Some(bytes) = self.has_part(part).await? {
                    self.delete_part(part).await?;
                    swept.parts += 1;
                    swept.bytes += bytes;
                }
            }
            self.store().delete(&path).await?;
        }
        Ok(swept)
    }

    async fn needed_by(&self, tenant: &TenantId, keys: &Keys) -> Result<BTreeSet<Digest>, SnapshotError> {
        let mut needed = BTreeSet::new();
        for entry in self.snapshots(tenant).await? {
            let manifest = self.manifest(tenant, &entry.id, keys).await?;
            needed.extend(manifest.parts().map(|(_, part)| part.name.clone()));
        }
        Ok(needed)
    }

    /// What is not sealed is named by its content alone, so tenants may share it. A sealed snapshot has sealed parts only.
    async fn needed_unsealed(&self) -> Result<BTreeSet<Digest>, SnapshotError> {
        let mut needed = BTreeSet::new();
        for entry in self.all_snapshots().await? {
            match self.manifest(&entry.tenant, &entry.id, &Keys::none()).await {
                Ok(manifest) => needed.extend(manifest.parts().map(|(_, part)| part.name.clone())),
                Err(SnapshotError::Key(KeyError::Wrong { .. })) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshots::tests::{Scene, in_memory, tenant};

    #[tokio::test]
    async fn parts_go_a_day_after_their_last_snapshot_and_not_before() {
        for scene in [Scene::plain(), Scene::sealed()] {
            let (repository, acme) = (in_memory().await, tenant("acme"));
            let id = scene.back_up(&repository, "acme").await;
            let kept = scene.back_up(&repository, "other").await;
            let manifest = repository.manifest(&acme, &id, &scene.keys).await.unwrap();
            let parts = repository.parts().await.unwrap().len();
            repository.remove_snapshot(&id, &manifest).await.unwrap();
            assert_eq!(repository.garbage(&acme).await.unwrap().len(), 1);
            let swept = repository.sweep(&acme, &scene.keys, Instant::now()).await.unwrap();
            assert_eq!(swept, Swept::default());
            assert_eq!(repository.parts().await.unwrap().len(), parts);

            let tomorrow = Instant(Instant::now().0.checked_add(GRACE).unwrap());
            let again = scene.back_up(&repository, "acme").await;
            assert_eq!(repository.sweep(&acme, &scene.keys, tomorrow).await.unwrap(), Swept::default());
            assert!(repository.garbage(&acme).await.unwrap().is_empty(), "a snapshot needs them again");
            let manifest = repository.manifest(&acme, &again, &scene.keys).await.unwrap();
            repository.remove_snapshot(&again, &manifest).await.unwrap();
            let later = Instant(Instant::now().0.checked_add(GRACE).unwrap());
            let swept = repository.sweep(&acme, &scene.keys, later).await.unwrap();
            let shared = manifest.encryption.is_none();
            assert_eq!(swept.parts == 0, shared, "what is not sealed is shared with the other tenant");
            if shared {
                assert!(repository.manifest(&tenant("other"), &kept, &scene.keys).await.is_ok());
                assert_eq!(repository.parts().await.unwrap().len(), parts);
            }
        }
    }
}
