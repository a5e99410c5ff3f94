//! Generations of a tenant's key: made, shared with administrators, rotated, erased.
//!
//! Two objects for each generation:
//!
//! - `keys/<tenant>/<generation>.age`: the tenant's age identity, sealed for the administrators. With `age -d` it is
//!   an identity file that opens parts and manifests.
//! - `keys/<tenant>/<generation>.pub.json`: what may be known in public: recipient, administrators, why it was made. It is signed
//!   with the content key, so who can only write to the store cannot add themselves to the list.
//!
//! A machine that makes backups may know nothing but the administrators' public keys. It cannot open any
//! generation then, and naming parts needs a secret. So it makes a generation of its own, seals the secret
//! half for the administrators, forgets it, and keeps the [sealing key](crate::backends::sealing::SealingKey) in its
//! state directory ([`LocalKeys`]). As long as that file is there every backup of the machine uses this generation; when it
//! is lost, or on a second machine, another generation is made, which costs storing everything once again and nothing else.
//! A machine that can open a generation, because a passphrase or an identity is at hand, uses the newest one.
//!
//! A machine never seals with a public key that it read from the store alone: either it made the key, or it opened the secret half, or
//! it kept it from before. Before each backup it checks that the sealed key is still there, unchanged: a backup that nobody can open
//! would be worse than none.
//!
//! Removing an administrator makes a new generation, marked as one that supersedes the older ones; those are not used for new backups,
//! on no machine. What a removed administrator could open before, they can open from a copy still.
//!
//! | file | holds |
//! |---|---|
//! | this one | keys for making and for reading backups |
//! | [`known`] | who can open what, as far as it can be told here |
//! | [`change`] | administrators come and go; keys are erased |
//! | [`copied`] | the same keys in a second repository |

pub mod change;
pub mod copied;
pub mod known;

use bytes::Bytes;

use crate::backends::sealing::{Administrator, Administrators, Identities, KeyError, SealingKey, TenantKey};
use crate::backends::storage::Put;
use crate::model::TenantId;

use super::error::SnapshotError;
use super::key_record::{Generation, KeyRecord, Reason};
use super::keys::Keys;
use super::layout::{self, Object};
use super::local_keys::LocalKeys;
use super::record;
use super::repository::Repository;

/// A sealed key is a short file.
const MOST_WRAPPED: u64 = 1 << 18;

/// The generations of one tenant's key.
#[derive(Debug, Clone)]
pub struct Keyring {
    repository: Repository,
    tenant: TenantId,
    local: LocalKeys,
}

impl Keyring {
    /// In this repository, with what this machine keeps.
    pub fn new(repository: &Repository, tenant: &TenantId, local: LocalKeys) -> Self {
        Self { repository: repository.clone(), tenant: tenant.clone(), local }
    }

    /// All generations, oldest first. Nothing in them is to be believed before [`KeyRecord::is_of`] says so.
    pub async fn records(&self) -> Result<Vec<KeyRecord>, SnapshotError> {
        let mut records = Vec::new();
        for entry in self.repository.store().list(&layout::keys_of(&self.tenant)).await? {
            let Some(Object::KeyRecord(_, generation)) = Object::of(&entry.path) else { continue };
            let Some(bytes) = self.repository.store().get(&entry.path, record::MOST).await? else { continue };
            let found: KeyRecord = record::decode(&entry.path, &bytes)?;
            if found.body.tenant != self.tenant || found.body.generation != generation {
                return Err(SnapshotError::damaged(entry.path, "it is the record of another key"));
            }
            records.push(found);
        }
        records.sort_by_key(KeyRecord::generation);
        Ok(records)
    }

    /// The generation to make a backup with, and its key; made where this machine has none that all of the
    /// administrators can open: a backup that is sealed for a key which was lost and replaced would be worth nothing.
    pub async fn for_backup(
        &self,
        administrators: &Administrators,
        identities: &Identities,
    ) -> Result<(u32, SealingKey), SnapshotError> {
        let records = self.records().await?;
        let rotated = records.iter().rfind(|record| record.body.reason == Reason::Rotated);
        let oldest = rotated.map_or(0, KeyRecord::generation);
        // Those who were removed stay removed, whatever this machine's configuration says.
        let allowed = rotated.map_or_else(|| administrators.clone(), |new| administrators.among(new.administrators()));
        let by_passphrase = allowed.iter().any(|one| matches!(one, Administrator::Passphrase(_)));
        for record in records.iter().rev().take_while(|record| record.generation() >= oldest) {
            if allowed.shown().iter().any(|shown| !record.administrators().contains(shown)) {
                continue;
            }
            if let Some(key) = self.usable(record, identities, by_passphrase).await? {
                return Ok((record.generation(), key));
            }
        }
        // Nothing tells a passphrase that was replaced from another one but that it opens nothing any more.
        let replaced = by_passphrase && rotated.is_some();
        if replaced || (allowed.is_empty() && !administrators.is_empty()) {
            return Err(SnapshotError::Superseded { tenant: self.tenant.to_string() });
        }
        let (generation, key) = self.make(&allowed, Reason::Needed, &[]).await?;
        Ok((generation, key.sealing()))
    }

