//! What suspending and resuming have in common: the state in the registry and the way into the schema.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::backends::database::Writer;
use crate::backends::database::rights::{Right, Rights, Sessions, end_sessions, sessions};
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::backends::site::{SiteError, SiteReader, SiteWriter};
use crate::engine::{Effect, Fingerprint, Outcome, Size, Step, StepContext, Undo, chain};
use crate::model::{Engine, Namespace, TenantId, TenantRecord, TenantStatus};

/// How often, and how long, sessions that were told to end are waited for.
const WAITS: u32 = 50;
const WAIT: Duration = Duration::from_millis(20);

/// What was seen of a tenant whose state changes.
#[derive(Debug, Clone)]
pub struct StatusSnapshot {
    /// The tenant.
    pub tenant: TenantRecord,
    /// The engine it lives on.
    pub engine: Engine,
    /// The site, which names roles.
    pub site: String,
    /// Who has rights in the schema beside the tenant's own roles.
    pub others: Vec<String>,
    /// Who owns objects of the schema, other than fixtool's user, and could take the rights back.
    pub owners: Vec<String>,
    /// Open sessions of members of the roles.
    pub sessions: Vec<Sessions>,
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
        /// Whether open sessions of the members go on.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        keep_sessions: bool,
    },
}

impl crate::engine::Action for StatusAction {
    fn describe(&self) -> String {
        match self {
            Self::SetStatus { id, to, .. } => format!("mark {id} as {to}"),
            Self::SetRights { roles, allowed: true, .. } => {
                format!("let the members of {} and {} in again", roles.read_write, roles.read_only)
            }
            Self::SetRights { roles, allowed: false, keep_sessions, .. } => {
                let sessions = if *keep_sessions { "" } else { ", and end their sessions" };
                format!(
                    "take every right in the schema from {}, {} and all others{sessions}",
                    roles.read_write, roles.read_only
                )
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
            Self::SetRights { id, placement, namespace, roles, allowed, keep_sessions } => {
                Self::SetRights { id, placement, namespace, roles, allowed: !allowed, keep_sessions }
            }
        })
    }
}

/// Looks at a tenant.
pub(super) async fn observe(id: &TenantId, reader: &SiteReader) -> Result<StatusSnapshot, SiteError> {
    let tenant = reader.tenant(id).await?;
    let engine = reader.address(&tenant.placement)?.engine();
    let site = reader.site_id().to_owned();
    let (mut others, mut owners, mut open) = (Vec::new(), Vec::new(), Vec::new());
    if has_roles(engine) && tenant.status == TenantStatus::Active {
        let database = reader.database(&tenant.placement).await?;
        let roles = TenantRoles::of(&tenant.namespace, &site);
        let rights = Rights::of(&*database, &tenant.namespace).await?;
        others = rights.others(&roles);
        owners = rights.owners();
        open = sessions(&*database, &roles).await?;
    }
    Ok(StatusSnapshot { tenant, engine, site, others, owners, sessions: open })
}

/// What whoever suspends a tenant should read first.
pub(super) fn notes(seen: &StatusSnapshot, keep_sessions: bool) -> Vec<String> {
    if !has_roles(seen.engine) {
        let text = "SQLite knows no rights: fixtool refuses to write, and a program that opens the file still can";
        return vec![text.to_owned()];
    }
    let mut notes = Vec::new();
    if !seen.others.is_empty() {
        let others = seen.others.join(", ");
        notes.push(format!("rights that {others} have in the schema are taken too, and given back on resume"));
    }
    if !seen.owners.is_empty() {
        let owners = seen.owners.join(", ");
        notes.push(format!("{owners} own objects of the schema and can give themselves their rights back"));
    }
    if !seen.sessions.is_empty() {
        let open = told(&seen.sessions);
        let text = if keep_sessions { "stay open (--keep-sessions), without rights" } else { "are ended" };
        notes.push(format!("sessions of {open} {text}"));
    }
    notes
}

fn told(open: &[Sessions]) -> String {
    open.iter().map(|one| format!("{} ({})", one.user, one.open)).collect::<Vec<_>>().join(", ")
}

