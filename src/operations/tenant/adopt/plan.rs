//! What `tenant adopt` does: a pure function from what was seen to steps.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AdoptError, Request, Snapshot};
use crate::backends::database::ddl::Target;
use crate::backends::database::own_tables;
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::engine::{Draft, Effect, Size, Step, Undo};
use crate::model::fingerprint::structure;
use crate::model::pack::{Release, Tier};
use crate::model::selection::closest;
use crate::model::{Model, TenantId, TenantRecord, TenantStatus, fingerprint, quota};
use crate::operations::tenant::settings;

/// Differences told at most.
const TOLD: usize = 20;

/// One thing that `tenant adopt`, or its undo, does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The tenant is entered in the registry, as one that is being made.
    Register {
        /// As it will be; its moments are filled in when it is written.
        tenant: Box<TenantRecord>,
    },
    /// The tenant is taken out of the registry; its tables stay.
    Forget {
        /// Which.
        id: TenantId,
    },
    /// fixtool's own tables, with roles, permissions and settings.
    AddOwnTables {
        /// The script.
        statements: Vec<String>,
        /// The script that takes them away.
        removal: Vec<String>,
    },
    /// fixtool's own tables go.
    RemoveOwnTables {
        /// The script.
        statements: Vec<String>,
    },
    /// Database roles and what they may do.
    GrantRoles {
        /// The roles.
        roles: TenantRoles,
    },
    /// The database roles go, with all they may do.
    WithdrawRoles {
        /// The roles.
        roles: TenantRoles,
    },
    /// The tenant is in use from now on.
    Activate,
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
            Self::Register { tenant } => format!(
                "register {} for {} ({} {}, tier {})",
                tenant.id, tenant.namespace, tenant.pack, tenant.version, tenant.tier
            ),
            Self::Forget { id } => format!("take {id} out of the registry; its tables stay"),
            Self::AddOwnTables { .. } => "add fixtool's own tables, with roles and settings".to_owned(),
            Self::RemoveOwnTables { .. } => "remove fixtool's own tables".to_owned(),
            Self::GrantRoles { roles } => {
                format!("create the database roles {}, {} and {}", roles.owner, roles.read_write, roles.read_only)
            }
            Self::WithdrawRoles { roles } => {
                format!("remove the database roles {}, {} and {}", roles.owner, roles.read_write, roles.read_only)
            }
            Self::Activate => "put the tenant in use".to_owned(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Forget { .. } | Self::RemoveOwnTables { .. } | Self::WithdrawRoles { .. } => Effect::Changes,
            _ => Effect::Adds,
        }
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::Register { tenant } => Undo::Inverse(Self::Forget { id: tenant.id.clone() }),
            Self::AddOwnTables { removal, .. } => Undo::Inverse(Self::RemoveOwnTables { statements: removal.clone() }),
            Self::GrantRoles { roles } => Undo::Inverse(Self::WithdrawRoles { roles: roles.clone() }),
            _ => Undo::Nothing,
        }
    }
}

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, AdoptError> {
    let (namespace, placement) = (request.namespace.clone(), request.placement.clone());
    let Some(found) = &seen.found else { return Err(AdoptError::Missing { namespace, placement }) };
    let tier = tier_of(request, seen)?;
    if let Some(there) = &seen.registered {
        let same = there.namespace == namespace && there.placement == placement;
        if !same {
            return Err(AdoptError::Taken { id: request.id.clone() });
        }
        if there.status != TenantStatus::Creating {
            let note = format!("tenant '{}' has {namespace} already: nothing to do", request.id);
            return Ok(Draft { steps: Vec::new(), notes: vec![note] });
        }
    } else if let Some(owner) = seen.namespace_of.clone() {
        return Err(AdoptError::Owned { namespace, owner });
    }
    if !seen.strange.is_empty() {
        return Err(AdoptError::OwnNames { namespace, strange: told(&seen.strange).join("\n") });
    }
    let (release, mut notes) = version_of(request, seen, found)?;
    let record = record(request, seen, (release, found), tier);
    let mut steps = vec![
        Step { stage: 0, action: Action::Register { tenant: Box::new(record) } },
        Step { stage: 1, action: own_tables_with_rows(request, seen, tier) },
    ];
    if has_roles(seen.engine) && seen.may_create_roles {
        let roles = TenantRoles::of(&namespace, &seen.site);
        steps.push(Step { stage: 2, action: Action::GrantRoles { roles } });
    } else if has_roles(seen.engine) {
        notes.push("the database user may not make roles: no database roles are made".to_owned());
    }
    steps.push(Step { stage: 3, action: Action::Activate });
    Ok(Draft { steps, notes })
}

