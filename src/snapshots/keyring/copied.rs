//! Keys in a second repository, for copies of snapshots.

use std::collections::BTreeSet;

use super::{Keyring, MOST_WRAPPED};
use crate::backends::storage::Store;
use crate::snapshots::error::SnapshotError;
use crate::snapshots::key_record::KeyRecord;
use crate::snapshots::layout;
use crate::snapshots::record;
use crate::snapshots::repository::Repository;

impl Keyring {
    /// Whether another repository has no other key under the number of one of these generations.
    ///
    /// # Errors
    /// If it has: a snapshot that is copied there would be one that nobody opens.
    pub async fn fits(&self, to: &Repository, generations: &BTreeSet<u32>) -> Result<(), SnapshotError> {
        for record in self.records().await? {
            let path = layout::key_record(&self.tenant, record.generation());
            let Some(there) = read(to.store(), &path).await? else { continue };
            if generations.contains(&record.generation()) && there.recipient() != record.recipient() {
                return Err(SnapshotError::OtherContent {
                    location: to.store().location().to_owned(),
                    object: layout::wrapped_key(&self.tenant, record.generation()),
                });
            }
        }
        Ok(())
    }

    /// Copies these generations, and renews all that the other repository has of this one: who was removed here
    /// shall not be able to open a copy.
    pub async fn copy(&self, to: &Repository, generations: &BTreeSet<u32>) -> Result<(), SnapshotError> {
        for record in self.records().await? {
            let generation = record.generation();
            let (wrapped, path) =
                (layout::wrapped_key(&self.tenant, generation), layout::key_record(&self.tenant, generation));
            let there = read(to.store(), &path).await?;
            let same_key = there.as_ref().is_some_and(|there| there.recipient() == record.recipient());
            if !generations.contains(&generation) && !same_key {
                continue;
            }
            for path in [&wrapped, &path] {
                let bytes = self.repository.store().get(path, MOST_WRAPPED).await?;
                let bytes = bytes.ok_or_else(|| SnapshotError::damaged(path, "it is missing"))?;
                if to.store().get(path, MOST_WRAPPED).await?.as_ref() != Some(&bytes) {
                    to.store().put(path, bytes).await?;
                }
            }
            // Where the first place does not answer one day, backups go on in the second with the same key.
            if let Some(key) = self.local.get(&self.tenant, generation)?.filter(|key| record.is_of(key)) {
                self.local.beside(to.id()).put(&self.tenant, generation, &key)?;
            }
        }
        Ok(())
    }
}

async fn read(store: &Store, path: &str) -> Result<Option<KeyRecord>, SnapshotError> {
    match store.get(path, record::MOST).await? {
        Some(bytes) => Ok(Some(record::decode(path, &bytes)?)),
        None => Ok(None),
    }
}