    /// The key of a generation, if this machine has it or can open it, and the sealed key is as it should be. A
    /// passphrase has no public half by which it could be known, so there only opening will do.
    async fn usable(
        &self,
        record: &KeyRecord,
        identities: &Identities,
        must_open: bool,
    ) -> Result<Option<SealingKey>, SnapshotError> {
        let generation = record.generation();
        let Some(wrapped) = self.wrapped(generation).await? else { return Ok(None) };
        if !record.fits(&wrapped) {
            return Ok(None);
        }
        if must_open && self.opened(generation, &wrapped, identities).await?.is_none() {
            return Ok(None);
        }
        if let Some(key) = self.local.get(&self.tenant, generation)? {
            // Another key than the one that was kept is somebody else's.
            return Ok(record.is_of(&key).then_some(key));
        }
        let Some(key) = self.opened(generation, &wrapped, identities).await? else { return Ok(None) };
        let key = key.sealing();
        if !record.is_of(&key) {
            return Ok(None);
        }
        self.local.put(&self.tenant, generation, &key)?;
        Ok(Some(key))
    }

    /// All keys that can be had: with the identities for everything, without them for manifests.
    pub async fn keys(&self, identities: &Identities) -> Result<Keys, SnapshotError> {
        let mut keys = Keys::none();
        for generation in self.generations().await? {
            if let Some(key) = self.local.get(&self.tenant, generation)? {
                keys.add_sealing(generation, key);
            }
            let Some(wrapped) = self.wrapped(generation).await? else { continue };
            if let Some(key) = self.opened(generation, &wrapped, identities).await? {
                keys.add(generation, key);
            }
        }
        Ok(keys)
    }

    /// The sealed key of a generation.
    pub async fn wrapped(&self, generation: u32) -> Result<Option<Bytes>, SnapshotError> {
        Ok(self.repository.store().get(&layout::wrapped_key(&self.tenant, generation), MOST_WRAPPED).await?)
    }

    async fn generations(&self) -> Result<Vec<u32>, SnapshotError> {
        let entries = self.repository.store().list(&layout::keys_of(&self.tenant)).await?;
        let mut all: Vec<u32> = entries
            .iter()
            .filter_map(|entry| match Object::of(&entry.path)? {
                Object::WrappedKey(_, generation) => Some(generation),
                _ => None,
            })
            .collect();
        all.sort_unstable();
        Ok(all)
    }

    async fn opened(
        &self,
        generation: u32,
        wrapped: &Bytes,
        identities: &Identities,
    ) -> Result<Option<TenantKey>, SnapshotError> {
        if identities.is_empty() {
            return Ok(None);
        }
        let (wrapped, identities) = (wrapped.clone(), identities.clone());
        let what = layout::wrapped_key(&self.tenant, generation);
        let open = move || match TenantKey::unwrap(&wrapped, &identities, &what) {
            Ok(key) => Ok(Some(key)),
            Err(KeyError::Wrong { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        };
        super::source::blocking(open).await
    }

    async fn make(
        &self,
        administrators: &Administrators,
        why: Reason,
        removed: &[String],
    ) -> Result<(u32, TenantKey), SnapshotError> {
        let mut generation = self.generations().await?.last().map_or(1, |newest| newest + 1);
        let key = TenantKey::generate();
        let store = self.repository.store();
        loop {
            let new = Generation::new(&self.tenant, generation, &key, why).without(removed);
            let made = new.seal(administrators.clone()).await?;
            // Of several machines exactly one gets this number.
            let path = layout::wrapped_key(&self.tenant, generation);
            if store.put_new(&path, made.wrapped).await? == Put::Created {
                self.local.put(&self.tenant, generation, &key.sealing())?;
                store.put(&layout::key_record(&self.tenant, generation), made.record).await?;
                return Ok((generation, key));
            }
            generation += 1;
        }
    }
}

#[cfg(test)]
mod tests;
