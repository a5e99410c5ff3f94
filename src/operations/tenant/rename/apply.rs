//! Carries out the steps of `tenant rename`. Each may be carried out again.

use super::{Action, RenameError};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};

pub(super) async fn perform(action: &Action, site: &SiteWriter, step: &StepContext) -> Result<Outcome, RenameError> {
    let mut outcome = Outcome::default();
    match action {
        Action::RenameNamespace { placement, from, to, roles } => {
            let database = site.database(placement).await?;
            if database.namespace_exists(from).await? {
                database.rename_namespace(from, to).await?;
            }
            if let Some((old, new)) = roles.as_deref() {
                database.execute(to, &old.rename(new)).await?;
            }
        }
        Action::RenameTenant { from, to, to_namespace, .. } => {
            if site.catalog().tenant(from).await?.is_some() {
                let run = step.undoes.as_ref().map_or(step.run.as_str(), |(run, _)| run);
                if !site.catalog().means(run, from).await? {
                    return Err(RenameError::Another { id: from.clone() });
                }
                site.catalog().rename_tenant(from, to, to_namespace).await?;
            }
            outcome.notes.extend(site.cache().invalidate(from).await.note());
        }
    }
    step.set_done(1);
    Ok(outcome)
}