/// The steps from one state to another. Locking out comes last and letting in first, so that a run that stops in
/// the middle leaves a tenant that fixtool treats as suspended.
pub(super) fn steps(seen: &StatusSnapshot, to: TenantStatus, keep_sessions: bool) -> Vec<Step<StatusAction>> {
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
            keep_sessions,
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
        StatusAction::SetRights { id, placement, namespace, roles, allowed, keep_sessions } => {
            let database = site.database(placement).await?;
            let place = Place { site, database: &*database, id, namespace, roles };
            outcome.notes = if *allowed { place.open().await? } else { place.close(*keep_sessions).await? };
        }
    }
    step.set_done(1);
    Ok(outcome)
}

/// A schema that is closed and opened.
struct Place<'a> {
    site: &'a SiteWriter,
    database: &'a dyn Writer,
    id: &'a TenantId,
    namespace: &'a Namespace,
    roles: &'a TenantRoles,
}

impl Place<'_> {
    /// Takes every right and ends the sessions; tells what could not be done.
    async fn close(&self, keep_sessions: bool) -> Result<Vec<String>, SiteError> {
        let mut found = Rights::of(self.database, self.namespace).await?;
        // A step that is carried out again finds only what is left of the rights.
        if let Some(before) = self.site.catalog().suspended_rights(self.id).await? {
            let before = before.moved(self.namespace, self.site.site_id());
            found.rights.extend(before.rights);
            found.rights.sort_unstable();
            found.rights.dedup();
        }
        self.site.catalog().keep_suspended_rights(self.id, Some(&found)).await?;
        let now = Rights::of(self.database, self.namespace).await?;
        let statements = [self.roles.lock_out(self.namespace), now.take()].concat();
        self.database.execute(self.namespace, &statements).await?;
        let mut notes = Vec::new();
        let left = Rights::of(self.database, self.namespace).await?;
        for right in &left.rights {
            notes.push(format!(
                "{} still has {} on {}: fixtool's user may not take it",
                right.whose(),
                right.rights,
                right.object
            ));
        }
        if !keep_sessions {
            notes.extend(self.end_sessions().await?);
        }
        Ok(notes)
    }

    async fn end_sessions(&self) -> Result<Vec<String>, SiteError> {
        let open = sessions(self.database, self.roles).await?;
        if open.is_empty() {
            return Ok(Vec::new());
        }
        self.database.execute(self.namespace, &[end_sessions(self.roles)]).await?;
        // A session that was told to end needs a moment.
        let mut left = sessions(self.database, self.roles).await?;
        for _ in 0..WAITS {
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(WAIT).await;
            left = sessions(self.database, self.roles).await?;
        }
        if left.is_empty() {
            return Ok(vec![format!("ended the sessions of {}", told(&open))]);
        }
        let left = told(&left);
        Ok(vec![format!(
            "sessions of {left} are still open, without rights: fixtool's user needs pg_signal_backend to end them"
        )])
    }

    /// Gives back what was taken; tells what could not be.
    async fn open(&self) -> Result<Vec<String>, SiteError> {
        let kept = self.site.catalog().suspended_rights(self.id).await?;
        let Some(kept) = kept else {
            // Suspended by an earlier fixtool, or made anew meanwhile: the roles get what they have by their lists.
            let statements = [self.roles.create(), self.roles.grant(self.namespace)].concat();
            self.database.execute(self.namespace, &statements).await?;
            return Ok(Vec::new());
        };
        let kept = kept.moved(self.namespace, self.site.site_id());
        let statements = [self.roles.create(), self.roles.by_default(self.namespace), kept.give()].concat();
        self.database.execute(self.namespace, &statements).await?;
        let now = Rights::of(self.database, self.namespace).await?;
        let is_back = |right: &&Right| !now.rights.iter().any(|one| one.covers(right));
        let missing = kept.rights.iter().filter(is_back);
        let notes = missing.map(|right| {
            format!("{} on {} was not given back to {}: one of both is gone", right.rights, right.object, right.whose())
        });
        let notes = notes.collect();
        self.site.catalog().keep_suspended_rights(self.id, None).await?;
        Ok(notes)
    }
}
