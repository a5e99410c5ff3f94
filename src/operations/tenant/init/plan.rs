//! What `tenant init` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::{Init, InitError, Request, Snapshot};
use crate::backends::database::ddl::{self, Target};
use crate::backends::database::quote::{identifier, literal};
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::engine::{Draft, Effect, Size, Step, Undo, Unit};
use crate::model::pack::{Pack, Release, Tier};
use crate::model::selection::closest;
use crate::model::{Engine, Namespace, Table, TenantId, TenantRecord, TenantStatus, fingerprint, quota};
use crate::operations::tenant::{fixtures, settings};
use crate::rules::check_sql;

/// One thing that `tenant init`, or its undo, does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The tenant is entered in the registry, as one that is being made.
    Register {
        /// As it will be; its moments are filled in when it is written.
        tenant: Box<TenantRecord>,
    },
    /// The tenant is taken out of the registry.
    Forget {
        /// Which.
        id: TenantId,
    },
    /// The namespace and all tables of the version, in one script.
    CreateStructure {
        /// How many tables.
        tables: u64,
        /// Fingerprint of the structure that the script makes.
        fingerprint: String,
        /// The script.
        statements: Vec<String>,
    },
    /// The namespace with everything in it, and its database roles, are removed.
    DropStructure {
        /// Statements that remove the roles afterwards.
        statements: Vec<String>,
    },
    /// Roles, permissions and settings of the pack, as rows.
    WriteSettings {
        /// How many roles.
        roles: u64,
        /// The script.
        statements: Vec<String>,
    },
    /// Database roles and what they may do.
    GrantRoles {
        /// The roles.
        roles: TenantRoles,
        /// The script.
        statements: Vec<String>,
    },
    /// First data of one data type.
    LoadFixture {
        /// The data type.
        data_type: String,
        /// How many rows.
        rows: u64,
        /// Digest of the pack that they come from.
        pack: String,
    },
    /// The first administrator.
    CreateAdmin {
        /// The address.
        email: String,
        /// Digest of the pack that says how.
        pack: String,
    },
    /// The tenant is in use from now on.
    Activate,
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
            Self::Register { tenant } => {
                format!("register {} ({} {}, tier {})", tenant.id, tenant.pack, tenant.version, tenant.tier)
            }
            Self::Forget { id } => format!("take {id} out of the registry"),
            Self::CreateStructure { tables, .. } => format!("create the namespace with {tables} tables"),
            Self::DropStructure { .. } => "drop the namespace with all its tables".to_owned(),
            Self::WriteSettings { roles, .. } => format!("write {roles} roles, their permissions and the settings"),
            Self::GrantRoles { roles, .. } => {
                format!("create the database roles {}, {} and {}", roles.owner, roles.read_write, roles.read_only)
            }
            Self::LoadFixture { data_type, rows: 1, .. } => format!("load 1 row of first data: {data_type}"),
            Self::LoadFixture { data_type, rows, .. } => format!("load {rows} rows of first data: {data_type}"),
            Self::CreateAdmin { email, .. } => format!("create the administrator {email}"),
            Self::Activate => "put the tenant in use".to_owned(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Forget { .. } | Self::DropStructure { .. } => Effect::Destroys,
            _ => Effect::Adds,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::CreateStructure { tables, .. } => Size::items(*tables),
            Self::LoadFixture { rows, .. } => Size { amount: Some(*rows), unit: Unit::Rows },
            Self::CreateAdmin { .. } => Size { amount: Some(1), unit: Unit::Rows },
            _ => Size::items(1),
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::Register { tenant } => Undo::Inverse(Self::Forget { id: tenant.id.clone() }),
            Self::CreateStructure { .. } => Undo::Inverse(Self::DropStructure { statements: Vec::new() }),
            Self::Forget { .. } | Self::DropStructure { .. } => {
                Undo::Impossible { reason: "what was dropped is gone".to_owned() }
            }
            // These go with the namespace.
            _ => Undo::Nothing,
        }
    }

    fn losses(&self) -> Vec<String> {
        match self {
            Self::DropStructure { .. } => vec!["every table of the tenant with all rows".to_owned()],
            Self::Forget { .. } => vec!["the registry's entry with its sealed credentials".to_owned()],
            _ => Vec::new(),
        }
    }
}

