//! Reads a pack with everything in it.

use super::first_data;
use super::{Checked, View};
use crate::backends::packs::{self, PackSourceError};
use crate::model::check::cycles;
use crate::model::pack::{Flaw, Limit, Pack, PackError, Release};
use crate::model::{Table, fingerprint};
use crate::operations::pack::{PackFault, Packs};
use crate::rules::{RecordCheck, RuleFile};

/// Checks one pack; every mistake is reported at once.
pub fn observe(reference: &str, reader: &Packs) -> Result<View, PackFault> {
    let pack = packs::load(reference, &reader.folder)?;
    let mut flaws = Vec::new();
    let mut versions = Vec::new();
    let mut notes = Vec::new();
    let mut rules_file = String::new();
    for release in &pack.releases {
        let before = versions.len().checked_sub(1).and_then(|at| pack.releases.get(at));
        flaws.extend(conditions(release, before));
        if before.is_none_or(|before| before.rules != release.rules) {
            rules_file = format!("{}/rules.yaml", release.version);
        }
        let rules = rules(release, &rules_file, &mut flaws);
        let counts = first_data::check(release, &rules, &mut flaws);
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

/// The rules of a version, held against its tables and their own examples.
fn rules(release: &Release, file: &str, flaws: &mut Vec<Flaw>) -> RuleFile {
    let Some(text) = &release.rules else { return RuleFile::default() };
    RuleFile::read(file, text.as_bytes(), &release.model).unwrap_or_else(|error| {
        flaws.extend(error.flaws);
        RuleFile::default()
    })
}

/// Conditions that fixtool cannot read, and so could not check on records; each is told for the version that brings it.
fn conditions(release: &Release, before: Option<&Release>) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (name, table) in &release.model.tables {
        let known = before.and_then(|release| release.model.tables.get(name)).map(|table| &table.check);
        for (check, condition) in &table.check {
            if known.is_some_and(|known| known.get(check) == Some(condition)) {
                continue;
            }
            if let Err(reason) = readable(name, table, check) {
                let file = if before.is_none() { "model.yaml" } else { "migration.yaml" };
                let message = format!("the check '{check}' of '{name}': {reason}");
                flaws.push(Flaw::of_file(&format!("{}/{file}", release.version), message));
            }
        }
    }
    flaws
}

/// Whether one condition of a table can be checked on records.
pub(in crate::operations::pack) fn readable(name: &str, table: &Table, check: &str) -> Result<(), String> {
    let mut alone = table.clone();
    alone.check.retain(|name, _| name == check);
    let columns: Vec<String> = table.columns.keys().cloned().collect();
    RecordCheck::compile(name, &alone, &columns, 0).map(|_| ()).map_err(|error| error.to_string())
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
