//! What suspending and resuming have in common: the state in the registry and the way into the schema.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::backends::site::{SiteError, SiteReader, SiteWriter};
use crate::engine::{Effect, Fingerprint, Outcome, Size, Step, StepContext, Undo, chain};
use crate::model::{Engine, Namespace, TenantId, TenantRecord, TenantStatus};

/// What was seen of a tenant whose state changes.
#[derive(Debug, Clone)]
pub struct StatusSnapshot {
    /// The tenant.
    pub tenant: TenantRecord,
    /// The engine it lives on.
    pub engine: Engine,
    /// The site, which names roles.
    pub site: String,
}

impl Fingerprint for StatusSnapshot {
    fn fingerprint(&self) -> String {
        chain::digest(&json!([self.tenant, self.engine]))
    }
}

/// One thing that suspending or resuming does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum StatusAction {
    /// The registry says so.
    SetStatus {
        /// The tenant.
        id: TenantId,
        /// What it was.
        from: TenantStatus,
        /// What it becomes.
        to: TenantStatus,
    },
    /// The members of its database roles lose or get back the way into the schema.
    SetRights {
        /// The tenant.
        id: TenantId,
        /// The placement.
        placement: String,
        /// The schema.
        namespace: Namespace,
        /// The roles.
        roles: TenantRoles,
        /// Whether they may enter.
        allowed: bool,
    },
}

impl crate::engine::Action for StatusAction {
    fn describe(&self) -> String {
        match self {
            Self::SetStatus { id, to, .. } => format!("mark {id} as {to}"),
            Self::SetRights { roles, allowed: true, .. } => {
                format!("let the members of {} and {} in again", roles.read_write, roles.read_only)
            }
            Self::SetRights { roles, allowed: false, .. } => {
                format!("lock the members of {} and {} out", roles.read_write, roles.read_only)
            }
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
            Self::SetStatus { id, from, to } => Self::SetStatus { id, from: to, to: from },
            Self::SetRights { id, placement, namespace, roles, allowed } => {
                Self::SetRights { id, placement, namespace, roles, allowed: !allowed }
            }
        })
    }
}

/// Looks at a tenant.
pub(super) async fn observe(id: &TenantId, reader: &SiteReader) -> Result<StatusSnapshot, SiteError> {
    let tenant = reader.tenant(id).await?;
    let engine = reader.address(&tenant.placement)?.engine();
    Ok(StatusSnapshot { tenant, engine, site: reader.site_id().to_owned() })
}

/// The steps from one state to another. Locking out comes last and letting in first, so that a run that stops in
/// the middle leaves a tenant that fixtool treats as suspended.
pub(super) fn steps(seen: &StatusSnapshot, to: TenantStatus) -> Vec<Step<StatusAction>> {
    let tenant = &seen.tenant;
    let allowed = to == TenantStatus::Active;
    let set = StatusAction::SetStatus { id: tenant.id.clone(), from: tenant.status, to };
    let mut actions = vec![set];
    if has_roles(seen.engine) {
        let rights = StatusAction::SetRights {
            id: tenant.id.clone(),
            placement: tenant.placement.clone(),
            namespace: tenant.namespace.clone(),
            roles: TenantRoles::of(&tenant.namespace, &seen.site),
            allowed,
        };
        actions.insert(usize::from(!allowed), rights);
    }
    (0..).zip(actions).map(|(stage, action)| Step { stage, action }).collect()
}

/// Carries out one step.
pub(super) async fn perform(
    action: &StatusAction,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, SiteError> {
    let mut outcome = Outcome::default();
    match action {
        StatusAction::SetStatus { id, to, .. } => {
            let mut tenant = site.tenant(id).await?;
            tenant.status = *to;
            site.catalog().update_tenant(&tenant).await?;
            outcome.notes.extend(site.cache().invalidate(id).await.note());
        }
        StatusAction::SetRights { placement, namespace, roles, allowed, .. } => {
            let statements = if *allowed { roles.let_in(namespace) } else { roles.lock_out(namespace) };
            site.database(placement).await?.execute(namespace, &statements).await?;
        }
    }
    step.set_done(1);
    Ok(outcome)
}
