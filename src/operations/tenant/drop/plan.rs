//! What `tenant drop` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::{Request, Snapshot};
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::engine::plan::NO_SAFETY_COPY;
use crate::engine::{Draft, Effect, Size, Step, Undo, Unit};
use crate::model::size::bytes;
use crate::model::{Namespace, TenantId, TenantStatus};
use crate::snapshots::safety::Foreseen;

/// What is lost of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes with indexes; 0 where the engine cannot tell.
    pub bytes: u64,
}

/// One thing that `tenant drop` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// What is going to be lost is put into the repository first.
    SafetyCopy {
        /// The tenant.
        id: TenantId,
        /// What is copied, and where to.
        foreseen: Foreseen,
    },
    /// The tenant comes back from the safety copy.
    BringBack {
        /// The tenant.
        id: TenantId,
        /// What was copied, and where to.
        foreseen: Foreseen,
    },
    /// The registry says that it is going, so that a drop that was interrupted is finished.
    MarkDropping {
        /// The tenant.
        id: TenantId,
        /// What it was.
        from: TenantStatus,
    },
    /// The tenant is put back to what it was: takes back the mark.
    Unmark {
        /// The tenant.
        id: TenantId,
        /// What it was.
        to: TenantStatus,
    },
    /// The namespace with everything in it, and its database roles.
    DropNamespace {
        /// The placement.
        placement: String,
        /// The namespace.
        namespace: Namespace,
        /// What is lost.
        losses: Vec<Loss>,
        /// The roles that go with it.
        roles: Option<TenantRoles>,
        /// The step that made the safety copy.
        #[serde(default)]
        copy: Option<u32>,
    },
    /// The registry's entry, its credentials, and its keys in the cache.
    Forget {
        /// The tenant.
        id: TenantId,
        /// How many credentials are lost.
        credentials: u64,
        /// The step that made the safety copy.
        #[serde(default)]
        copy: Option<u32>,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
            Self::SafetyCopy { foreseen, .. } => foreseen.describe(),
            Self::BringBack { id, .. } => format!("bring {id} back from its safety copy"),
            Self::MarkDropping { id, .. } => format!("mark {id} as dropping"),
            Self::Unmark { id, to } => format!("mark {id} as {to}"),
            Self::DropNamespace { namespace, losses, .. } => {
                format!("drop the namespace {namespace} with {} tables", losses.len())
            }
            Self::Forget { id, .. } => format!("take {id} out of the registry"),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::SafetyCopy { .. } | Self::BringBack { .. } => Effect::Adds,
            Self::MarkDropping { .. } | Self::Unmark { .. } => Effect::Changes,
            Self::DropNamespace { .. } | Self::Forget { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::SafetyCopy { foreseen, .. } | Self::BringBack { foreseen, .. } => {
                Size { amount: foreseen.amount(), unit: Unit::Bytes }
            }
            Self::DropNamespace { losses, .. } => Size::items(losses.len() as u64),
            _ => Size::items(1),
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::MarkDropping { id, from } => Undo::Inverse(Self::Unmark { id: id.clone(), to: *from }),
            Self::Unmark { .. } | Self::SafetyCopy { .. } => Undo::Nothing,
            Self::DropNamespace { copy: Some(step), .. } | Self::Forget { copy: Some(step), .. } => {
                Undo::SafetyCopy { step: *step }
            }
            Self::DropNamespace { copy: None, .. } | Self::Forget { copy: None, .. } => {
                Undo::Impossible { reason: "there is no safety copy, so what was dropped is gone".to_owned() }
            }
            Self::BringBack { .. } => Undo::Impossible { reason: "drop the tenant again instead".to_owned() },
        }
    }

    fn bring_back(&self) -> Option<Self> {
        match self {
            Self::SafetyCopy { id, foreseen } => Some(Self::BringBack { id: id.clone(), foreseen: foreseen.clone() }),
            _ => None,
        }
    }

    fn losses(&self) -> Vec<String> {
        match self {
            Self::DropNamespace { losses, .. } => losses.iter().map(Loss::tell).collect(),
            Self::Forget { credentials, .. } if *credentials > 0 => vec![format!("{credentials} sealed credentials")],
            _ => Vec::new(),
        }
    }
}

impl Loss {
    fn tell(&self) -> String {
        let rows = if self.rows == 1 { "1 row".to_owned() } else { format!("{} rows", self.rows) };
        match self.bytes {
            0 => format!("{rows} of {}", self.table),
            amount => format!("{rows} of {} ({})", self.table, bytes(amount)),
        }
    }
}

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Draft<Action> {
    let tenant = &seen.tenant;
    let id = tenant.id.clone();
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    // Nothing may be done before the copy is safe, so it comes first.
    let copy = seen.safety.as_ref().map(|foreseen| {
        steps.push(Step { stage: 0, action: Action::SafetyCopy { id: id.clone(), foreseen: foreseen.clone() } });
        notes.push(foreseen.note());
        0
    });
    if tenant.status != TenantStatus::Dropping {
        let action = Action::MarkDropping { id: id.clone(), from: tenant.status };
        steps.push(Step { stage: 1, action });
    }
    if request.keep_data {
        notes.push(format!("the namespace {} stays as it is", tenant.namespace));
    } else if seen.exists {
        let loss = |table: &crate::backends::database::TableStats| Loss {
            table: table.table.clone(),
            rows: table.rows,
            bytes: table.bytes,
        };
        let action = Action::DropNamespace {
            placement: tenant.placement.clone(),
            namespace: tenant.namespace.clone(),
            losses: seen.tables.iter().map(loss).collect(),
            roles: has_roles(seen.engine).then(|| TenantRoles::of(&tenant.namespace, &seen.site)),
            copy,
        };
        steps.push(Step { stage: 2, action });
        if copy.is_some() {
            notes.push(
                "what is written to it after the copy was begun is lost; suspend it first if it is in use".to_owned(),
            );
        }
    } else {
        notes.push(format!("the namespace {} is not there, so there is nothing to copy", tenant.namespace));
    }
    if request.no_safety_copy {
        notes.push(format!("{NO_SAFETY_COPY}; nothing of it can be brought back"));
    }
    steps.push(Step { stage: 3, action: Action::Forget { id, credentials: seen.credentials, copy } });
    Draft { steps, notes }
}
