//! A small world to operate on: tables with counted rows, checkpoints, and trouble on demand.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fixtool::engine::{
    Action, Draft, Effect, Failure, FailureKind, Fingerprint, Operation, Outcome, Size, Step, StepContext, Target,
    Undo, Unit, chain,
};
use serde::{Deserialize, Serialize};

/// How long a batch takes.
pub const BATCH_TIME: Duration = Duration::from_millis(10);
/// How many rows a batch has.
pub const BATCH: u64 = 100;

/// What happens to a batch instead of being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It passes by itself.
    Passing,
    /// It does not.
    Lasting,
    /// The code has a bug.
    Panic,
    /// The rows are refused, and listed.
    Rejected,
}

/// What is there, and what is to go wrong.
#[derive(Debug, Default)]
pub struct World {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Rows of a table by the run and step that wrote them.
    rows: BTreeMap<String, BTreeMap<(String, u32), u64>>,
    checkpoints: HashMap<(String, u32), u64>,
    trouble: HashMap<String, VecDeque<(u64, Trouble)>>,
    performed: Vec<String>,
    busy: BTreeSet<String>,
    busiest: usize,
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Rows of each table.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        self.state().rows.iter().map(|(t, by)| (t.clone(), by.values().sum())).filter(|(_, rows)| *rows > 0).collect()
    }

    /// Somebody else writes rows.
    pub fn disturb(&self, table: &str, rows: u64) {
        *self.state().rows.entry(table.into()).or_default().entry(("psql".into(), 0)).or_default() += rows;
    }

    /// The next time that a table has so many rows of a step, this happens.
    pub fn trouble(&self, table: &str, at: u64, trouble: Trouble) {
        self.state().trouble.entry(table.into()).or_default().push_back((at, trouble));
    }

    /// The actions that were begun, in order.
    pub fn performed(&self) -> Vec<String> {
        self.state().performed.clone()
    }

    /// How many steps ran side by side at most.
    pub fn busiest(&self) -> usize {
        self.state().busiest
    }
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum WorldError {
    #[error("the connection to {table} was lost")]
    #[diagnostic(code(world::lost))]
    Lost { table: String },
    #[error("{table} has no room")]
    #[diagnostic(code(world::full), help("make room in {table}"))]
    Full { table: String },
    #[error("{target} is unknown")]
    #[diagnostic(code(world::unknown))]
    Unknown { target: String },
}

impl Failure for WorldError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Lost { .. } => FailureKind::Unreachable,
            Self::Full { .. } | Self::Unknown { .. } => FailureKind::Failed,
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum WorldAction {
    Load { table: String, rows: u64 },
    Unload { table: String },
    Copy { table: String },
    BringBack { table: String },
    Drop { table: String, copy: Option<u32> },
}

impl Action for WorldAction {
    fn describe(&self) -> String {
        match self {
            Self::Load { table, .. } => format!("load {table}"),
            Self::Unload { table } => format!("unload {table}"),
            Self::Copy { table } => format!("copy {table}"),
            Self::BringBack { table } => format!("bring back {table}"),
            Self::Drop { table, .. } => format!("drop {table}"),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Load { .. } | Self::Copy { .. } => Effect::Adds,
            Self::Unload { .. } | Self::BringBack { .. } => Effect::Changes,
            Self::Drop { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Load { rows, .. } => Size { amount: Some(*rows), unit: Unit::Rows },
            _ => Size::items(1),
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::Load { table, .. } => Undo::Inverse(Self::Unload { table: table.clone() }),
            Self::Copy { .. } => Undo::Nothing,
            Self::Drop { copy: Some(step), .. } => Undo::SafetyCopy { step: *step },
            Self::Drop { copy: None, .. } => Undo::Impossible { reason: "no safety copy was made".into() },
            Self::Unload { .. } | Self::BringBack { .. } => Undo::Impossible { reason: "load it again".into() },
        }
    }

    fn bring_back(&self) -> Option<Self> {
        match self {
            Self::Copy { table } => Some(Self::BringBack { table: table.clone() }),
            _ => None,
        }
    }
}

/// What the user meant: these steps, except loads of tables that are full already.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    pub steps: Vec<(u32, WorldAction)>,
}

impl Wish {
    /// Loads of tables, one stage after the other.
    pub fn loads(tables: &[(u32, &str, u64)]) -> Self {
        let load = |(stage, table, rows): &(u32, &str, u64)| {
            (*stage, WorldAction::Load { table: (*table).to_owned(), rows: *rows })
        };
        Self { steps: tables.iter().map(load).collect() }
    }
}

