//! What `backup prune` looks at: snapshots, pins, verifications, garbage, and namespaces that restores left.

use std::time::Duration;

use serde_json::json;

use super::Request;
use crate::backends::site::SiteReader;
use crate::engine::ledger::RunFilter;
use crate::engine::{Fingerprint, Ledger as _, chain};
use crate::model::{Namespace, TenantRecord};
use crate::operations::backup::BackupError;
use crate::snapshots::garbage::GRACE;
use crate::snapshots::retention::{Candidate, Judged, Policy, judge};
use crate::snapshots::vault::Vault;
use crate::snapshots::{Instant, SnapshotId};
use crate::snapshots::{beside, safety};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Each snapshot with the reasons to keep it, newest first, and its rows.
    pub judged: Vec<(Judged, u64)>,
    /// Snapshots that cannot be opened here: they are left alone.
    pub closed: Vec<SnapshotId>,
    /// Whether removed snapshots left anything that may be swept by now.
    pub garbage: bool,
    /// The database that the tenant lives on.
    pub placement: String,
    /// Namespaces that restores put aside longer ago than a day.
    pub aside: Vec<Namespace>,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        let judged: Vec<_> = self.judged.iter().map(|(one, _)| json!([one.id, one.reasons.is_empty()])).collect();
        chain::digest(&json!([judged, self.closed, self.garbage, self.aside]))
    }
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, BackupError> {
    let tenant = reader.tenant(&request.id).await?;
    let policy = policy(request, reader, &tenant)?;
    let vault = Vault::existing(reader.backups()).await?;
    let repository = vault.repository();
    let now = Instant::now();
    let keys = vault.keys(&request.id).await?;
    let verified = repository.all_verified(&request.id).await?;
    let pins = repository.pins(&request.id).await?;
    let (mut candidates, mut rows, mut closed) = (Vec::new(), Vec::new(), Vec::new());
    for entry in repository.snapshots(&request.id).await? {
        let Ok(manifest) = repository.manifest(&request.id, &entry.id, &keys).await else {
            closed.push(entry.id);
            continue;
        };
        let pin = pins.iter().find(|(_, pin)| pin.snapshot == entry.id && pin.holds_at(now));
        rows.push((entry.id.clone(), manifest.rows()));
        candidates.push(Candidate {
            taken_at: manifest.taken_at.0,
            tags: manifest.tags.clone(),
            safety: manifest.tags.contains(safety::TAG),
            sound: verified.get(&entry.id).is_some_and(crate::snapshots::verified::Verified::is_sound),
            held_by: pin.map(|(_, pin)| pin.by.clone()),
            id: entry.id,
        });
    }
    let judged = judge(&candidates, &policy, now.0);
    let of = |id: &SnapshotId| rows.iter().find(|(known, _)| known == id).map_or(0, |(_, rows)| *rows);
    let old = |at: Instant| now.0.checked_sub(GRACE).is_ok_and(|since| at.0 <= since);
    Ok(Snapshot {
        judged: judged.into_iter().map(|one| (one.clone(), of(&one.id))).collect(),
        closed,
        garbage: repository.garbage(&request.id).await?.iter().any(|(_, garbage)| old(garbage.at)),
        aside: aside(reader, &tenant, now).await?,
        placement: tenant.placement,
    })
}

/// What the user said, or what the tenant's tier keeps.
fn policy(request: &Request, reader: &SiteReader, tenant: &TenantRecord) -> Result<Policy, BackupError> {
    let policy = if let Some(policy) = &request.policy {
        policy.clone()
    } else {
        let pack = reader.pack_of(tenant)?;
        let days = pack.manifest.tiers.get(&tenant.tier).map_or(0, |tier| tier.policy.backup_retention_days);
        let within = (days > 0).then(|| Duration::from_hours(24 * u64::from(days)));
        Policy { within, ..Policy::default() }
    };
    if policy.is_empty() {
        return Err(BackupError::NoPolicy { tenant: tenant.id.to_string() });
    }
    Ok(policy)
}

/// What restores put aside, and nobody wanted back for a day.
async fn aside(reader: &SiteReader, tenant: &TenantRecord, now: Instant) -> Result<Vec<Namespace>, BackupError> {
    let database = reader.database(&tenant.placement).await?;
    let filter = RunFilter {
        target: Some(tenant.id.to_string()),
        operation: Some("backup.restore".to_owned()),
        ..RunFilter::default()
    };
    let mut found = Vec::new();
    for run in reader.catalog().runs(&filter).await? {
        let ended: Option<Instant> = run.ended_at.clone().and_then(|at| Instant::try_from(at).ok());
        let is_old = ended.is_some_and(|at| now.0.checked_sub(GRACE).is_ok_and(|since| at.0 <= since));
        let namespace = beside::namespace("old", &run.run);
        if is_old && database.namespace_exists(&namespace).await? {
            found.push(namespace);
        }
    }
    Ok(found)
}
