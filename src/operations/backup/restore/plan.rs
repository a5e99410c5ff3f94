//! What `backup restore` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::Snapshot;
use super::files;
use super::rows::{self, Replaced};
use crate::engine::{Draft, Effect, Size, Step, Undo, Unit};
use crate::model::{Engine, TenantId, TenantRecord};
use crate::operations::backup::which::Found;
use crate::snapshots::files::Amount;
use crate::snapshots::safety::Foreseen;

/// Which snapshot goes where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The snapshot.
    pub found: Found,
    /// The tenant as it will be registered.
    pub tenant: TenantRecord,
    /// Whether it is filled beside a living tenant.
    pub beside: bool,
}

/// One thing that `backup restore` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The rows of single tables as they are now are put into the repository first.
    SafetyCopy {
        /// The tenant.
        tenant: TenantId,
        /// What is copied, and where to.
        foreseen: Foreseen,
    },
    /// The rows of single tables become what they are in the snapshot.
    ReplaceRows {
        /// Which snapshot goes where.
        way: Way,
        /// The tables.
        tables: Vec<Replaced>,
        /// The step that made the safety copy.
        copy: Option<u32>,
    },
    /// They become what they were: from the safety copy.
    RowsBack {
        /// The tenant.
        tenant: TenantId,
        /// What was copied, and where to.
        foreseen: Foreseen,
    },
    /// A fresh namespace with tables that have no rows and no keys.
    MakeRoom {
        /// Which snapshot goes where.
        way: Way,
        /// How many tables.
        tables: u64,
    },
    /// The fresh namespace goes: takes back that it was made.
    ClearRoom {
        /// Which snapshot went where.
        way: Way,
    },
    /// The rows of a table and its keys; then it is read again and compared with the snapshot.
    Fill {
        /// Which snapshot goes where.
        way: Way,
        /// The table.
        table: String,
        /// Its rows.
        rows: u64,
        /// Its bytes before compression.
        bytes: u64,
    },
    /// The files, beside the living ones.
    BringFiles {
        /// Which snapshot goes where.
        way: Way,
        /// How many, and their bytes.
        files: Amount,
    },
    /// The files beside go: takes back that they were brought.
    ClearFiles {
        /// Which snapshot went where.
        way: Way,
    },
    /// Foreign keys, and whatever else stands between tables.
    Finish {
        /// Which snapshot goes where.
        way: Way,
    },
    /// The fresh namespace and the living one change places, in one transaction.
    Exchange {
        /// Which snapshot goes where.
        way: Way,
        /// The registry's entry as it was.
        before: TenantRecord,
    },
    /// They change places again.
    ExchangeBack {
        /// Which snapshot went where.
        way: Way,
        /// The registry's entry as it was.
        before: TenantRecord,
    },
    /// The registry's entry of a new tenant, its roles and its credentials.
    Register {
        /// Which snapshot goes where.
        way: Way,
    },
    /// The registry's entry goes.
    Forget {
        /// Which snapshot went where.
        way: Way,
    },
}

