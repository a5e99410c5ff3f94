//! What `tenant drop` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::{Request, Snapshot};
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::engine::{Draft, Effect, Size, Step, Undo};
use crate::model::{Namespace, TenantId, TenantStatus};

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
    },
    /// The registry's entry, its credentials, and its keys in the cache.
    Forget {
        /// The tenant.
        id: TenantId,
        /// How many credentials are lost.
        credentials: u64,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
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
            Self::MarkDropping { .. } | Self::Unmark { .. } => Effect::Changes,
            Self::DropNamespace { .. } | Self::Forget { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::DropNamespace { losses, .. } => Size::items(losses.len() as u64),
            _ => Size::items(1),
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::MarkDropping { id, from } => Undo::Inverse(Self::Unmark { id: id.clone(), to: *from }),
            Self::Unmark { .. } => Undo::Nothing,
            Self::DropNamespace { .. } | Self::Forget { .. } => {
                Undo::Impossible { reason: "what was dropped is gone".to_owned() }
            }
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
            bytes => format!("{rows} of {} ({} KiB)", self.table, bytes.div_ceil(1024)),
        }
    }
}

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Draft<Action> {
    let tenant = &seen.tenant;
    let id = tenant.id.clone();
    let mut steps = Vec::new();
    let mut notes = Vec::new();
    if tenant.status != TenantStatus::Dropping {
        let action = Action::MarkDropping { id: id.clone(), from: tenant.status };
        steps.push(Step { stage: 0, action });
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
        };
        steps.push(Step { stage: 1, action });
        notes.push("nothing of it can be brought back; 'fixtool data export' keeps a copy of its rows".to_owned());
    } else {
        notes.push(format!("the namespace {} is not there", tenant.namespace));
    }
    steps.push(Step { stage: 2, action: Action::Forget { id, credentials: seen.credentials } });
    Draft { steps, notes }
}
