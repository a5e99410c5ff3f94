//! What `tenant clone` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::{CloneError, Request, Snapshot};
use crate::backends::database::TableStats;
use crate::engine::{Draft, Effect, Size, Step, Undo, Unit};
use crate::model::mask::{Masker, tied};
use crate::model::quota::{self, Quotas};
use crate::model::selection::closest;
use crate::model::{Engine, Model, Namespace, TenantId, TenantRecord, TenantStatus, fingerprint};

/// The tenant that is copied, and the one that is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The tenant that is copied.
    pub from: TenantId,
    /// The other one, as it will be registered.
    pub to: TenantRecord,
}

/// One thing that `tenant clone` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A fresh namespace with tables that have no rows and no keys.
    MakeRoom {
        /// From where to where.
        way: Box<Way>,
        /// How many tables.
        tables: u64,
    },
    /// The fresh namespace goes: takes back that it was made.
    ClearRoom {
        /// From where to where.
        way: Box<Way>,
    },
    /// The rows of all tables, from one moment; what is stored is compared with what was read. A second try
    /// begins again, from another moment.
    Copy {
        /// From where to where.
        way: Box<Way>,
        /// How many tables.
        tables: u64,
        /// Their rows when the plan was made.
        rows: u64,
        /// Whether personal data is masked.
        masked: bool,
    },
    /// Keys, indexes and foreign keys, each proved by the rows.
    Finish {
        /// From where to where.
        way: Box<Way>,
    },
    /// The registry's entry, the roles, and the settings of another tier.
    Register {
        /// From where to where.
        way: Box<Way>,
    },
    /// The registry's entry goes.
    Forget {
        /// From where to where.
        way: Box<Way>,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
            Self::MakeRoom { way, tables } => format!("make {tables} tables in {}", way.to.namespace),
            Self::ClearRoom { way } => format!("remove {} with all its tables", way.to.namespace),
            Self::Copy { way, tables, rows, masked } => {
                let masked = if *masked { ", with personal data masked" } else { "" };
                format!("copy {rows} rows of {tables} tables from {}, all of one moment{masked}", way.from)
            }
            Self::Finish { .. } => "build keys, indexes and foreign keys".to_owned(),
            Self::Register { way } => format!("register {} (tier {})", way.to.id, way.to.tier),
            Self::Forget { way } => format!("take {} out of the registry", way.to.id),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::MakeRoom { .. } | Self::Copy { .. } | Self::Finish { .. } | Self::Register { .. } => Effect::Adds,
            Self::ClearRoom { .. } | Self::Forget { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::MakeRoom { tables, .. } => Size::items(*tables),
            Self::Copy { rows, .. } => Size { amount: Some(*rows), unit: Unit::Rows },
            _ => Size::items(1),
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::MakeRoom { way, .. } => Undo::Inverse(Self::ClearRoom { way: way.clone() }),
            Self::Register { way } => Undo::Inverse(Self::Forget { way: way.clone() }),
            // These go with the namespace.
            Self::Copy { .. } | Self::Finish { .. } => Undo::Nothing,
            Self::ClearRoom { .. } | Self::Forget { .. } => {
                Undo::Impossible { reason: "what was removed is gone; clone the tenant again".to_owned() }
            }
        }
    }

    fn losses(&self) -> Vec<String> {
        match self {
            Self::ClearRoom { way } => vec![format!("every table of {} with all rows", way.to.id)],
            Self::Forget { way } => vec![format!("the registry's entry of {} with its credentials", way.to.id)],
            _ => Vec::new(),
        }
    }
}

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, CloneError> {
    if seen.taken {
        return Err(CloneError::Taken { to: request.to.clone() });
    }
    let namespace = Namespace::of(&request.to);
    if seen.occupied {
        return Err(CloneError::Occupied { namespace });
    }
    let (tier, quotas) = tier(request, seen)?;
    let to = TenantRecord {
        id: request.to.clone(),
        namespace,
        placement: seen.placement.clone(),
        tier,
        quotas,
        status: TenantStatus::Active,
        admin_email: seen.tenant.admin_email.clone().filter(|_| !request.mask_pii),
        adopted: false,
        fingerprint: fingerprint(&seen.model),
        ..seen.tenant.clone()
    };
    let way = Box::new(Way { from: request.id.clone(), to });
    let tables = seen.tables.len() as u64;
    let rows = seen.tables.iter().map(|table| table.rows).sum();
    let copy = Action::Copy { way: way.clone(), tables, rows, masked: request.mask_pii };
    let actions = [
        Action::MakeRoom { way: way.clone(), tables },
        copy,
        Action::Finish { way: way.clone() },
        Action::Register { way },
    ];
    let steps = (0..).zip(actions).map(|(stage, action)| Step { stage, action }).collect();
    Ok(Draft { steps, notes: notes(request, seen) })
}