/// The operation `world.change`.
pub struct Change {
    pub target: String,
    pub site: String,
    pub wish: Wish,
}

#[derive(Debug)]
pub struct Seen(BTreeMap<String, u64>);

impl Fingerprint for Seen {
    fn fingerprint(&self) -> String {
        chain::digest(&serde_json::json!(self.0))
    }
}

impl Operation for Change {
    const NAME: &'static str = "world.change";
    type Request = Wish;
    type Snapshot = Seen;
    type Action = WorldAction;
    type Reader = Arc<World>;
    type Writer = Arc<World>;
    type Error = WorldError;

    fn request(&self) -> &Wish {
        &self.wish
    }

    fn target(&self) -> Target {
        Target { name: self.target.clone(), site: self.site.clone() }
    }

    async fn observe(&self, reader: &Arc<World>) -> Result<Seen, WorldError> {
        if self.target.starts_with("poisoned") {
            return Err(WorldError::Unknown { target: self.target.clone() });
        }
        Ok(Seen(reader.rows()))
    }

    fn decide(&self, seen: &Seen) -> Result<Draft<WorldAction>, WorldError> {
        let is_full = |action: &WorldAction| match action {
            WorldAction::Load { table, rows } => seen.0.get(table).is_some_and(|there| there >= rows),
            _ => false,
        };
        let wanted = self.wish.steps.iter().filter(|(_, action)| !is_full(action));
        Ok(Draft::of(wanted.map(|(stage, action)| Step { stage: *stage, action: action.clone() }).collect()))
    }

    async fn perform(
        &self,
        act: &WorldAction,
        world: &Arc<World>,
        context: &StepContext,
    ) -> Result<Outcome, WorldError> {
        world.state().performed.push(act.describe());
        match act {
            WorldAction::Load { table, rows } => {
                let _busy = Busy::begin(world, table);
                load(world, table, *rows, context).await
            }
            WorldAction::Unload { table } => {
                let undone = context.undoes.clone().unwrap();
                let removed = world.state().rows.entry(table.clone()).or_default().remove(&undone).unwrap_or(0);
                Ok(Outcome::default().with("removed", removed))
            }
            WorldAction::Copy { .. } => Ok(Outcome::default()),
            WorldAction::BringBack { table } => {
                world.disturb(table, 1);
                Ok(Outcome::default().with("restored", 1))
            }
            WorldAction::Drop { table, .. } => {
                world.state().rows.remove(table);
                Ok(Outcome::default().with("dropped", 1))
            }
        }
    }
}

struct Busy<'a>(&'a World, String);

impl<'a> Busy<'a> {
    fn begin(world: &'a World, table: &str) -> Self {
        let mut state = world.state();
        assert!(state.busy.insert(table.to_owned()), "{table} is loaded twice at once");
        state.busiest = state.busiest.max(state.busy.len());
        Self(world, table.to_owned())
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.state().busy.remove(&self.1);
    }
}

/// Loads batch by batch; rows and checkpoint change together, as in one transaction.
async fn load(world: &World, table: &str, rows: u64, context: &StepContext) -> Result<Outcome, WorldError> {
    let step = (context.run.clone(), context.step);
    let mut done = world.state().checkpoints.get(&step).copied().unwrap_or(0);
    let mut outcome = Outcome::default();
    context.set_done(done);
    while done < rows {
        if context.is_cancelled() {
            outcome.interrupted = true;
            return Ok(outcome);
        }
        tokio::time::sleep(BATCH_TIME).await;
        let mut state = world.state();
        let queue = state.trouble.entry(table.to_owned()).or_default();
        let trouble = queue.front().filter(|(at, _)| done >= *at).map(|(_, trouble)| *trouble);
        if trouble.is_some() {
            queue.pop_front();
        }
        match trouble {
            Some(Trouble::Passing) => return Err(WorldError::Lost { table: table.to_owned() }),
            Some(Trouble::Lasting) => return Err(WorldError::Full { table: table.to_owned() }),
            Some(Trouble::Panic) => panic!("{table} surprised us"),
            Some(Trouble::Rejected) => {
                outcome.partial = true;
                outcome.count("rejected", 1);
            }
            None => {}
        }
        let batch = BATCH.min(rows - done);
        *state.rows.entry(table.to_owned()).or_default().entry(step.clone()).or_default() += batch;
        done += batch;
        state.checkpoints.insert(step.clone(), done);
        drop(state);
        context.advance(batch);
    }
    outcome.count("inserted", rows);
    Ok(outcome)
}
