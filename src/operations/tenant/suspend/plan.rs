//! What `tenant suspend` does: a pure function from what was seen to steps.

use super::{Action, Request, Snapshot, SuspendError};
use crate::engine::Draft;
use crate::model::TenantStatus;
use crate::operations::tenant::status;

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, SuspendError> {
    let (id, there) = (seen.tenant.id.clone(), seen.tenant.status);
    match there {
        TenantStatus::Active => Ok(Draft {
            steps: status::steps(seen, TenantStatus::Suspended, request.keep_sessions),
            notes: status::notes(seen, request.keep_sessions),
        }),
        TenantStatus::Suspended => {
            Ok(Draft { steps: Vec::new(), notes: vec![format!("tenant '{id}' is {there} already: nothing to do")] })
        }
        TenantStatus::Creating | TenantStatus::Dropping => Err(SuspendError::State { id, status: there }),
    }
}
