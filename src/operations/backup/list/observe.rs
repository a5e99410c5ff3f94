//! What `backup list` looks at: manifests and what was verified, in one pass.

use std::collections::BTreeMap;

use super::{Checked, List, Listed, Told, View};
use crate::backends::site::SiteReader;
use crate::model::TenantId;
use crate::operations::backup::BackupError;
use crate::snapshots::repository::SnapshotEntry;
use crate::snapshots::vault::Vault;
use crate::snapshots::verified::Verified;
use crate::snapshots::{Keys, Manifest, SnapshotId, safety};

/// What is known of one tenant.
struct Known {
    keys: Keys,
    verified: BTreeMap<SnapshotId, Verified>,
}

pub(super) async fn observe(list: &List, reader: &SiteReader) -> Result<View, BackupError> {
    let Some(vault) = Vault::look(reader.backups()).await? else {
        return Ok(View { location: None, snapshots: Vec::new(), notes: Vec::new() });
    };
    let mut known: BTreeMap<TenantId, Known> = BTreeMap::new();
    let mut snapshots = Vec::new();
    for entry in vault.repository().all_snapshots().await? {
        if !list.tenants.is_empty() && !list.tenants.iter().any(|wanted| wanted == entry.tenant.as_str()) {
            continue;
        }
        if !known.contains_key(&entry.tenant) {
            let keys = vault.keys(&entry.tenant).await?;
            let verified = vault.repository().all_verified(&entry.tenant).await?;
            known.insert(entry.tenant.clone(), Known { keys, verified });
        }
        if let Some(of_tenant) = known.get(&entry.tenant) {
            snapshots.push(listed(&vault, entry, of_tenant).await);
        }
    }
    let location = Some(vault.repository().store().location().to_owned());
    Ok(View { location, snapshots, notes: vault.passed_over })
}

async fn listed(vault: &Vault, entry: SnapshotEntry, known: &Known) -> Listed {
    let manifest = vault.repository().manifest(&entry.tenant, &entry.id, &known.keys).await;
    let (told, problem) = match manifest {
        Ok(manifest) => (Some(told(&manifest)), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let verified = known.verified.get(&entry.id).and_then(deepest);
    Listed { tenant: entry.tenant.to_string(), id: entry.id.to_string(), told, problem, verified }
}

/// What a manifest says, for people and programs.
pub fn told(manifest: &Manifest) -> Told {
    Told {
        taken_at: manifest.taken_at.to_string(),
        kind: manifest.kind,
        engine: manifest.engine,
        rows: manifest.rows(),
        raw_bytes: manifest.raw_bytes(),
        stored_bytes: manifest.stored_bytes(),
        sealed: manifest.encryption.is_some(),
        safety_copy: manifest.tags.contains(safety::TAG),
        only_tables: manifest.scope.tables.as_ref().map(|tables| tables.iter().cloned().collect()),
        tags: manifest.tags.iter().filter(|tag| !tag.starts_with("run:")).cloned().collect(),
    }
}

/// Damage that stands; otherwise the deepest verification.
fn deepest(verified: &Verified) -> Option<Checked> {
    let (level, outcome) =
        verified.damage().or_else(|| verified.levels.last_key_value().map(|(level, outcome)| (*level, outcome)))?;
    let level = serde_json::to_value(level).ok()?.as_str()?.to_owned();
    Some(Checked { level, at: outcome.at.to_string(), problems: outcome.problems.clone() })
}
