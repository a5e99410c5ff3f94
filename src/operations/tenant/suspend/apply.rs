//! Carries out the steps of `tenant suspend`.

use super::{Action, SuspendError};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::tenant::status;

pub(super) async fn perform(action: &Action, site: &SiteWriter, step: &StepContext) -> Result<Outcome, SuspendError> {
    Ok(status::perform(action, site, step).await?)
}
