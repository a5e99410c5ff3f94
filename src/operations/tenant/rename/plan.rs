//! What `tenant rename` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::{RenameError, Request, Snapshot};
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::engine::{Draft, Effect, Size, Step, Undo};
use crate::model::{Namespace, TenantId, TenantStatus};

/// One thing that `tenant rename` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The namespace and its database roles get other names.
    RenameNamespace {
        /// The placement.
        placement: String,
        /// The name it has.
        from: Namespace,
        /// The name it gets.
        to: Namespace,
        /// The roles' names before and after, where there are roles.
        roles: Option<Box<(TenantRoles, TenantRoles)>>,
    },
    /// The registry knows the tenant by another id.
    RenameTenant {
        /// The id it has.
        from: TenantId,
        /// The id it gets.
        to: TenantId,
        /// Where it lives before.
        from_namespace: Namespace,
        /// Where it lives after.
        to_namespace: Namespace,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
            Self::RenameNamespace { from, to, .. } => format!("rename the namespace {from} to {to}"),
            Self::RenameTenant { from, to, .. } => format!("rename the tenant {from} to {to}"),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        Undo::Inverse(match self.clone() {
            Self::RenameNamespace { placement, from, to, roles } => Self::RenameNamespace {
                placement,
                from: to,
                to: from,
                roles: roles.map(|both| Box::new((both.1, both.0))),
            },
            Self::RenameTenant { from, to, from_namespace, to_namespace } => {
                Self::RenameTenant { from: to, to: from, from_namespace: to_namespace, to_namespace: from_namespace }
            }
        })
    }
}

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, RenameError> {
    let tenant = &seen.tenant;
    if request.id == request.to {
        return Ok(Draft { steps: Vec::new(), notes: vec!["it has this id already: nothing to do".to_owned()] });
    }
    if seen.taken {
        return Err(RenameError::Taken { to: request.to.clone() });
    }
    if !matches!(tenant.status, TenantStatus::Active | TenantStatus::Suspended) {
        return Err(RenameError::State { id: tenant.id.clone(), status: tenant.status });
    }
    // An adopted tenant keeps the name that other programs know.
    let own = tenant.namespace == Namespace::of(&tenant.id);
    let to_namespace = if own { Namespace::of(&request.to) } else { tenant.namespace.clone() };
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    if own && seen.namespace_exists {
        if seen.new_namespace_exists {
            return Err(RenameError::Occupied { namespace: to_namespace });
        }
        let roles = has_roles(seen.engine).then(|| {
            let of = |namespace: &Namespace| TenantRoles::of(namespace, &seen.site);
            Box::new((of(&tenant.namespace), of(&to_namespace)))
        });
        let (placement, from, to) = (tenant.placement.clone(), tenant.namespace.clone(), to_namespace.clone());
        steps.push(Step { stage: 0, action: Action::RenameNamespace { placement, from, to, roles } });
    } else if own && !seen.new_namespace_exists {
        notes.push(format!("the namespace {} is not there: only the registry changes", tenant.namespace));
    } else if !own {
        notes.push(format!("the namespace keeps its name {}, which fixtool did not give it", tenant.namespace));
    }
    let action = Action::RenameTenant {
        from: tenant.id.clone(),
        to: request.to.clone(),
        from_namespace: tenant.namespace.clone(),
        to_namespace,
    };
    steps.push(Step { stage: 1, action });
    Ok(Draft { steps, notes })
}
