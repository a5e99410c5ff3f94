//! Carries out `tenant set-tier`.

use serde_json::Value;

use super::{Action, SetTierError};
use crate::backends::database::ddl::Target;
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::tenant::settings;

pub(super) async fn perform(action: &Action, site: &SiteWriter, step: &StepContext) -> Result<Outcome, SetTierError> {
    let Action::SetTier { id, to, .. } = action;
    let mut tenant = site.tenant(id).await?;
    let database = site.database(&tenant.placement).await?;
    let target = Target { engine: database.engine(), namespace: &tenant.namespace };
    database.execute(&tenant.namespace, &settings::write_settings(target, &to.settings)).await?;
    tenant.tier.clone_from(&to.tier);
    tenant.quotas.clone_from(&to.quotas);
    site.catalog().update_tenant(&tenant).await?;
    let mut outcome = Outcome::default();
    outcome.notes.extend(site.cache().invalidate(id).await.note());
    let configuration = Value::Object(to.settings.clone());
    outcome.notes.extend(site.cache().publish_configuration(id, &configuration).await.note());
    step.set_done(1);
    Ok(outcome)
}
