//! The keys of one tenant that are at hand.

use std::collections::BTreeMap;

use super::error::SnapshotError;
use super::manifest::Manifest;
use crate::backends::sealing::{KeyError, SealingKey, TenantKey};

/// Keys by generation: some open everything, others, which a machine keeps, only manifests.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    tenant: BTreeMap<u32, TenantKey>,
    sealing: BTreeMap<u32, SealingKey>,
}

impl Keys {
    /// None: for what is not sealed.
    pub fn none() -> Self {
        Self::default()
    }

    /// One more, with its secret half.
    pub fn add(&mut self, generation: u32, key: TenantKey) {
        self.sealing.insert(generation, key.sealing());
        self.tenant.insert(generation, key);
    }

    /// One more, for manifests alone.
    pub fn add_sealing(&mut self, generation: u32, key: SealingKey) {
        self.sealing.insert(generation, key);
    }

    /// The key of a generation that opens parts.
    pub fn tenant(&self, generation: u32) -> Option<&TenantKey> {
        self.tenant.get(&generation)
    }

    /// The key of a generation that opens manifests.
    pub fn sealing(&self, generation: u32) -> Option<&SealingKey> {
        self.sealing.get(&generation)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sealing.is_empty()
    }

    /// Whether every row of a snapshot can be opened.
    ///
    /// # Errors
    /// If one of its keys is not at hand: then nothing is to be begun.
    pub fn all_at_hand(&self, manifest: &Manifest) -> Result<(), SnapshotError> {
        match manifest.generations().into_iter().find(|generation| !self.tenant.contains_key(generation)) {
            Some(generation) => Err(SnapshotError::NoKey { tenant: manifest.tenant.to_string(), generation }),
            None => Ok(()),
        }
    }

    /// Opens a manifest, of which nobody knows the generation before it is open; the newest keys come first.
    pub(super) fn open_manifest(
        &self,
        stored: &[u8],
        most: u64,
        what: &str,
    ) -> Result<(Vec<u8>, &SealingKey), KeyError> {
        for key in self.sealing.values().rev() {
            match key.open_manifest(stored, most, what) {
                Ok(opened) => return Ok((opened, key)),
                Err(KeyError::Wrong { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Err(KeyError::Wrong { what: what.to_owned(), tried: self.sealing.len() })
    }
}
