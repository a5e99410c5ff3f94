//! Administrators come and go, and keys are erased. Each change can be made again after an interruption.

use bytes::Bytes;

use super::Keyring;
use crate::backends::sealing::{Administrators, Identities, TenantKey};
use crate::snapshots::error::SnapshotError;
use crate::snapshots::key_record::{Generation, KeyRecord, Reason};
use crate::snapshots::layout::{self, Digest, Object};
use crate::snapshots::record;

impl Keyring {
    /// A generation that takes the place of all before it, with this number or the next one that is free. One that an
    /// interrupted run made is found and used.
    pub async fn supersede(
        &self,
        number: u32,
        administrators: &Administrators,
        removed: &[String],
    ) -> Result<u32, SnapshotError> {
        for record in self.records().await?.iter().filter(|record| record.generation() >= number) {
            let own = self.local.get(&self.tenant, record.generation())?.is_some_and(|key| record.is_of(&key));
            let wrapped = self.wrapped(record.generation()).await?;
            let whole = wrapped.is_some_and(|wrapped| record.fits(&wrapped));
            let same = record.administrators() == administrators.shown() && record.removed() == removed;
            if own && whole && same && record.reason() == Reason::Rotated {
                return Ok(record.generation());
            }
        }
        Ok(self.make(administrators, Reason::Rotated, removed).await?.0)
    }

    /// Seals a generation for these administrators in place of those who had it. Takes the key of one who can open it.
    pub async fn reseal(
        &self,
        generation: u32,
        administrators: &Administrators,
        identities: &Identities,
    ) -> Result<(), SnapshotError> {
        let records = self.records().await?;
        let record = records.iter().find(|record| record.generation() == generation);
        let missing = || SnapshotError::damaged(layout::key_record(&self.tenant, generation), "it is missing");
        let record = record.ok_or_else(missing)?;
        let key = self.believed(record, identities).await?;
        self.rewrap(record, &key, administrators).await
    }

    /// The record allows both forms meanwhile, so an interruption leaves no key that looks forged.
    async fn rewrap(&self, old: &KeyRecord, key: &TenantKey, to: &Administrators) -> Result<(), SnapshotError> {
        let generation = old.generation();
        let (store, sealing) = (self.repository.store(), key.sealing());
        let made = Generation::new(&self.tenant, generation, key, old.reason()).seal(to.clone()).await?;
        let (path, wrapped) =
            (layout::key_record(&self.tenant, generation), layout::wrapped_key(&self.tenant, generation));
        let mut body = old.body.clone();
        body.wrapped.push(Digest::of(&made.wrapped));
        let both = record::encode(&path, KeyRecord::new(body.clone(), &sealing)?)?;
        store.put(&path, Bytes::from(both)).await?;
        store.put(&wrapped, made.wrapped.clone()).await?;
        body.wrapped = vec![Digest::of(&made.wrapped)];
        body.administrators = to.shown();
        body.removed.retain(|shown| !body.administrators.contains(shown));
        let new = record::encode(&path, KeyRecord::new(body, &sealing)?)?;
        Ok(store.put(&path, Bytes::from(new)).await?)
    }

    /// Erases the tenant's keys: whatever is sealed with them, anywhere, is lost for good.
    pub async fn erase(&self) -> Result<(), SnapshotError> {
        let store = self.repository.store();
        let entries = store.list(&layout::keys_of(&self.tenant)).await?;
        let (sealed, others): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| matches!(Object::of(&entry.path), Some(Object::WrappedKey(..))));
        for entry in sealed.into_iter().chain(others) {
            store.delete(&entry.path).await?;
        }
        self.local.forget(&self.tenant)
    }
}
