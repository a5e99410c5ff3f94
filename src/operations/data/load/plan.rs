//! What a load does, step by step: a pure function of the request and of what was seen.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::circles::{self, Part};
use super::error::LoadError;
use super::observe::{Seen, SeenTable};
use super::request::{Mode, OnError, Request};
use crate::backends::database::Conflict;
use crate::engine::plan::{Draft, NO_SAFETY_COPY};
use crate::engine::{Action, Effect, Size, Step, Undo, Unit};
use crate::model::OnDelete;
use crate::snapshots::safety::Foreseen;

/// One thing that a load does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum LoadAction {
    /// The tables whose rows are going to be changed or deleted are put into the repository first.
    SafetyCopy {
        /// What is copied, and where to.
        foreseen: Foreseen,
    },
    /// Loads one file into one table.
    Load(TableLoad),
    /// Deletes rows that the source of an earlier step does not hold.
    DeleteMissing {
        /// The table.
        table: String,
        /// The step that loads the source, by its place in the plan.
        loaded_by: u32,
        /// How many were missing when the plan was made.
        rows: u64,
        /// Tables whose rows go with them, or lose their reference, and come back from the safety copy.
        #[serde(default)]
        swept: Vec<String>,
    },
    /// Notes which sources the tables now equal, so that the next incremental load of an unchanged
    /// file is known to have nothing to do; invalidates the tenant's cache.
    Settle {
        /// Places of the steps whose sources are noted.
        loads: Vec<TableLoad>,
        /// Whether the tenant's cache keys are invalidated.
        invalidate_cache: bool,
    },
    /// Takes a load back.
    Unload {
        /// The table.
        table: String,
        /// Rows that it is about, as far as the plan knew.
        rows: Option<u64>,
        /// Tables whose rows went with them, and come back from the safety copy.
        #[serde(default)]
        swept: Vec<String>,
    },
}

/// One file into one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableLoad {
    /// The data type as the user named it.
    pub data_type: String,
    /// The table.
    pub table: String,
    /// The file, and what a person calls it.
    pub source: super::request::Input,
    /// Digest of the file as stored.
    pub digest: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether the table was empty, and is loaded before its indexes are built.
    pub bare: bool,
    /// What happens to a record whose key exists.
    pub conflict: Conflict,
    /// The most rows that the tenant's tier lets the table hold.
    pub most_rows: Option<u64>,
    /// Whether the source's keys are remembered for a later step.
    pub remember_keys: bool,
    /// Whether what it does can be taken back.
    pub undoable: bool,
    /// What of the source is loaded.
    #[serde(default, skip_serializing_if = "Part::is_whole")]
    pub part: Part,
    /// The step that loads the other part first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<u32>,
}

