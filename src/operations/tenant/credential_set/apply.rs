//! Carries out `tenant credential set`.

use super::{Action, CredentialSetError, Request, SecretBytes};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::tenant::credential;

pub(super) async fn perform(
    given: (&Request, Option<&SecretBytes>),
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, CredentialSetError> {
    credential::perform(given, action, site, step).await
}
