//! The plan that takes back a run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::approval::recorded_plan;
use super::{Action, Failure, Freshness, Ledger, LedgerError, Plan, Refusal, RunError, RunFilter, RunRecord};
use super::{RunSummary, Step, Target, Undo, Undone, chain, clock};

/// The plan that takes back what a run did, last step first: an ordinary plan, to be shown,
/// saved, approved and carried out like any other.
///
/// Steps that began and did not end are taken back too, since they may have made part of their
/// work durable. `later` are the runs on the same target since, as [`later_runs`] gives them; they
/// are named in the plan's notes.
pub fn undo_plan<A: Action>(record: &RunRecord, later: &[RunSummary]) -> Result<Plan<A>, Refusal> {
    let start = &record.start;
    if let Some(by) = &record.undone_by {
        return Err(Refusal::Undone { run: start.run.clone(), target: start.target.clone(), by: by.clone() });
    }
    let plan = recorded_plan::<A>(record)?;
    let mut reversal = Reversal::default();
    for step in &record.steps {
        reversal.take_back(&plan, step.step);
    }
    if !reversal.impossible.is_empty() {
        let steps = reversal.impossible;
        return Err(Refusal::NotUndoable { run: start.run.clone(), target: start.target.clone(), steps });
    }
    let (steps, origins) = reversal.in_reverse();
    Ok(Plan {
        operation: plan.operation,
        target: plan.target,
        fingerprint: fingerprint(record, later),
        created_at: clock::now(),
        nonce: clock::nonce(),
        request: plan.request,
        steps,
        notes: notes(later),
        means: None,
        undoes: Some(Undone { run: start.run.clone(), steps: origins }),
    })
}

/// How things stand for the plan of an undo: it is stale when the run went on, was undone, or when
/// another run on the target came after it.
pub fn undo_freshness(
    record: &RunRecord,
    later: &[RunSummary],
    target: Target,
    applied_by: Option<String>,
) -> Freshness {
    let newest = later.first().map_or(&record.start.run, |run| &run.run);
    Freshness {
        operation: record.start.operation.clone(),
        target,
        fingerprint: fingerprint(record, later),
        applied_by,
        latest_run: Some(newest.clone()),
        standing: None,
    }
}

/// Refuses to go on with a run, or to take it back, when another tenant has its target's name by now.
pub async fn same_tenant<E: Failure>(ledger: &dyn Ledger, run: &str, target: &str) -> Result<(), RunError<E>> {
    if ledger.is_another(run).await? {
        return Err(Refusal::OtherIncarnation { what: format!("run {run}"), target: target.to_owned() }.into());
    }
    Ok(())
}

/// The runs on the same target that began after this one, the newest first.
pub async fn later_runs(ledger: &dyn Ledger, record: &RunRecord) -> Result<Vec<RunSummary>, LedgerError> {
    let filter = RunFilter { target: Some(record.start.target.clone()), ..RunFilter::default() };
    let runs = ledger.runs(&filter).await?;
    Ok(runs.into_iter().take_while(|run| run.run != record.start.run).collect())
}

fn fingerprint(record: &RunRecord, later: &[RunSummary]) -> String {
    let started: Vec<u32> = record.steps.iter().map(|step| step.step).collect();
    let finished: Vec<u32> = record.finished().map(|(place, _)| place).collect();
    let later: BTreeSet<&String> = later.iter().map(|run| &run.run).collect();
    chain::digest(&json!({
        "run": record.start.run,
        "status": record.status,
        "started": started,
        "finished": finished,
        "undone_by": record.undone_by,
        "later": later,
    }))
}

fn notes(later: &[RunSummary]) -> Vec<String> {
    later
        .iter()
        .map(|run| {
            let operation = run.operation.replace('.', " ");
            format!("since then {operation} ({}) ran on {}; what it changed is not taken back", run.run, run.target)
        })
        .collect()
}

/// What takes back each step, by the place and the stage of the step.
struct Reversal<A> {
    steps: BTreeMap<(u32, u32), (A, u32)>,
    restored: BTreeSet<u32>,
    impossible: Vec<String>,
}

impl<A> Default for Reversal<A> {
    fn default() -> Self {
        Self { steps: BTreeMap::new(), restored: BTreeSet::new(), impossible: Vec::new() }
    }
}

impl<A: Action> Reversal<A> {
    /// Called in the order of the plan, so that a copy that several steps rely on is brought back
    /// after all of them were taken back: in place of the first.
    fn take_back(&mut self, plan: &Plan<A>, place: u32) {
        let Some(step) = at(plan, place) else { return };
        match step.action.undo() {
            Undo::Nothing => {}
            Undo::Inverse(action) => {
                self.steps.insert((step.stage, place), (action, place));
            }
            Undo::Impossible { reason } => self.impossible.push(format!("{}: {reason}", step.action.describe())),
            Undo::SafetyCopy { step: copy } => match at(plan, copy).and_then(|s| s.action.bring_back()) {
                Some(action) if self.restored.insert(copy) => {
                    self.steps.insert((step.stage, place), (action, copy));
                }
                Some(_) => {}
                None => self.impossible.push(format!("{}: there is no safety copy", step.action.describe())),
            },
        }
    }

    fn in_reverse(self) -> (Vec<Step<A>>, Vec<u32>) {
        let mut stage = 0;
        let mut undone_stage = None;
        let mut steps = Vec::new();
        let mut origins = Vec::new();
        for ((was, _), (action, origin)) in self.steps.into_iter().rev() {
            if undone_stage.is_some_and(|s| s != was) {
                stage += 1;
            }
            undone_stage = Some(was);
            steps.push(Step { stage, action });
            origins.push(origin);
        }
        (steps, origins)
    }
}

fn at<A>(plan: &Plan<A>, place: u32) -> Option<&Step<A>> {
    plan.steps.get(usize::try_from(place).ok()?)
}
