//! Carries out the steps of `backup key add`.

use super::{Action, Request};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::backup::{BackupError, key};

pub(super) async fn perform(
    request: &Request,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    key::perform(&request.id, action, site, step).await
}
