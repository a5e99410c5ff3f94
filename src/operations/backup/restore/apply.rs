//! Carries out the steps of `backup restore`. Each may be carried out again.

use std::sync::Arc;
use std::time::Duration;

use super::plan::{Action, Way};
use super::{files, places, rows};
use crate::backends::catalog::now;
use crate::backends::database::roles::{TenantRoles, admit, has_roles};
use crate::backends::site::SiteWriter;
use crate::engine::{Action as _, Outcome, StepContext};
use crate::model::{Namespace, TenantRecord};
use crate::operations::backup::which::Found;
use crate::operations::backup::{BackupError, which};
use crate::rules::check_sql;
use crate::snapshots::bring::Bring;
use crate::snapshots::pins::{Hold, Pin};
use crate::snapshots::vault::Vault;
use crate::snapshots::{Instant, beside, room};

pub(super) async fn perform(action: &Action, site: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
    let outcome = match action {
        Action::Fill { way, table, .. } => return fill(way, table, site, step).await,
        Action::SafetyCopy { tenant, foreseen } => {
            return rows::keep(&site.tenant(tenant).await?, foreseen, (site, step)).await;
        }
        Action::ReplaceRows { way, tables, .. } => return rows::replace(way, tables, (site, step)).await,
        Action::RowsBack { tenant, foreseen } => {
            return rows::back(&site.tenant(tenant).await?, foreseen, (site, step)).await;
        }
        Action::BringFiles { way, .. } => {
            hold(way, site, step).await?;
            return files::bring(way, (site, step)).await;
        }
        Action::ClearFiles { way } => files::clear(way, (site, step)).await?,
        Action::MakeRoom { way, tables } => {
            hold(way, site, step).await?;
            beside::make_room(&bring(way, site, step).await?, check_sql).await?;
            Outcome::default().with("tables", *tables)
        }
        Action::Finish { way } => {
            beside::refer(&bring(way, site, step).await?, check_sql).await?;
            Outcome::default()
        }
        Action::ClearRoom { way } => clear(way, site, step).await?,
        Action::Exchange { way, .. } => {
            let mut outcome = exchange(way, site, step).await?;
            outcome.notes.extend(files::exchange(way, (site, step)).await?);
            release(way, site, step).await?;
            outcome
        }
        Action::ExchangeBack { way, before } => {
            files::exchange_back(way, (site, step)).await?;
            exchange_back(way, before, site, step).await?
        }
        Action::Register { way } => {
            let mut outcome = register(way, site, step).await?;
            outcome.notes.extend(files::exchange(way, (site, step)).await?);
            release(way, site, step).await?;
            outcome
        }
        Action::Forget { way } => {
            files::exchange_back(way, (site, step)).await?;
            let gone = site.catalog().delete_tenant(&way.tenant.id).await?;
            let mut outcome = Outcome::default().with("removed", u64::from(gone));
            outcome.notes.extend(site.cache().invalidate(&way.tenant.id).await.note());
            outcome
        }
    };
    step.set_done(action.size().amount.unwrap_or(1));
    Ok(outcome)
}

/// Where rows go: beside the living tenant, or to the place of the new one.
fn fresh(way: &Way, step: &StepContext) -> Namespace {
    if way.beside { places::of(step).fresh } else { way.tenant.namespace.clone() }
}

/// How long a restore holds its snapshot, should it never come to its end. Its steps begin to count anew
/// when half of that is over.
const HELD: Duration = Duration::from_hours(24);

fn holder(run: &str) -> String {
    format!("restore {run}")
}

/// Keeps the snapshot from being pruned while it is read.
async fn hold(way: &Way, site: &SiteWriter, step: &StepContext) -> Result<(), BackupError> {
    let Found::Repository { tenant, id } = &way.found else { return Ok(()) };
    let vault = Vault::existing(site.backups()).await?;
    let since = Instant::now();
    let until = since.0.checked_add(HELD).ok().map(Instant);
    let by = holder(&step.run);
    let held = vault.repository().pins(tenant).await?.into_iter().find(|(_, pin)| pin.by == by);
    if let Some((name, pin)) = held {
        let half = since.0.checked_add(HELD / 2).ok().map(Instant);
        if pin.until > half {
            return Ok(());
        }
        return Ok(vault.repository().renew_pin(tenant, &name, &Pin { until, ..pin }).await?);
    }
    vault.repository().pin(tenant, &Pin { snapshot: id.clone(), hold: Hold::Reader, by, since, until }).await?;
    Ok(())
}

