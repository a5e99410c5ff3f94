//! What `tenant credential rotate` does: a pure function from what was seen to steps.

use super::{Action, CredentialRotateError, Request, Snapshot};
use crate::engine::{Draft, Step};
use crate::operations::tenant::credential;

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, CredentialRotateError> {
    let (id, key) = (seen.tenant.id.clone(), request.key());
    let Some(current) = &seen.current else { return Err(CredentialRotateError::Missing { id, key }) };
    let generation = current.generation.saturating_add(1);
    let steps = vec![Step { stage: 0, action: Action::Put { id, key, generation } }];
    Ok(Draft { steps, notes: credential::notes(request, seen) })
}
