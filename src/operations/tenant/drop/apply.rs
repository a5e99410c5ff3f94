//! Carries out the steps of `tenant drop`. Each may be carried out again.

use std::sync::Arc;

use super::{Action, DropError};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::model::{TenantId, TenantStatus};
use crate::rules::check_sql;
use crate::snapshots::safety::{Back, Foreseen, Keeping};

pub(super) async fn perform(action: &Action, site: &SiteWriter, step: &StepContext) -> Result<Outcome, DropError> {
    let mut outcome = Outcome::default();
    match action {
        Action::SafetyCopy { id, foreseen } => return keep(site, id, (foreseen, step)).await,
        Action::BringBack { id, .. } => return bring_back(site, id, step).await,
        Action::MarkDropping { id, .. } => mark(site, id, TenantStatus::Dropping).await?,
        Action::Unmark { id, to } => mark(site, id, *to).await?,
        Action::DropNamespace { placement, namespace, losses, roles, .. } => {
            let database = site.database(placement).await?;
            if database.namespace_exists(namespace).await? {
                database.drop_namespace(namespace).await?;
            }
            if let Some(roles) = roles {
                database.execute(namespace, &roles.drop()).await?;
            }
            outcome.count("tables", losses.len() as u64);
            outcome.count("rows", losses.iter().map(|loss| loss.rows).sum());
            step.set_done(losses.len() as u64);
            return Ok(outcome);
        }
        Action::Forget { id, .. } => {
            site.catalog().delete_tenant(id).await?;
            outcome.notes.extend(site.cache().invalidate(id).await.note());
        }
    }
    step.set_done(1);
    Ok(outcome)
}

async fn keep(
    site: &SiteWriter,
    id: &TenantId,
    (foreseen, step): (&Foreseen, &StepContext),
) -> Result<Outcome, DropError> {
    let tenant = &site.tenant(id).await?;
    step.set_done(0);
    let keeping = Keeping { site, tenant, foreseen, run: &step.run, checks: check_sql, watch: Arc::new(step.clone()) };
    let Some(kept) = keeping.keep().await? else {
        return Ok(Outcome { interrupted: true, ..Outcome::default() });
    };
    let counts = [("rows_copied", kept.rows), ("bytes_written", kept.written), ("parts_reused", kept.reused)];
    let outcome = counts.into_iter().fold(Outcome::default(), |outcome, (name, amount)| outcome.with(name, amount));
    Ok(Outcome { notes: kept.notes, ..outcome })
}

async fn bring_back(site: &SiteWriter, id: &TenantId, step: &StepContext) -> Result<Outcome, DropError> {
    let run = step.undoes.as_ref().map_or(step.run.as_str(), |(run, _)| run);
    step.set_done(0);
    let back = Back { site, tenant: id, run, checks: check_sql, watch: Arc::new(step.clone()) };
    let Some(brought) = back.tenant().await? else {
        return Ok(Outcome { interrupted: true, ..Outcome::default() });
    };
    let mut outcome = Outcome { notes: brought.notes, ..Outcome::default().with("rows", brought.rows) };
    outcome.notes.extend(site.cache().invalidate(id).await.note());
    Ok(outcome)
}

async fn mark(site: &SiteWriter, id: &TenantId, status: TenantStatus) -> Result<(), DropError> {
    // A step that is carried out again may find the tenant gone.
    if let Some(mut tenant) = site.catalog().tenant(id).await?.filter(|tenant| tenant.status != status) {
        tenant.status = status;
        site.catalog().update_tenant(&tenant).await?;
    }
    Ok(())
}
