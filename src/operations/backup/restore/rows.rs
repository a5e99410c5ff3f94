//! Single tables of a living tenant become what they were: what is seen, what is done, and how.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::{Action, Way};
use super::{Request, Snapshot};
use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::plan::NO_SAFETY_COPY;
use crate::engine::{Draft, Outcome, Step, StepContext};
use crate::model::TenantRecord;
use crate::operations::backup::{BackupError, which};
use crate::rules::check_sql;
use crate::snapshots::manifest::Manifest;
use crate::snapshots::rows::{Rows, fit, is_replaced, tidy};
use crate::snapshots::safety::{self, Foreseen, Keeping, Wanted, foresee};
use crate::snapshots::source::SnapshotSource;
use crate::snapshots::vault::Vault;

/// A table of which the rows are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its name.
    pub table: String,
    /// Its rows now.
    pub now: u64,
    /// Its rows in the snapshot.
    pub then: u64,
    /// Their bytes before compression.
    pub bytes: u64,
}

/// What was seen of single tables.
#[derive(Debug, Clone)]
pub struct Single {
    /// The tables.
    pub tables: Vec<Replaced>,
    /// The safety copy that is going to be made.
    pub safety: Option<Foreseen>,
}

pub(super) async fn observe(
    request: &Request,
    reader: &SiteReader,
    (manifest, tenant, wanted): (&Manifest, &TenantRecord, &BTreeSet<String>),
) -> Result<Single, BackupError> {
    fit(manifest, &reader.model_of(tenant)?, wanted)?;
    let database = reader.database(&tenant.placement).await?;
    let names: Vec<String> = wanted.iter().cloned().collect();
    let stats = database.table_stats(&tenant.namespace, &names).await?;
    let safety = if request.no_safety_copy {
        None
    } else {
        Some(foresee(reader, &tenant.id, Wanted::Tables(wanted.clone()), &stats).await?)
    };
    let now = |name: &str| stats.iter().find(|table| table.table == name).map_or(0, |table| table.rows);
    let chosen = manifest.tables.iter().filter(|table| wanted.contains(&table.name));
    let replaced = |table: &crate::snapshots::manifest::TableEntry| Replaced {
        table: table.name.clone(),
        now: now(&table.name),
        then: table.rows,
        bytes: table.parts.iter().map(|part| part.raw_bytes).sum(),
    };
    Ok(Single { tables: chosen.map(replaced).collect(), safety })
}

pub(super) fn decide(seen: &Snapshot, single: &Single) -> Draft<Action> {
    let way = Way { found: seen.found.clone(), tenant: seen.after.clone(), beside: true };
    let mut steps = Vec::new();
    let mut notes = vec![format!("the snapshot {} tells of {}", seen.id, seen.taken_at)];
    let copy = single.safety.as_ref().map(|foreseen| {
        let action = Action::SafetyCopy { tenant: seen.after.id.clone(), foreseen: foreseen.clone() };
        steps.push(Step { stage: 0, action });
        notes.push(foreseen.note());
        0
    });
    if copy.is_none() {
        notes.push(format!("{NO_SAFETY_COPY}; the rows as they are now cannot be brought back"));
    }
    notes.extend(single.tables.iter().map(|one| {
        format!("{}: {} rows now, {} in the snapshot; rows that it does not have go", one.table, one.now, one.then)
    }));
    notes.push("a row that others refer to, and that would have to go, stops it before anything is changed".to_owned());
    steps.push(Step { stage: 1, action: Action::ReplaceRows { way, tables: single.tables.clone(), copy } });
    Draft { steps, notes }
}

/// Puts the tables as they are now into the repository.
pub(super) async fn keep(
    tenant: &TenantRecord,
    foreseen: &Foreseen,
    (site, step): (&SiteWriter, &StepContext),
) -> Result<Outcome, BackupError> {
    step.set_done(0);
    let keeping = Keeping { site, tenant, foreseen, run: &step.run, checks: check_sql, watch: Arc::new(step.clone()) };
    let Some(kept) = keeping.keep().await? else {
        return Ok(Outcome { interrupted: true, ..Outcome::default() });
    };
    let counts = [("rows_copied", kept.rows), ("bytes_written", kept.written), ("parts_reused", kept.reused)];
    let outcome = counts.into_iter().fold(Outcome::default(), |outcome, (name, amount)| outcome.with(name, amount));
    Ok(Outcome { notes: kept.notes, ..outcome })
}

/// Makes the tables what they are in the snapshot.
pub(super) async fn replace(
    way: &Way,
    tables: &[Replaced],
    (site, step): (&SiteWriter, &StepContext),
) -> Result<Outcome, BackupError> {
    let source = which::open(site.backups(), &way.found).await?;
    let names = tables.iter().map(|one| one.table.clone()).collect();
    over((source, &names), &step.run, (site, &way.tenant, step)).await
}

/// Makes the tables what they are in the safety copy of a run, if that run replaced them.
pub(super) async fn back(
    tenant: &TenantRecord,
    foreseen: &Foreseen,
    (site, step): (&SiteWriter, &StepContext),
) -> Result<Outcome, BackupError> {
    let run = step.undoes.as_ref().map_or(step.run.as_str(), |(run, _)| run);
    let database = site.database(&tenant.placement).await?;
    tidy(&*database, run).await?;
    if !is_replaced(&*database, &tenant.namespace, run).await? {
        let notes = vec!["no row had been replaced".to_owned()];
        return Ok(Outcome { notes, ..Outcome::default() });
    }
    let vault = Vault::existing(site.backups()).await?;
    let source = safety::find(&vault, &tenant.id, run).await?;
    let Wanted::Tables(names) = &foreseen.wanted else { return Ok(Outcome::default()) };
    over((source, names), &step.run, (site, tenant, step)).await
}

async fn over(
    (source, tables): (Arc<dyn SnapshotSource>, &BTreeSet<String>),
    run: &str,
    (site, tenant, step): (&SiteWriter, &TenantRecord, &StepContext),
) -> Result<Outcome, BackupError> {
    source.keys().all_at_hand(source.manifest())?;
    let model = site.model_of(tenant)?;
    step.set_done(0);
    let rows = Rows {
        source,
        database: site.database(&tenant.placement).await?,
        living: tenant.namespace.clone(),
        model: &model,
        tables,
        run,
        checks: check_sql,
        watch: Arc::new(step.clone()),
    };
    let Some(returned) = rows.replace().await? else {
        return Ok(Outcome { interrupted: true, ..Outcome::default() });
    };
    let sum = |of: fn(&crate::snapshots::rows::Returned) -> u64| returned.iter().map(of).sum();
    let outcome = Outcome::default()
        .with("inserted", sum(|one| one.inserted))
        .with("updated", sum(|one| one.updated))
        .with("deleted", sum(|one| one.deleted));
    let mut notes: Vec<String> = returned
        .iter()
        .map(|one| {
            format!("{}: {} rows put back, {} changed back, {} gone", one.table, one.inserted, one.updated, one.deleted)
        })
        .collect();
    notes.extend(site.cache().invalidate(&tenant.id).await.note());
    Ok(Outcome { notes, ..outcome })
}
