//! Carries out the step of `backup key destroy`.

use super::{Action, Request};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::backup::BackupError;
use crate::snapshots::vault::Vault;

pub(super) async fn perform(
    request: &Request,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let Action::Erase { .. } = action;
    Vault::existing(site.backups()).await?.keyring(&request.id).erase().await?;
    step.set_done(1);
    Ok(Outcome::default().with("keys_erased", 1))
}
