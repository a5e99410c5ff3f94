//! What was verified, when, how deep, and with which result.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::TenantId;

use super::error::SnapshotError;
use super::instant::Instant;
use super::layout::{self, Object, SnapshotId};
use super::record;
use super::repository::Repository;

/// How deep a verification looks; a deeper one includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The chain is complete.
    List,
    /// Every object is there and has the right size.
    Quick,
    /// Every byte is right.
    Data,
    /// The living tenant has the same rows.
    Live,
    /// It was restored and compared.
    Drill,
}

/// The result of one verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// When it ended.
    pub at: Instant,
    /// Objects that were looked at.
    pub objects: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What was wrong, in words; nothing means that all was well.
    pub problems: Vec<String>,
    /// The version of fixtool that looked.
    pub fixtool: String,
}

/// All results for one snapshot, the newest of each level.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Result by level.
    pub levels: BTreeMap<Level, Outcome>,
}

impl Verified {
    /// The newest result that is at least this deep and at least this young.
    pub fn since(&self, level: Level, since: Instant) -> Option<(Level, &Outcome)> {
        let fitting = self.levels.range(level..).filter(|(_, outcome)| outcome.at >= since);
        fitting.max_by_key(|(_, outcome)| outcome.at).map(|(level, outcome)| (*level, outcome))
    }

    /// Damage that was found, and that no later look of at least that depth took back.
    pub fn damage(&self) -> Option<(Level, &Outcome)> {
        let healed = |level: Level, at: Instant| {
            self.levels.range(level..).any(|(_, later)| later.problems.is_empty() && later.at > at)
        };
        let found = self.levels.iter().filter(|(level, bad)| !bad.problems.is_empty() && !healed(**level, bad.at));
        found.max_by_key(|(_, outcome)| outcome.at).map(|(level, outcome)| (*level, outcome))
    }

    /// Whether the bytes were once found to be right, and nothing wrong after that.
    pub fn is_sound(&self) -> bool {
        self.damage().is_none() && self.levels.range(Level::Data..).any(|(_, outcome)| outcome.problems.is_empty())
    }
}

impl Repository {
    /// What was verified of a snapshot.
    pub async fn verified(&self, tenant: &TenantId, id: &SnapshotId) -> Result<Verified, SnapshotError> {
        let path = layout::verified(tenant, id);
        match self.store().get(&path, record::MOST).await? {
            Some(bytes) => record::decode(&path, &bytes),
            None => Ok(Verified::default()),
        }
    }

    /// Keeps a result, in place of an older one of the same level.
    pub async fn keep_verified(
        &self,
        (tenant, id): (&TenantId, &SnapshotId),
        level: Level,
        outcome: Outcome,
    ) -> Result<(), SnapshotError> {
        let path = layout::verified(tenant, id);
        // A damaged record is only a lost result: the new one takes its place.
        let mut verified = match self.verified(tenant, id).await {
            Err(SnapshotError::Damaged { .. }) => Verified::default(),
            other => other?,
        };
        verified.levels.insert(level, outcome);
        Ok(self.store().put(&path, Bytes::from(record::encode(&path, &verified)?)).await?)
    }

    /// The snapshots of a tenant of which results are kept.
    pub async fn all_verified(&self, tenant: &TenantId) -> Result<BTreeMap<SnapshotId, Verified>, SnapshotError> {
        let mut all = BTreeMap::new();
        for entry in self.store().list(&format!("{}/{tenant}/verified", layout::TENANTS)).await? {
            let Some(Object::Verified(_, id)) = Object::of(&entry.path) else { continue };
            let Some(bytes) = self.store().get(&entry.path, record::MOST).await? else { continue };
            all.insert(id, record::decode(&entry.path, &bytes)?);
        }
        Ok(all)
    }

    /// Forgets the results of a snapshot that is gone.
    pub async fn delete_verified(&self, tenant: &TenantId, id: &SnapshotId) -> Result<(), SnapshotError> {
        Ok(self.store().delete(&layout::verified(tenant, id)).await?)
    }
}
