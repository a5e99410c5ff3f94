//! Carries out the steps of `tenant resume`.

use super::{Action, ResumeError};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::tenant::status;

pub(super) async fn perform(action: &Action, site: &SiteWriter, step: &StepContext) -> Result<Outcome, ResumeError> {
    Ok(status::perform(action, site, step).await?)
}
