//! What `tenant resume` does: a pure function from what was seen to steps.

use super::{Action, ResumeError, Snapshot};
use crate::engine::Draft;
use crate::model::TenantStatus;
use crate::operations::tenant::status;

pub(super) fn decide(seen: &Snapshot) -> Result<Draft<Action>, ResumeError> {
    let (id, there) = (seen.tenant.id.clone(), seen.tenant.status);
    match there {
        TenantStatus::Suspended => Ok(Draft::of(status::steps(seen, TenantStatus::Active, false))),
        TenantStatus::Active => {
            Ok(Draft { steps: Vec::new(), notes: vec![format!("tenant '{id}' is {there} already: nothing to do")] })
        }
        TenantStatus::Creating | TenantStatus::Dropping => Err(ResumeError::State { id, status: there }),
    }
}