async fn release(way: &Way, site: &SiteWriter, step: &StepContext) -> Result<(), BackupError> {
    let Found::Repository { tenant, .. } = &way.found else { return Ok(()) };
    let vault = Vault::existing(site.backups()).await?;
    for (name, pin) in vault.repository().pins(tenant).await? {
        if pin.by == holder(&step.run) {
            vault.repository().unpin(tenant, &name).await?;
        }
    }
    Ok(())
}

async fn bring(way: &Way, site: &SiteWriter, step: &StepContext) -> Result<Bring, BackupError> {
    Ok(Bring {
        source: which::open(site.backups(), &way.found).await?,
        database: site.database(&way.tenant.placement).await?,
        namespace: fresh(way, step),
        watch: Arc::new(step.clone()),
    })
}

async fn fill(way: &Way, table: &str, site: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
    step.set_done(0);
    hold(way, site, step).await?;
    let restored = beside::table(&bring(way, site, step).await?, check_sql, (table, &step.run, step.step)).await?;
    Ok(match restored {
        Some(rows) => Outcome::default().with("rows_equal", rows),
        None => Outcome { interrupted: true, ..Outcome::default() },
    })
}

async fn clear(way: &Way, site: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
    let database = site.database(&way.tenant.placement).await?;
    let fresh = fresh(way, step);
    let existed = room::clear(&database, &fresh, (!way.beside).then(|| site.site_id())).await?;
    Ok(Outcome::default().with("namespaces", u64::from(existed)))
}

async fn exchange(way: &Way, site: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
    let database = site.database(&way.tenant.placement).await?;
    let places = places::of(step);
    let living = &way.tenant.namespace;
    // Done already, by a try whose answer was lost.
    if !database.namespace_exists(&places.old).await? {
        admit(&*database, &way.tenant, (&places.fresh, site.site_id())).await?;
        database.exchange_namespaces(living, &places.fresh, &places.old).await?;
    }
    if has_roles(database.engine()) {
        let roles = TenantRoles::of(living, site.site_id());
        database.execute(&places.old, &roles.lock_out(&places.old)).await?;
    }
    site.catalog().update_tenant(&way.tenant).await?;
    let mut outcome = Outcome::default().with("exchanged", 1);
    outcome.notes.push(format!("the old one is kept as {}; 'fixtool op undo' brings it back", places.old));
    outcome.notes.extend(site.cache().invalidate(&way.tenant.id).await.note());
    Ok(outcome)
}

async fn exchange_back(
    way: &Way,
    before: &TenantRecord,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let database = site.database(&way.tenant.placement).await?;
    let places = places::of(step);
    // A run that was stopped before its exchange has nothing to put back.
    let kept = database.namespace_exists(&places.old).await?;
    if kept {
        admit(&*database, before, (&places.old, site.site_id())).await?;
        database.exchange_namespaces(&before.namespace, &places.old, &places.fresh).await?;
    }
    site.catalog().update_tenant(before).await?;
    let mut outcome = Outcome::default().with("exchanged", u64::from(kept));
    outcome.notes.extend(site.cache().invalidate(&before.id).await.note());
    Ok(outcome)
}

async fn register(way: &Way, site: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
    let database = site.database(&way.tenant.placement).await?;
    admit(&*database, &way.tenant, (&way.tenant.namespace, site.site_id())).await?;
    let source = which::open(site.backups(), &way.found).await?;
    let catalog = site.catalog();
    let mut outcome = Outcome::default();
    if catalog.tenant(&way.tenant.id).await?.is_none() {
        let moment = now();
        let tenant = TenantRecord { created_at: moment.clone(), updated_at: moment, ..way.tenant.clone() };
        catalog.insert_tenant(&tenant).await?;
        outcome.count("registered", 1);
    }
    let known: Vec<String> = catalog.credentials(&way.tenant.id).await?.into_iter().map(|one| one.name).collect();
    for (name, sealed) in source.manifest().credentials()? {
        if !known.contains(&name) {
            catalog.put_credential(&way.tenant.id, &name, 1, &sealed).await?;
            outcome.count("credentials", 1);
        }
    }
    step.set_done(1);
    outcome.notes.extend(site.cache().invalidate(&way.tenant.id).await.note());
    Ok(outcome)
}