/// The tier of the copy and its limits.
fn tier(request: &Request, seen: &Snapshot) -> Result<(String, Quotas), CloneError> {
    let Some(name) = &request.tier else { return Ok((seen.tenant.tier.clone(), seen.tenant.quotas.clone())) };
    let manifest = &seen.pack.manifest;
    let tier = manifest.tiers.get(name).ok_or_else(|| CloneError::Tier {
        pack: seen.tenant.pack.clone(),
        tier: name.escape_debug().take(60).collect(),
        guess: closest(name, manifest.tiers.keys().map(String::as_str)),
        known: manifest.tiers.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })?;
    let quotas = quota::of_tier(tier);
    let rows = |table: &str| seen.tables.iter().find(|stats| stats.table == table).map_or(0, |stats| stats.rows);
    match quota::exceeded(manifest, &quotas, rows) {
        Some(exceeded) => Err(CloneError::Quota { id: request.id.clone(), tier: name.clone(), exceeded }),
        None => Ok((name.clone(), quotas)),
    }
}

fn notes(request: &Request, seen: &Snapshot) -> Vec<String> {
    let mut notes: Vec<String> = seen.tables.iter().map(told).collect();
    let (personal, secret) = hidden(&seen.model);
    if request.mask_pii {
        notes.push(if personal.is_empty() {
            "the pack marks no column as personal, so nothing is masked".to_owned()
        } else {
            format!("masked: {}; the masks' secret belongs to this run and is kept nowhere", personal.join(", "))
        });
        if !secret.is_empty() {
            notes.push(format!("withheld: {}", secret.join(", ")));
        }
    } else if !secret.is_empty() {
        notes.push(format!("secrets are copied as they are stored: {}; --mask-pii leaves them out", secret.join(", ")));
    }
    if seen.credentials > 0 {
        notes.push("credentials are not copied; 'fixtool tenant credential set' gives it its own".to_owned());
    }
    if seen.tenant.status == TenantStatus::Suspended {
        notes.push(format!("{} is suspended, and its copy will not be", seen.tenant.id));
    }
    if seen.differs {
        notes.push(format!("what {} has beside the tables and columns of its pack is not copied", seen.tenant.id));
    }
    let (from, to) = seen.engines;
    if from != to {
        notes.push(format!("it comes from {} and goes to {}", from.title(), to.title()));
        if to == Engine::Sqlite {
            notes.push("not kept exactly on SQLite: decimals are compared as floating point numbers in queries, and collations and native types are texts".to_owned());
        }
    }
    notes
}

fn told(table: &TableStats) -> String {
    let rows = if table.rows == 1 { "1 row".to_owned() } else { format!("{} rows", table.rows) };
    match table.bytes {
        0 => format!("{}: {rows}", table.table),
        bytes => format!("{}: {rows} ({} KiB)", table.table, bytes.div_ceil(1024)),
    }
}

