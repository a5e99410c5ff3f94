//! Who can open what: the generations of a key as they are found here.

use std::collections::BTreeSet;

use super::Keyring;
use crate::backends::sealing::{Identities, SealingKey, TenantKey};
use crate::model::TenantId;
use crate::snapshots::error::SnapshotError;
use crate::snapshots::key_record::KeyRecord;
use crate::snapshots::layout::{self, Object};
use crate::snapshots::repository::Repository;

/// One generation as it was found.
#[derive(Debug, Clone)]
pub struct Known {
    /// What it says of itself.
    pub record: KeyRecord,
    /// Whether it can be opened here, so that rows can be read.
    pub opens: bool,
    /// Whether this machine can seal with it.
    pub seals: bool,
    /// Whether a key that is at hand made the record: then what it says is to be believed.
    pub proven: bool,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// The tenants that have keys in a repository, in order; they need not be registered any more.
pub async fn tenants(repository: &Repository) -> Result<BTreeSet<TenantId>, SnapshotError> {
    let entries = repository.store().list(layout::KEYS).await?;
    let tenant = |path: &str| match Object::of(path)? {
        Object::WrappedKey(tenant, _) | Object::KeyRecord(tenant, _) => Some(tenant),
        _ => None,
    };
    Ok(entries.iter().filter_map(|entry| tenant(&entry.path)).collect())
}

impl Keyring {
    /// All generations, oldest first, each with what can be done with it here.
    pub async fn known(&self, identities: &Identities) -> Result<Vec<Known>, SnapshotError> {
        let mut all = Vec::new();
        for record in self.records().await? {
            all.push(self.looked_at(record, identities).await?);
        }
        Ok(all)
    }

    async fn looked_at(&self, record: KeyRecord, identities: &Identities) -> Result<Known, SnapshotError> {
        let generation = record.generation();
        let mut problem = None;
        let (local, unusable) = match self.local.get(&self.tenant, generation) {
            Ok(key) => (key.filter(|key| record.is_of(key)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let opened = match self.wrapped(generation).await? {
            None => {
                problem = Some("the sealed key is missing".to_owned());
                None
            }
            Some(wrapped) => {
                if !record.fits(&wrapped) {
                    problem = Some("the sealed key is another one than its record says".to_owned());
                }
                match self.opened(generation, &wrapped, identities).await {
                    Err(SnapshotError::Key(error)) => {
                        problem = Some(error.to_string());
                        None
                    }
                    other => other?,
                }
            }
        };
        let by_opened = opened.as_ref().map(TenantKey::sealing).is_some_and(|key: SealingKey| record.is_of(&key));
        if opened.is_some() && !by_opened && problem.is_none() {
            problem = Some("its record is forged".to_owned());
        }
        let sound = problem.is_none();
        Ok(Known {
            opens: by_opened && sound,
            seals: sound && unusable.is_none() && (by_opened || local.is_some()),
            proven: by_opened || local.is_some(),
            problem: problem.or(unusable),
            record,
        })
    }

    /// The key of a generation, after its record was compared with it.
    pub(super) async fn believed(
        &self,
        record: &KeyRecord,
        identities: &Identities,
    ) -> Result<TenantKey, SnapshotError> {
        let generation = record.generation();
        let what = layout::wrapped_key(&self.tenant, generation);
        let wrapped = self.wrapped(generation).await?;
        let wrapped = wrapped.ok_or_else(|| SnapshotError::damaged(&what, "it is missing"))?;
        let key = self.opened(generation, &wrapped, identities).await?;
        let tenant = || self.tenant.to_string();
        let key = key.ok_or_else(|| SnapshotError::NoKey { tenant: tenant(), generation })?;
        if record.is_of(&key.sealing()) { Ok(key) } else { Err(SnapshotError::damaged(what, "its record is forged")) }
    }
}
