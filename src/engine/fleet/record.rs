//! A fleet run in the ledger: each target is a step of it, and has a run of its own.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::{RunRecord, RunStart, RunStatus, RunSummary, chain, clock};

/// What to do on which targets.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetOrder {
    /// `noun.verb`.
    pub operation: String,
    /// What the user meant, kept so that the run can go on later.
    pub request: Value,
    pub(super) todo: Vec<Todo>,
    /// The run that goes on; `None` for a new one.
    pub(super) continues: Option<String>,
}

/// One target to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Todo {
    /// Its place in the list of all targets, under which the ledger knows it.
    pub place: u32,
    pub target: String,
    pub resume: Option<String>,
}

impl FleetOrder {
    /// A new run. A target that is named twice is done once.
    pub fn new(operation: &str, request: Value, targets: impl IntoIterator<Item = String>) -> Self {
        let mut known = BTreeSet::new();
        let distinct = targets.into_iter().filter(|target| known.insert(target.clone()));
        let todo = (0_u32..).zip(distinct).map(|(place, target)| Todo { place, target, resume: None }).collect();
        Self { operation: operation.to_owned(), request, todo, continues: None }
    }

    /// The targets, in order.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.todo.iter().map(|todo| todo.target.as_str())
    }

    /// How many targets there are.
    pub fn len(&self) -> usize {
        self.todo.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.todo.is_empty()
    }

    /// What the ledger gets to know of a new run.
    pub(super) fn start(&self, run: &str, actor: &str) -> RunStart {
        let targets: Vec<&str> = self.targets().collect();
        let plan = json!({"fleet": {"targets": targets, "request": self.request, "nonce": clock::nonce()}});
        RunStart {
            run: run.to_owned(),
            parent: None,
            follows: None,
            operation: self.operation.clone(),
            target: format!("{} targets", targets.len()),
            plan_digest: chain::digest(&plan),
            plan,
            actor: actor.to_owned(),
        }
    }
}

/// A fleet run as the ledger tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetRecord {
    /// Its id.
    pub run: String,
    /// `noun.verb`.
    pub operation: String,
    /// What the user meant.
    pub request: Value,
    /// Each target and how it stands, in the order of the run.
    pub targets: Vec<(String, Past)>,
}

/// How a target of an earlier fleet run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// It ended well.
    Finished,
    /// It failed. With the run that failed, which can be resumed; none when it failed before it began.
    Failed(Option<String>),
    /// It stopped at a checkpoint, or its process died.
    Interrupted(String),
    /// It was never begun.
    NotReached,
}

#[derive(Deserialize)]
struct Recorded {
    fleet: RecordedFleet,
}

#[derive(Deserialize)]
struct RecordedFleet {
    targets: Vec<String>,
    request: Value,
}

impl FleetRecord {
    /// From the record of the run and the runs of its targets, the newest first. `None` when the
    /// run is not one over many targets.
    pub fn of(record: &RunRecord, children: &[RunSummary]) -> Option<Self> {
        let Recorded { fleet } = Recorded::deserialize(&record.start.plan).ok()?;
        let mut newest: HashMap<&str, &RunSummary> = HashMap::new();
        for child in children.iter().filter(|c| c.undone_by.is_none() && c.follows.is_none()) {
            newest.entry(&child.target).or_insert(child);
        }
        let started: BTreeSet<u32> = record.steps.iter().map(|step| step.step).collect();
        let finished: BTreeSet<u32> = record.finished().map(|(place, _)| place).collect();
        let targets = (0_u32..)
            .zip(fleet.targets)
            .map(|(place, target)| {
                let child = newest.get(target.as_str()).copied();
                let past = past(finished.contains(&place), started.contains(&place), child);
                (target, past)
            })
            .collect();
        let operation = record.start.operation.clone();
        Some(Self { run: record.start.run.clone(), operation, request: fleet.request, targets })
    }

    /// Goes on with what was interrupted or never begun, the interrupted first.
    pub fn unfinished(&self) -> FleetOrder {
        let mut order = self.order(|past| matches!(past, Past::Interrupted(_) | Past::NotReached));
        order.todo.sort_by_key(|todo| todo.resume.is_none());
        order
    }

    /// Tries the failed ones again.
    pub fn failed(&self) -> FleetOrder {
        self.order(|past| matches!(past, Past::Failed(_)))
    }

    fn order(&self, wanted: impl Fn(&Past) -> bool) -> FleetOrder {
        let todo = (0_u32..)
            .zip(&self.targets)
            .filter(|(_, (_, past))| wanted(past))
            .map(|(place, (target, past))| Todo { place, target: target.clone(), resume: past.run() })
            .collect();
        let continues = Some(self.run.clone());
        FleetOrder { operation: self.operation.clone(), request: self.request.clone(), todo, continues }
    }
}

impl Past {
    fn run(&self) -> Option<String> {
        match self {
            Self::Failed(run) => run.clone(),
            Self::Interrupted(run) => Some(run.clone()),
            Self::Finished | Self::NotReached => None,
        }
    }
}

/// The target's own run knows better than the fleet's, whose process may have died between the two.
fn past(finished: bool, started: bool, child: Option<&RunSummary>) -> Past {
    match child.map(|c| (c.status, c.run.clone())) {
        Some((RunStatus::Done | RunStatus::Partial | RunStatus::NothingToDo, _)) => Past::Finished,
        Some((RunStatus::Failed, run)) => Past::Failed(Some(run)),
        Some((RunStatus::Interrupted | RunStatus::Running, run)) => Past::Interrupted(run),
        None if finished => Past::Finished,
        None if started => Past::Failed(None),
        None => Past::NotReached,
    }
}