impl crate::engine::Action for Action {
    fn changes_structure(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        match self {
            Self::SafetyCopy { foreseen, .. } => foreseen.describe(),
            Self::ReplaceRows { tables, .. } => {
                let names: Vec<String> =
                    tables.iter().map(|one| format!("{} ({} rows, then {})", one.table, one.now, one.then)).collect();
                format!("make {} what they are in the snapshot", names.join(", "))
            }
            Self::RowsBack { .. } => "bring the rows back from the safety copy".to_owned(),
            Self::MakeRoom { tables, way } if way.beside => format!("make {tables} tables beside the living ones"),
            Self::MakeRoom { tables, way } => format!("make {tables} tables in {}", way.tenant.namespace),
            Self::ClearRoom { .. } => "remove what was restored".to_owned(),
            Self::Fill { table, rows: 1, .. } => format!("restore 1 row of {table}, and compare it"),
            Self::Fill { table, rows, .. } => format!("restore {rows} rows of {table}, and compare them"),
            Self::BringFiles { files, .. } => format!("restore {files}, beside"),
            Self::ClearFiles { .. } => "remove the files that were restored".to_owned(),
            Self::Finish { .. } => "build what refers from table to table".to_owned(),
            Self::Exchange { way, .. } => format!("put it in the place of {}, and keep the old one", way.tenant.id),
            Self::ExchangeBack { way, .. } => format!("put the old {} back in its place", way.tenant.id),
            Self::Register { way } => format!("register {}", way.tenant.id),
            Self::Forget { way } => format!("take {} out of the registry", way.tenant.id),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::SafetyCopy { .. }
            | Self::MakeRoom { .. }
            | Self::Fill { .. }
            | Self::BringFiles { .. }
            | Self::Finish { .. }
            | Self::Register { .. } => Effect::Adds,
            Self::ReplaceRows { copy: Some(_), .. } | Self::Exchange { .. } | Self::ExchangeBack { .. } => {
                Effect::Changes
            }
            Self::ClearRoom { .. }
            | Self::ClearFiles { .. }
            | Self::Forget { .. }
            | Self::ReplaceRows { .. }
            | Self::RowsBack { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::SafetyCopy { foreseen, .. } | Self::RowsBack { foreseen, .. } => {
                Size { amount: foreseen.amount(), unit: Unit::Bytes }
            }
            Self::ReplaceRows { tables, .. } => {
                Size { amount: Some(tables.iter().map(|one| one.bytes).sum()), unit: Unit::Bytes }
            }
            Self::Fill { bytes, .. } => Size { amount: Some(*bytes), unit: Unit::Bytes },
            Self::BringFiles { files, .. } => Size { amount: Some(files.bytes), unit: Unit::Bytes },
            _ => Size::items(1),
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::MakeRoom { way, .. } => Undo::Inverse(Self::ClearRoom { way: way.clone() }),
            Self::BringFiles { way, .. } => Undo::Inverse(Self::ClearFiles { way: way.clone() }),
            Self::Exchange { way, before, .. } => {
                Undo::Inverse(Self::ExchangeBack { way: way.clone(), before: before.clone() })
            }
            Self::Register { way } => Undo::Inverse(Self::Forget { way: way.clone() }),
            Self::ReplaceRows { copy: Some(step), .. } => Undo::SafetyCopy { step: *step },
            Self::ReplaceRows { copy: None, .. } => {
                Undo::Impossible { reason: "there is no safety copy of the rows that were there".to_owned() }
            }
            Self::SafetyCopy { .. } | Self::Fill { .. } | Self::Finish { .. } => Undo::Nothing,
            Self::ClearRoom { .. }
            | Self::ClearFiles { .. }
            | Self::ExchangeBack { .. }
            | Self::Forget { .. }
            | Self::RowsBack { .. } => Undo::Impossible { reason: "run the restore again instead".to_owned() },
        }
    }

    fn bring_back(&self) -> Option<Self> {
        match self {
            Self::SafetyCopy { tenant, foreseen } => {
                Some(Self::RowsBack { tenant: tenant.clone(), foreseen: foreseen.clone() })
            }
            _ => None,
        }
    }

    fn losses(&self) -> Vec<String> {
        match self {
            Self::RowsBack { .. } => vec!["what was written to these tables since the restore".to_owned()],
            _ => Vec::new(),
        }
    }
}

pub(super) fn decide(seen: &Snapshot) -> Draft<Action> {
    if let Some(single) = &seen.single {
        return rows::decide(seen, single);
    }
    let way = Way { found: seen.found.clone(), tenant: seen.after.clone(), beside: seen.living.is_some() };
    let mut steps =
        vec![Step { stage: 0, action: Action::MakeRoom { way: way.clone(), tables: seen.tables.len() as u64 } }];
    steps.extend(seen.files.iter().map(|(files, _)| {
        let action = Action::BringFiles { way: way.clone(), files: *files };
        Step { stage: 1, action }
    }));
    // SQLite has one writer, so its tables are filled one after the other.
    let side_by_side = seen.engines.1 == Engine::Postgres;
    let mut stage = 1;
    let mut tables = seen.tables.clone();
    if side_by_side {
        // The largest first: the others find their place beside it.
        tables.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
    }
    for (table, rows, bytes) in &tables {
        let action = Action::Fill { way: way.clone(), table: table.clone(), rows: *rows, bytes: *bytes };
        steps.push(Step { stage, action });
        stage += u32::from(!side_by_side);
    }
    steps.push(Step { stage: stage + 1, action: Action::Finish { way: way.clone() } });
    let last = match &seen.living {
        Some((before, _)) => Action::Exchange { way, before: before.clone() },
        None => Action::Register { way },
    };
    steps.push(Step { stage: stage + 2, action: last });
    Draft { steps, notes: notes(seen) }
}

fn notes(seen: &Snapshot) -> Vec<String> {
    let mut notes = vec![format!("the snapshot {} tells of {}", seen.id, seen.taken_at)];
    if seen.living.is_some() {
        notes.push(
            "the living tenant is untouched until the last step; the old one is kept until it is undone or dropped"
                .to_owned(),
        );
        notes.push("credentials stay as they are now".to_owned());
    }
    notes.extend(files::note(seen));
    let (from, to) = seen.engines;
    if from != to {
        notes.push(format!("it comes from {} and goes to {}", from.title(), to.title()));
        if to == Engine::Sqlite {
            notes.push("not kept exactly on SQLite: minus zero becomes zero, decimals are compared as floating point numbers in queries, and collations and native types are texts".to_owned());
        }
    }
    notes
}