/// Columns with masks, and those whose values are withheld: `table.column`.
fn hidden(model: &Model) -> (Vec<String>, Vec<String>) {
    let (mut personal, mut secret) = (Vec::new(), Vec::new());
    for (name, table) in &tied(model).tables {
        for (column, definition) in table.columns.iter().filter(|(_, column)| Masker::hides(column)) {
            let place = if definition.secret.is_some() { &mut secret } else { &mut personal };
            place.push(format!("{name}.{column}"));
        }
    }
    (personal, secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Action as _;
    use crate::model::pack::builtin;

    fn seen() -> Snapshot {
        let pack = builtin::pack(builtin::DEFAULT).unwrap().unwrap();
        let model = pack.model("1.0.0".parse().unwrap()).unwrap().clone();
        let record = serde_json::json!({
            "id": "acme", "namespace": "tenant_acme", "placement": "main", "pack": pack.name(), "version": "1.0.0",
            "tier": "enterprise", "status": "suspended", "labels": {"team": "a"}, "admin_email": "ada@example.com",
            "adopted": true, "fingerprint": "", "quotas": {"users": null}, "integrations": {}, "created_at": "",
            "updated_at": "",
        });
        Snapshot {
            tenant: serde_json::from_value(record).unwrap(),
            pack,
            tables: vec![TableStats { table: "users".into(), rows: 11, bytes: 2000 }],
            model,
            differs: false,
            credentials: 1,
            taken: false,
            placement: "eu".into(),
            occupied: false,
            engines: (Engine::Postgres, Engine::Sqlite),
        }
    }

    fn request() -> Request {
        let [id, to] = ["acme", "copy"].map(|id| id.parse().unwrap());
        Request { id, to, placement: Some("eu".into()), tier: None, mask_pii: false }
    }

    #[test]
    fn the_copy_is_made_filled_finished_and_registered() {
        let draft = decide(&request(), &seen()).unwrap();
        let stages: Vec<u32> = draft.steps.iter().map(|step| step.stage).collect();
        assert_eq!(stages, [0, 1, 2, 3]);
        let Action::Register { way } = &draft.steps[3].action else { panic!("{draft:?}") };
        assert_eq!(
            (way.to.id.as_str(), way.to.namespace.as_str(), way.to.placement.as_str()),
            ("copy", "tenant_copy", "eu")
        );
        assert_eq!((way.to.status, way.to.adopted, way.to.tier.as_str()), (TenantStatus::Active, false, "enterprise"));
        assert_eq!(way.to.admin_email.as_deref(), Some("ada@example.com"));
        let notes = draft.notes.join("\n");
        for word in ["users: 11 rows (2 KiB)", "access_token", "credentials are not", "suspended", "SQLite"] {
            assert!(notes.contains(word), "{word} in {notes}");
        }
        assert_eq!(draft.steps[1].action.size().amount, Some(11));
        assert!(draft.steps.iter().all(|step| step.action.effect() == Effect::Adds));
        assert!(matches!(draft.steps[0].action.undo(), Undo::Inverse(Action::ClearRoom { .. })));
    }

    #[test]
    fn masks_reach_the_registry_too() {
        let draft = decide(&Request { mask_pii: true, ..request() }, &seen()).unwrap();
        let Action::Register { way } = &draft.steps[3].action else { panic!("{draft:?}") };
        assert_eq!(way.to.admin_email, None);
        let notes = draft.notes.join("\n");
        assert!(notes.contains("masked: users.email, users.name"), "{notes}");
        assert!(notes.contains("withheld: spotify_connections.access_token"), "{notes}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let error = |request: Request, seen: Snapshot| decide(&request, &seen).unwrap_err();
        assert!(matches!(error(request(), Snapshot { taken: true, ..seen() }), CloneError::Taken { .. }));
        assert!(matches!(error(request(), Snapshot { occupied: true, ..seen() }), CloneError::Occupied { .. }));
        let tier = |name: &str| Request { tier: Some(name.to_owned()), ..request() };
        assert!(
            matches!(error(tier("start"), seen()), CloneError::Tier { guess: Some(guess), .. } if guess == "starter")
        );
        assert!(matches!(error(tier("starter"), seen()), CloneError::Quota { .. }));
        let draft = decide(&tier("professional"), &seen()).unwrap();
        let Action::Register { way } = &draft.steps[3].action else { panic!("{draft:?}") };
        assert_eq!((way.to.tier.as_str(), way.to.quotas["users"]), ("professional", Some(100)));
    }
}
