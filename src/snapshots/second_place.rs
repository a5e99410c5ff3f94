//! A snapshot in a second repository: the same objects under the same names, nothing opened and nothing sealed anew.
//!
//! The order is that of a backup: parts, keys, and the manifest last, so a copy that was stopped is never listed, and goes
//! on where it was. Each part is compared with the manifest on its way. What the second repository holds already is
//! believed where its newest manifest speaks of the very same bytes, and read otherwise.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::error::SnapshotError;
use super::layout::{self, Digest, SnapshotId};
use super::manifest::{MOST_STORED, Manifest};
use super::part::{self, PartRef};
use super::repository::Repository;
use super::source::{RepositorySource, SnapshotSource};
use super::take::Watch;
use super::vault::Vault;
use crate::backends::storage::{Put, StorageError};

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Parts that were written.
    pub parts: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Parts that were there already.
    pub reused: u64,
}

/// Copies a snapshot of this repository into another one, which holds nothing of its own of the tenant but copies.
/// `None` when it was stopped before it was whole.
///
/// # Errors
/// If a store fails, a part is damaged, or the other repository has other bytes or another key under the same name.
pub async fn copy(
    vault: &Vault,
    snapshot: &RepositorySource,
    to: &Repository,
    watch: &dyn Watch,
) -> Result<Option<Copied>, SnapshotError> {
    let manifest = snapshot.manifest();
    if vault.repository().id() == to.id() {
        return Err(SnapshotError::SamePlace { location: to.store().location().to_owned() });
    }
    vault.keyring(&manifest.tenant).fits(to, &manifest.generations()).await?;
    let copying = Copying { vault, to, manifest, known: known(snapshot, to).await? };
    let mut copied = Copied::default();
    let mut seen = BTreeSet::new();
    for (table, part) in manifest.parts().filter(|(_, part)| seen.insert(&part.name)) {
        if watch.stopped() {
            return Ok(None);
        }
        if copying.part(snapshot, table, part).await? {
            copied.parts += 1;
            copied.bytes += part.stored_bytes;
        } else {
            copied.reused += 1;
        }
        watch.advance(part.stored_bytes);
    }
    vault.keyring(&manifest.tenant).copy(to, &manifest.generations()).await?;
    copying.publish(snapshot.id()).await?;
    Ok(Some(copied))
}

/// The parts of which the newest copy speaks, each with the hash of its bytes.
async fn known(snapshot: &RepositorySource, to: &Repository) -> Result<BTreeSet<(Digest, Digest)>, SnapshotError> {
    let tenant = &snapshot.manifest().tenant;
    let Some(newest) = to.snapshots(tenant).await?.pop() else { return Ok(BTreeSet::new()) };
    // One that cannot be opened tells nothing, and everything is read.
    let Ok(manifest) = to.manifest(tenant, &newest.id, snapshot.keys()).await else { return Ok(BTreeSet::new()) };
    Ok(manifest.parts().map(|(_, part)| (part.name.clone(), part.stored_hash.clone())).collect())
}

struct Copying<'a> {
    vault: &'a Vault,
    to: &'a Repository,
    manifest: &'a Manifest,
    known: BTreeSet<(Digest, Digest)>,
}

impl Copying<'_> {
    /// Whether it was written.
    async fn part(&self, from: &RepositorySource, table: &str, part: &PartRef) -> Result<bool, SnapshotError> {
        let size = self.to.has_part(&part.name).await?;
        if size == Some(part.stored_bytes) && self.known.contains(&(part.name.clone(), part.stored_hash.clone())) {
            return Ok(false);
        }
        if size.is_some() {
            match self.to.part(table, part).await {
                Ok(_) => return Ok(false),
                Err(SnapshotError::Part { .. }) => self.may_replace(part).await?,
                Err(other) => return Err(other),
            }
        }
        let bytes = from.stored(table, part).await?;
        let path = layout::part(&part.name);
        if self.to.store().put_new(&path, bytes.clone()).await? == Put::Existed {
            self.to.store().put(&path, bytes).await?;
        }
        Ok(true)
    }

    /// Bytes that some snapshot over there needs are not replaced by others; damaged ones are.
    async fn may_replace(&self, part: &PartRef) -> Result<(), SnapshotError> {
        let path = layout::part(&part.name);
        let found = match self.to.store().get(&path, part::MOST).await {
            Err(StorageError::TooLarge { .. }) => return Ok(()),
            other => other?,
        };
        let Some(found) = found.map(|bytes| Digest::of(&bytes)) else { return Ok(()) };
        let tenant = &self.manifest.tenant;
        let keys = self.vault.keys(tenant).await?;
        for entry in self.to.snapshots(tenant).await? {
            let Ok(manifest) = self.to.manifest(tenant, &entry.id, &keys).await else { continue };
            if manifest.parts().any(|(_, other)| other.name == part.name && other.stored_hash == found) {
                return Err(self.other(&path));
            }
        }
        Ok(())
    }

    fn other(&self, path: &str) -> SnapshotError {
        SnapshotError::OtherContent { location: self.to.store().location().to_owned(), object: path.to_owned() }
    }

    /// From now on the copy exists.
    async fn publish(&self, id: &SnapshotId) -> Result<(), SnapshotError> {
        let tenant = &self.manifest.tenant;
        let stored = self.vault.repository().manifest_bytes(tenant, id).await?;
        let path = layout::manifest(tenant, id);
        if self.to.store().put_new(&path, stored.clone()).await? == Put::Existed {
            let found: Option<Bytes> = self.to.store().get(&path, MOST_STORED).await?;
            if found.as_ref() != Some(&stored) {
                return Err(self.other(&path));
            }
        }
        Ok(())
    }
}
