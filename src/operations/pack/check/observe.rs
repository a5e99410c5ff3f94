//! Reads a pack with everything in it.

use super::first_data;
use super::{Checked, View};
use crate::backends::packs::{self, PackSourceError};
use crate::model::check::cycles;
use crate::model::fingerprint;
use crate::model::pack::{Limit, Pack, PackError, Release};
use crate::operations::pack::{PackFault, Packs};

/// Checks one pack; every mistake is reported at once.
pub fn observe(reference: &str, reader: &Packs) -> Result<View, PackFault> {
    let pack = packs::load(reference, &reader.folder)?;
    let mut flaws = Vec::new();
    let mut versions = Vec::new();
    let mut notes = Vec::new();
    for release in &pack.releases {
        let counts = first_data::check(release, &mut flaws);
        notes.extend(over_quota(&pack, release, &counts));
        for cycle in cycles(&release.model) {
            notes.push(format!(
                "{}: {} point at each other in a circle, so their records have to be loaded together",
                release.version,
                cycle.join(", ")
            ));
        }
        versions.push(Checked {
            version: release.version,
            tables: release.model.tables.len(),
            steps: release.migration.as_ref().map_or(0, |migration| migration.steps.len()),
            records: counts.iter().map(|(_, records)| records).sum(),
            fingerprint: fingerprint(&release.model),
        });
    }
    if flaws.is_empty() {
        return Ok(View { pack: pack.name().to_owned(), digest: pack.digest.clone(), versions, notes });
    }
    Err(PackSourceError::Invalid(PackError { pack: reference.to_owned(), flaws }).into())
}

/// Tiers whose quota the first data alone would use up.
fn over_quota(pack: &Pack, release: &Release, counts: &[(String, u64)]) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, quota) in pack.manifest.quotas.iter().filter(|(_, quota)| quota.per.is_none()) {
        let Some((table, records)) = counts.iter().find(|(table, _)| quota.table.as_ref() == Some(table)) else {
            continue;
        };
        for (tier, definition) in &pack.manifest.tiers {
            let limit = definition.quotas.get(name).copied().unwrap_or(Limit::Unlimited);
            if !limit.allows(*records) {
                notes.push(format!(
                    "{}: the first data has {records} {table}, the tier '{tier}' allows {limit}",
                    release.version
                ));
            }
        }
    }
    notes
}