fn tier_of<'a>(request: &Request, seen: &'a Snapshot) -> Result<&'a Tier, AdoptError> {
    let tiers = &seen.pack.manifest.tiers;
    tiers.get(&request.tier).ok_or_else(|| AdoptError::Tier {
        pack: seen.pack.name().to_owned(),
        tier: request.tier.escape_debug().take(60).collect(),
        guess: closest(&request.tier, tiers.keys().map(String::as_str)),
        known: tiers.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })
}

/// The version whose structure is there, or the one that was asked for with what is different.
fn version_of<'a>(
    request: &Request,
    seen: &'a Snapshot,
    found: &Model,
) -> Result<(&'a Release, Vec<String>), AdoptError> {
    let there = fingerprint(found);
    if let Some(wanted) = request.version {
        let release = seen.pack.release(wanted)?;
        let differences = differences(&release.model, found);
        let mut notes = Vec::new();
        if !differences.is_empty() {
            notes.push(format!("it is taken for version {wanted} although it differs:"));
            notes.extend(told(&differences));
        }
        return Ok((release, notes));
    }
    if let Some(release) = seen.pack.releases.iter().find(|release| fingerprint(&release.model) == there) {
        return Ok((release, vec![format!("its structure is that of version {}", release.version)]));
    }
    let nearest = seen.pack.releases.iter().map(|release| (differences(&release.model, found), release.version));
    let (differences, version) =
        nearest.min_by_key(|(differences, _)| differences.len()).unwrap_or_else(|| (Vec::new(), seen.pack.newest()));
    Err(AdoptError::Differs {
        namespace: request.namespace.clone(),
        pack: seen.pack.name().to_owned(),
        version,
        differences: told(&differences).join("\n"),
    })
}

/// What the namespace lacks and what it has beyond the version, fact by fact.
fn differences(wanted: &Model, found: &Model) -> Vec<String> {
    let facts = |model: &Model| -> BTreeSet<String> {
        let tables = model.tables.iter();
        tables
            .flat_map(|(name, table)| structure(name, table).into_iter().map(move |fact| format!("{name}: {fact}")))
            .collect()
    };
    let (wanted, found) = (facts(wanted), facts(found));
    let missing = wanted.difference(&found).map(|fact| format!("missing  {fact}"));
    let extra = found.difference(&wanted).map(|fact| format!("extra    {fact}"));
    missing.chain(extra).collect()
}

fn told(differences: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = differences.iter().take(TOLD).map(|line| format!("  {line}")).collect();
    if differences.len() > TOLD {
        lines.push(format!("  and {} more", differences.len() - TOLD));
    }
    lines
}

fn record(request: &Request, seen: &Snapshot, (release, found): (&Release, &Model), tier: &Tier) -> TenantRecord {
    TenantRecord {
        id: request.id.clone(),
        namespace: request.namespace.clone(),
        placement: request.placement.clone(),
        pack: request.pack.clone(),
        version: release.version.to_string(),
        tier: request.tier.clone(),
        status: TenantStatus::Creating,
        labels: request.labels.clone(),
        admin_email: None,
        adopted: true,
        fingerprint: fingerprint(found),
        quotas: quota::of_tier(tier),
        integrations: settings::integrations(&seen.pack.manifest, tier),
        created_at: String::new(),
        updated_at: String::new(),
    }
}

fn own_tables_with_rows(request: &Request, seen: &Snapshot, tier: &Tier) -> Action {
    let target = Target { engine: seen.engine, namespace: &request.namespace };
    let manifest = &seen.pack.manifest;
    let all = settings::configuration(manifest, &request.tier, tier);
    let statements = [
        own_tables::create(seen.engine, &request.namespace),
        own_tables::prove(seen.engine, &request.namespace),
        settings::write_roles(target, manifest),
        settings::write_settings(target, &all),
    ];
    // In reverse, because permissions point at roles.
    let removal = own_tables::NAMES.iter().rev().map(|name| format!("DROP TABLE IF EXISTS {}", target.table(name)));
    Action::AddOwnTables { statements: statements.concat(), removal: removal.collect() }
}