pub(super) fn decide(init: &Init, seen: &Snapshot) -> Result<Draft<Action>, InitError> {
    let request = &init.request;
    let pack = &seen.pack;
    let version = request.version.unwrap_or_else(|| pack.newest());
    let release = pack.release(version)?;
    let tier = tier_of(pack, request)?;
    if let Some(there) = &seen.registered {
        if let Some(draft) = registered(request, there, release)? {
            return Ok(draft);
        }
    } else {
        may_begin(init, seen)?;
    }
    let namespace = init.namespace();
    let record = record(init, (pack, release), tier, &namespace);
    let structure = structure(init, seen, release)?;
    let target = Target { engine: seen.engine, namespace: &namespace };
    let mut steps = vec![
        Step { stage: 0, action: Action::Register { tenant: Box::new(record) } },
        Step { stage: 1, action: structure },
        Step { stage: 2, action: write_settings(target, pack, (&request.tier, tier)) },
    ];
    let mut notes = Vec::new();
    if !seen.may_create_namespaces {
        // The plan can be looked at by anybody; carrying it out needs the right.
        let placement = &init.request.placement;
        notes.push(format!("the database user may not make schemas on '{placement}': this plan would be refused"));
    }
    if has_roles(seen.engine) && seen.may_create_roles {
        let roles = TenantRoles::of(&namespace, &seen.site);
        let statements = [roles.create(), roles.grant(&namespace)].concat();
        steps.push(Step { stage: 3, action: Action::GrantRoles { roles, statements } });
    } else if has_roles(seen.engine) {
        notes.push("the database user may not make roles: no database roles are made".to_owned());
    }
    let mut stage = 4;
    for action in first_rows(request, seen, release, tier)? {
        steps.push(Step { stage, action });
        stage += 1;
    }
    steps.push(Step { stage, action: Action::Activate });
    Ok(Draft { steps, notes })
}

fn tier_of<'a>(pack: &'a Pack, request: &Request) -> Result<&'a Tier, InitError> {
    let tiers = &pack.manifest.tiers;
    tiers.get(&request.tier).ok_or_else(|| InitError::Tier {
        pack: pack.name().to_owned(),
        tier: request.tier.escape_debug().take(60).collect(),
        guess: closest(&request.tier, tiers.keys().map(String::as_str)),
        known: tiers.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })
}

/// For a tenant that is registered: nothing to do, to be finished (`None`), or something else.
fn registered(request: &Request, there: &TenantRecord, wanted: &Release) -> Result<Option<Draft<Action>>, InitError> {
    let id = &request.id;
    let differs =
        |there: String, wanted: String, help: String| Err(InitError::Exists { id: id.clone(), there, wanted, help });
    let version = wanted.version.to_string();
    if there.status == TenantStatus::Dropping {
        let help = format!("finish it with 'fixtool tenant drop {id}'");
        return differs("its drop begun".to_owned(), "in use".to_owned(), help);
    }
    if there.tier != request.tier {
        let help = format!("change it with 'fixtool tenant set-tier {id} {}'", request.tier);
        return differs(format!("tier '{}'", there.tier), format!("'{}'", request.tier), help);
    }
    let unsaid = request.version.is_none() && there.status != TenantStatus::Creating;
    if there.version != version && !unsaid {
        let help = format!("change it with 'fixtool migrate apply --tenant {id} --to-version {version}'");
        return differs(format!("version {}", there.version), version, help);
    }
    if there.placement != request.placement {
        let help = "a tenant is moved by a backup and a restore".to_owned();
        return differs(format!("its place on '{}'", there.placement), format!("'{}'", request.placement), help);
    }
    if there.status == TenantStatus::Creating {
        return Ok(None);
    }
    let note = format!("tenant '{id}' exists with tier '{}' and version {}: nothing to do", there.tier, there.version);
    Ok(Some(Draft { steps: Vec::new(), notes: vec![note] }))
}

