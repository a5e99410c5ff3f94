//! What must not be pruned: snapshots that somebody wants to keep, and those that are being read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backends::storage::Put;
use crate::model::TenantId;

use super::error::SnapshotError;
use super::instant::Instant;
use super::layout::{self, Object, SnapshotId};
use super::record;
use super::repository::Repository;

/// Why a snapshot is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Somebody wants to keep it.
    Keep,
    /// It is being read, by a restore or a verification.
    Reader,
}

/// A pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// What is held.
    pub snapshot: SnapshotId,
    /// Why.
    pub hold: Hold,
    /// Who holds it, or the reason in words.
    pub by: String,
    /// Since when.
    pub since: Instant,
    /// Until when; a reader renews it. `None` is until somebody removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

impl Pin {
    /// Whether it holds its snapshot at this moment.
    pub fn holds_at(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Repository {
    /// A tenant's pins with their names, those that have run out too.
    pub async fn pins(&self, tenant: &TenantId) -> Result<Vec<(String, Pin)>, SnapshotError> {
        let mut pins = Vec::new();
        for entry in self.store().list(&layout::pins_of(tenant)).await? {
            let Some(Object::Pin(_, name)) = Object::of(&entry.path) else { continue };
            // A reader may remove its pin while the list is read.
            let Some(bytes) = self.store().get(&entry.path, record::MOST).await? else { continue };
            pins.push((name, record::decode(&entry.path, &bytes)?));
        }
        Ok(pins)
    }

    /// Makes a pin; its name is what removes or renews it.
    pub async fn pin(&self, tenant: &TenantId, pin: &Pin) -> Result<String, SnapshotError> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        let path = layout::pin(tenant, &name);
        match self.store().put_new(&path, Bytes::from(record::encode(&path, pin)?)).await? {
            Put::Created => Ok(name),
            Put::Existed => Err(SnapshotError::damaged(path, "a new pin has the name of an old one")),
        }
    }

    /// Renews a pin.
    pub async fn renew_pin(&self, tenant: &TenantId, name: &str, pin: &Pin) -> Result<(), SnapshotError> {
        let path = layout::pin(tenant, name);
        Ok(self.store().put(&path, Bytes::from(record::encode(&path, pin)?)).await?)
    }

    /// Removes a pin.
    pub async fn unpin(&self, tenant: &TenantId, name: &str) -> Result<(), SnapshotError> {
        Ok(self.store().delete(&layout::pin(tenant, name)).await?)
    }
}
