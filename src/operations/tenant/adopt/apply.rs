//! Carries out the steps of `tenant adopt`. Each may be carried out again.

use super::{Action, AdoptError, Request};
use crate::backends::catalog::now;
use crate::backends::packs;
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::model::{TenantRecord, TenantStatus};
use crate::operations::tenant::settings;

pub(super) async fn perform(
    request: &Request,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, AdoptError> {
    let mut outcome = Outcome::default();
    let namespace = &request.namespace;
    match action {
        Action::Register { tenant } => {
            if site.catalog().tenant(&tenant.id).await?.is_none() {
                let moment = now();
                let tenant = TenantRecord { created_at: moment.clone(), updated_at: moment, ..*tenant.clone() };
                site.catalog().insert_tenant(&tenant).await?;
                outcome.count("registered", 1);
            }
        }
        Action::Forget { id } => {
            site.catalog().delete_tenant(id).await?;
            outcome.notes.extend(site.cache().invalidate(id).await.note());
        }
        Action::AddOwnTables { statements, .. } | Action::RemoveOwnTables { statements } => {
            site.database(&request.placement).await?.execute(namespace, statements).await?;
        }
        Action::GrantRoles { roles } => {
            let statements = [roles.create(), roles.grant(namespace)].concat();
            site.database(&request.placement).await?.execute(namespace, &statements).await?;
        }
        Action::WithdrawRoles { roles } => {
            site.database(&request.placement).await?.execute(namespace, &roles.withdraw(namespace)).await?;
        }
        Action::Activate => {
            let mut tenant = site.tenant(&request.id).await?;
            tenant.status = TenantStatus::Active;
            site.catalog().update_tenant(&tenant).await?;
            let pack = packs::load(&request.pack, site.packs())?;
            if let Some(tier) = pack.manifest.tiers.get(&tenant.tier) {
                let configuration = settings::configuration(&pack.manifest, &tenant.tier, tier);
                let published = site.cache().publish_configuration(&tenant.id, &configuration.into()).await;
                outcome.notes.extend(published.note());
            }
        }
    }
    step.set_done(1);
    Ok(outcome)
}