fn may_begin(init: &Init, seen: &Snapshot) -> Result<(), InitError> {
    let (namespace, placement) = (init.namespace(), init.request.placement.clone());
    if let Some(owner) = seen.namespace_of.clone() {
        return Err(InitError::Taken { namespace, placement, owner });
    }
    if seen.namespace_exists {
        return Err(InitError::Occupied { namespace, placement, id: init.request.id.clone() });
    }
    Ok(())
}

fn record(init: &Init, (pack, release): (&Pack, &Release), tier: &Tier, namespace: &Namespace) -> TenantRecord {
    let request = &init.request;
    TenantRecord {
        id: request.id.clone(),
        namespace: namespace.clone(),
        placement: request.placement.clone(),
        pack: request.pack.clone(),
        version: release.version.to_string(),
        tier: request.tier.clone(),
        status: TenantStatus::Creating,
        labels: request.labels.clone(),
        admin_email: request.admin_email.clone(),
        adopted: false,
        fingerprint: fingerprint(&release.model),
        quotas: quota::of_tier(tier),
        integrations: settings::integrations(&pack.manifest, tier),
        created_at: String::new(),
        updated_at: String::new(),
    }
}

fn structure(init: &Init, seen: &Snapshot, release: &Release) -> Result<Action, InitError> {
    let namespace = init.namespace();
    let target = Target { engine: seen.engine, namespace: &namespace };
    let mut statements = ddl::create(target, &release.model, &|table, rule| render_check(seen.engine, table, rule))?;
    if seen.citus {
        let text = literal(&identifier(namespace.as_str()));
        statements.insert(0, format!("SELECT citus_schema_distribute({text}::regnamespace)"));
    }
    let tables = release.model.tables.len() as u64;
    Ok(Action::CreateStructure { tables, fingerprint: fingerprint(&release.model), statements })
}

/// Writes a rule of a table as SQL of the engine.
fn render_check(engine: Engine, table: &Table, rule: &str) -> Result<String, DatabaseError> {
    check_sql(engine, table, rule).map_err(|reason| DatabaseError::new(engine, DatabaseErrorKind::Unsupported, reason))
}

fn write_settings(target: Target<'_>, pack: &Pack, (name, tier): (&str, &Tier)) -> Action {
    let manifest = &pack.manifest;
    let all = settings::configuration(manifest, name, tier);
    let statements = [settings::write_roles(target, manifest), settings::write_settings(target, &all)].concat();
    Action::WriteSettings { roles: manifest.roles.len() as u64, statements }
}

/// First data and the administrator, checked now so that nothing is begun that cannot be ended.
fn first_rows(request: &Request, seen: &Snapshot, release: &Release, tier: &Tier) -> Result<Vec<Action>, InitError> {
    let pack = &seen.pack;
    let mut actions = Vec::new();
    let mut added: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    if request.initialize_data {
        for fixture in &release.fixtures {
            let Some(table) = release.model.tables.get(&fixture.table) else { continue };
            let rows = fixtures::read(pack.name(), fixture, table)?.rows.len() as u64;
            *added.entry(fixture.table.clone()).or_default() += rows;
            let (data_type, pack) = (fixture.data_type.clone(), pack.digest.clone());
            actions.push(Action::LoadFixture { data_type, rows, pack });
        }
    }
    if let Some(email) = &request.admin_email {
        let no_admin = || InitError::NoAdmin { pack: pack.name().to_owned() };
        let admin = pack.manifest.admin.as_ref().ok_or_else(no_admin)?;
        let table = release.model.tables.get(&admin.table).ok_or_else(no_admin)?;
        fixtures::admin_row(pack.name(), admin, email, table)?;
        *added.entry(admin.table.clone()).or_default() += 1;
        actions.push(Action::CreateAdmin { email: email.clone(), pack: pack.digest.clone() });
    }
    let rows = |table: &str| added.get(table).copied().unwrap_or_default();
    match quota::exceeded(&pack.manifest, &quota::of_tier(tier), rows) {
        Some(exceeded) => Err(InitError::Quota { tier: request.tier.clone(), exceeded }),
        None => Ok(actions),
    }
}
