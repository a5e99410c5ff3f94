//! Carries out the steps of `tenant drop`. Each may be carried out again.

use super::{Action, DropError};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::model::{TenantId, TenantStatus};

pub(super) async fn perform(action: &Action, site: &SiteWriter, step: &StepContext) -> Result<Outcome, DropError> {
    let mut outcome = Outcome::default();
    match action {
        Action::MarkDropping { id, .. } => mark(site, id, TenantStatus::Dropping).await?,
        Action::Unmark { id, to } => mark(site, id, *to).await?,
        Action::DropNamespace { placement, namespace, losses, roles } => {
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

async fn mark(site: &SiteWriter, id: &TenantId, status: TenantStatus) -> Result<(), DropError> {
    // A step that is carried out again may find the tenant gone.
    if let Some(mut tenant) = site.catalog().tenant(id).await? {
        tenant.status = status;
        site.catalog().update_tenant(&tenant).await?;
    }
    Ok(())
}
