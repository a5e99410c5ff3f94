//! What `tenant credential set` does: a pure function from what was seen to steps.

use super::{Action, CredentialSetError, Request, Snapshot};
use crate::engine::{Draft, Step};
use crate::operations::tenant::credential;

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, CredentialSetError> {
    let (id, key) = (seen.tenant.id.clone(), request.key());
    if let Some(current) = &seen.current {
        return Err(CredentialSetError::Exists { id, key, generation: current.generation });
    }
    let steps = vec![Step { stage: 0, action: Action::Put { id, key, generation: 1 } }];
    Ok(Draft { steps, notes: credential::notes(request, seen) })
}