impl Action for LoadAction {
    fn describe(&self) -> String {
        match self {
            Self::SafetyCopy { foreseen } => foreseen.describe(),
            Self::Load(TableLoad { part: Part::Only(columns), table, source, .. }) => {
                format!("set {} of {table} from {}, since tables refer to each other", columns.join(", "), source.name)
            }
            Self::Load(load) => {
                let road = if load.bare { "empty table, indexes built after" } else { "through a staging table" };
                format!("load {} from {} ({road})", load.table, load.source.name)
            }
            Self::DeleteMissing { table, rows, .. } => {
                format!("delete {rows} rows of {table} that the source does not hold")
            }
            Self::Settle { loads, invalidate_cache: true } if loads.is_empty() => "invalidate the cache".to_owned(),
            Self::Settle { invalidate_cache: true, .. } => "note the sources, invalidate the cache".to_owned(),
            Self::Settle { .. } => "note the sources".to_owned(),
            Self::Unload { table, swept, .. } if swept.is_empty() => format!("take back what was loaded into {table}"),
            Self::Unload { table, swept, .. } => {
                format!("bring deleted rows of {table} back, and of {} from the safety copy", swept.join(", "))
            }
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::SafetyCopy { .. } => Effect::Adds,
            Self::Load(load) if matches!(load.conflict, Conflict::Error | Conflict::Skip) => Effect::Adds,
            Self::Load(_) => Effect::Changes,
            Self::Settle { .. } => Effect::Reads,
            Self::DeleteMissing { .. } | Self::Unload { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::SafetyCopy { foreseen } => Size { amount: foreseen.amount(), unit: Unit::Bytes },
            Self::Load(load) => Size { amount: Some(load.bytes), unit: Unit::Bytes },
            Self::DeleteMissing { rows, .. } => Size { amount: Some(*rows), unit: Unit::Rows },
            Self::Settle { .. } => Size::items(1),
            Self::Unload { rows, .. } => Size { amount: *rows, unit: Unit::Rows },
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::Load(load) if !load.undoable => Undo::Impossible {
                reason: format!("{} has no primary key, so its rows cannot be told apart", load.table),
            },
            Self::Load(load) => {
                Undo::Inverse(Self::Unload { table: load.table.clone(), rows: None, swept: Vec::new() })
            }
            Self::DeleteMissing { table, rows, swept, .. } => {
                Undo::Inverse(Self::Unload { table: table.clone(), rows: Some(*rows), swept: swept.clone() })
            }
            Self::SafetyCopy { .. } => Undo::Nothing,
            Self::Settle { invalidate_cache, .. } => {
                Undo::Inverse(Self::Settle { loads: Vec::new(), invalidate_cache: *invalidate_cache })
            }
            Self::Unload { .. } => Undo::Impossible { reason: "run the load again instead".to_owned() },
        }
    }

    fn losses(&self) -> Vec<String> {
        match self {
            Self::DeleteMissing { table, rows, .. } => vec![format!("{rows} rows of {table}")],
            Self::Unload { table, rows: Some(rows), .. } => vec![format!("what was loaded into {table}, {rows} rows")],
            Self::Unload { table, rows: None, .. } => vec![format!("what was loaded into {table}")],
            Self::SafetyCopy { .. } | Self::Load(_) | Self::Settle { .. } => Vec::new(),
        }
    }
}

/// Decides the steps.
pub fn decide(request: &Request, seen: &Seen) -> Result<Draft<LoadAction>, LoadError> {
    let mut draft = Draft { steps: Vec::new(), notes: Vec::new() };
    let conflict = effective_conflict(request);
    let mut loads: Vec<(u32, TableLoad)> = Vec::new();
    let busy: Vec<&SeenTable> = seen.tables.iter().filter(|table| !is_idle(request, table)).collect();
    let order = circles::order(request, &busy, conflict)?;
    for table in &seen.tables {
        if is_idle(request, table) {
            draft.notes.push(format!("{}: the source and the table are as they were after the last load", table.table));
            continue;
        }
        check(request, table, conflict)?;
        let mut load = table_load(request, table, conflict);
        if let Some(open) = order.open.get(&table.table) {
            load.part = Part::But(open.clone());
            load.bare = false;
        }
        loads.push((order.level(table) + 1, load));
        draft.notes.extend(table.notes.iter().cloned());
    }
    if loads.is_empty() {
        return Ok(draft);
    }
    loads.sort_by_key(|(level, _)| *level);
    let mut last = loads.last().map_or(0, |(level, _)| *level);
    last += u32::from(!order.open.is_empty());
    safety_copy(request, seen, &mut draft);
    let first = u32::try_from(draft.steps.len()).unwrap_or(u32::MAX);
    loads.extend(closing((first, &loads), last));
    let steps = loads.iter().map(|(level, load)| Step { stage: *level, action: LoadAction::Load(load.clone()) });
    draft.steps.extend(steps);
    if request.delete_missing {
        deletions(seen, &loads, last, &mut draft);
    }
    draft.notes.extend(atomicity(request, &loads));
    let settle = LoadAction::Settle {
        loads: loads.into_iter().map(|(_, load)| load).filter(|load| !load.part.closes()).collect(),
        invalidate_cache: !request.keep_cache,
    };
    let stage = draft.steps.iter().map(|s| s.stage).max().unwrap_or_default() + 1;
    draft.steps.push(Step { stage, action: settle });
    Ok(draft)
}

/// Loads that set what was left open. Their rows are there by then.
fn closing((first, loads): (u32, &[(u32, TableLoad)]), level: u32) -> Vec<(u32, TableLoad)> {
    let close = |(step, load): (u32, &TableLoad)| {
        let Part::But(columns) = &load.part else { return None };
        let conflict = if load.conflict == Conflict::Error { Conflict::Overwrite } else { load.conflict };
        let (part, continues) = (Part::Only(columns.clone()), Some(step));
        let load = load.clone();
        Some((level, TableLoad { part, continues, conflict, remember_keys: false, undoable: true, ..load }))
    };
    (first..).zip(loads).filter_map(|(step, (_, load))| close((step, load))).collect()
}

/// Nothing is changed before the copy is safe, so it comes first.
fn safety_copy(request: &Request, seen: &Seen, draft: &mut Draft<LoadAction>) {
    if let Some(foreseen) = &seen.safety {
        draft.steps.push(Step { stage: 0, action: LoadAction::SafetyCopy { foreseen: foreseen.clone() } });
        draft.notes.push(
            "'fixtool op undo' takes the load back row by row; the safety copy, \
             kept for 30 days at least, is for rows that go with deleted ones, and for 'fixtool backup restore --tables'"
                .to_owned(),
        );
    } else if request.no_safety_copy && !touched(request, seen).is_empty() {
        draft.notes.push(format!("{NO_SAFETY_COPY}; 'fixtool op undo' rests on the journal of the load alone"));
    }
}

/// Tables whose rows are going to be changed or deleted.
pub(super) fn touched(request: &Request, seen: &Seen) -> BTreeSet<String> {
    let changes = !matches!(effective_conflict(request), Conflict::Error | Conflict::Skip);
    let mut found = BTreeSet::new();
    for table in seen.tables.iter().filter(|table| !is_idle(request, table)) {
        if changes && table.rows > 0 {
            found.insert(table.table.clone());
        }
        if request.delete_missing && table.missing > 0 {
            found.insert(table.table.clone());
            found.extend(table.swept.keys().cloned());
        }
    }
    found
}

/// Whether there is nothing to do for a table.
fn is_idle(request: &Request, table: &SeenTable) -> bool {
    request.mode == Mode::Incremental && table.unchanged && !request.delete_missing
}

/// Incremental work without a strategy means that the source is right.
pub(super) fn effective_conflict(request: &Request) -> Conflict {
    match (request.mode, request.conflict) {
        (Mode::Incremental, Conflict::Error) => Conflict::Overwrite,
        (_, conflict) => conflict,
    }
}

fn check(request: &Request, table: &SeenTable, conflict: Conflict) -> Result<(), LoadError> {
    let name = || table.table.clone();
    if conflict != Conflict::Error && table.key.is_empty() {
        return Err(LoadError::NoKey { table: name() });
    }
    if let Some(missing) = table.key.iter().find(|k| conflict != Conflict::Error && !table.columns.contains(k)) {
        return Err(LoadError::KeyNotInSource { table: name(), column: missing.clone() });
    }
    if conflict == Conflict::Newest && table.newest.as_ref().is_none_or(|n| !table.columns.contains(n)) {
        return Err(LoadError::NoNewest { table: name(), column: table.newest.clone() });
    }
    if request.delete_missing && request.mode != Mode::Incremental {
        return Err(LoadError::DeleteNeedsIncremental);
    }
    if request.delete_missing && request.on_error == OnError::Reject {
        return Err(LoadError::DeleteNeedsStop);
    }
    Ok(())
}

/// Below this size a load is over before the indexes of an empty table would be dropped and built.
const SMALL: u64 = 64 * 1024;

fn table_load(request: &Request, table: &SeenTable, conflict: Conflict) -> TableLoad {
    TableLoad {
        data_type: table.data_type.clone(),
        table: table.table.clone(),
        source: table.source.clone(),
        digest: table.digest.clone(),
        bytes: table.bytes,
        bare: table.rows == 0 && table.bytes >= SMALL && !request.delete_missing,
        conflict,
        most_rows: table.most_rows,
        remember_keys: request.delete_missing && table.missing > 0,
        undoable: !table.key.is_empty() || table.rows == 0,
        part: Part::Whole,
        continues: None,
    }
}

/// Children before parents: a row that others point at goes last.
fn deletions(seen: &Seen, loads: &[(u32, TableLoad)], last: u32, draft: &mut Draft<LoadAction>) {
    let first = draft.steps.len().saturating_sub(loads.len());
    for (at, (level, load)) in loads.iter().enumerate() {
        let Some(table) = seen.tables.iter().find(|t| t.table == load.table) else { continue };
        if table.missing == 0 || load.part.closes() {
            continue;
        }
        let keyed = table.swept.iter().filter(|(_, keyed)| **keyed && seen.safety.is_some()).map(|(name, _)| name);
        let action = LoadAction::DeleteMissing {
            table: load.table.clone(),
            loaded_by: u32::try_from(first + at).unwrap_or(u32::MAX),
            rows: table.missing,
            swept: keyed.cloned().collect(),
        };
        draft.steps.push(Step { stage: last + 1 + (last - level), action });
        for (child, _) in table.swept.iter().filter(|(_, keyed)| !**keyed) {
            draft
                .notes
                .push(format!("{child} has no primary key: what goes with deleted rows does not come back by undo"));
        }
        for (child, on_delete) in &table.children {
            let what = match on_delete {
                OnDelete::Cascade => "go with them",
                OnDelete::SetNull => "lose the reference",
                OnDelete::Restrict => "keep them from being deleted",
            };
            draft.notes.push(format!("rows of {child} that point at deleted rows of {} {what}", load.table));
        }
    }
}

fn atomicity(request: &Request, loads: &[(u32, TableLoad)]) -> Option<String> {
    let staged: Vec<&str> = loads.iter().filter(|(_, l)| !l.bare).map(|(_, l)| l.table.as_str()).collect();
    (request.on_error == OnError::Stop && !staged.is_empty()).then(|| {
        format!(
            "{}: each batch of {} records is durable by itself; after a bad record the batches before it stay, \
             and 'fixtool op undo' removes them",
            staged.join(", "),
            request.batch_size
        )
    })
}
