//! Reads one run and puts it in words.

use serde_json::Value;

use super::{FailureView, ShowView, StepState, StepView, TargetView};
use crate::engine::{FleetRecord, Ledger, RunFilter, RunRecord, RunStatus, RunSummary, StepRecord, fleet::Past};
use crate::operations::op::{FindError, find};

pub(super) async fn observe(run: Option<&str>, ledger: &dyn Ledger) -> Result<ShowView, FindError> {
    let record = find(ledger, run).await?;
    let children = RunFilter { parent: Some(record.start.run.clone()), ..RunFilter::default() };
    let children = ledger.runs(&children).await?;
    Ok(view(record, &children))
}

fn view(record: RunRecord, children: &[RunSummary]) -> ShowView {
    let fleet = FleetRecord::of(&record, children);
    let next = next(&record, fleet.as_ref());
    let planned = if fleet.is_some() { "/fleet/targets" } else { "/steps" };
    let planned = record.start.plan.pointer(planned).and_then(Value::as_array).map_or(0, Vec::len);
    let request = if fleet.is_some() { "/fleet/request" } else { "/request" };
    let text = |name: &str| record.start.plan.get(name).and_then(Value::as_str).map(str::to_owned);
    let notes = record
        .start
        .plan
        .get("notes")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |notes| notes.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    ShowView {
        fingerprint: text("fingerprint"),
        request: record.start.plan.pointer(request).cloned().unwrap_or_default(),
        notes,
        not_begun: u64::try_from(planned.saturating_sub(record.steps.len())).unwrap_or(u64::MAX),
        // The targets say the same and more.
        steps: if fleet.is_some() { Vec::new() } else { record.steps.into_iter().map(step).collect() },
        targets: fleet.map_or_else(Vec::new, |fleet| fleet.targets.into_iter().map(target).collect()),
        run: record.start.run,
        operation: record.start.operation,
        target: record.start.target,
        status: record.status,
        actor: record.start.actor,
        started_at: record.started_at,
        ended_at: record.ended_at,
        parent: record.start.parent,
        follows: record.start.follows,
        undone_by: record.undone_by,
        failure: record.failure.map(|(code, message)| FailureView { code, message }),
        plan_digest: record.start.plan_digest,
        next,
    }
}

fn step(record: StepRecord) -> StepView {
    let state = match &record.outcome {
        None => StepState::Unfinished,
        Some(outcome) if outcome.partial => StepState::Partial,
        Some(_) => StepState::Done,
    };
    let outcome = record.outcome.unwrap_or_default();
    StepView {
        step: record.step,
        label: record.label,
        state,
        started_at: record.started_at,
        ended_at: record.ended_at,
        counts: outcome.counts,
        notes: outcome.notes,
    }
}

fn target((target, past): (String, Past)) -> TargetView {
    let (state, run) = match past {
        Past::Finished => ("finished", None),
        Past::Failed(run) => ("failed", run),
        Past::Interrupted(run) => ("interrupted", Some(run)),
        Past::NotReached => ("not_reached", None),
    };
    TargetView { target, state, run }
}

/// The commands that make sense for a run as it stands.
fn next(record: &RunRecord, fleet: Option<&FleetRecord>) -> Vec<String> {
    if record.undone_by.is_some() {
        return Vec::new();
    }
    let run = &record.start.run;
    let left = match fleet {
        Some(fleet) => fleet.targets.iter().any(|(_, past)| *past != Past::Finished),
        None => matches!(record.status, RunStatus::Failed | RunStatus::Interrupted | RunStatus::Running),
    };
    let mut commands = Vec::new();
    if left {
        commands.push(format!("fixtool op resume {run}"));
    }
    if record.start.follows.is_none() && !record.steps.is_empty() {
        commands.push(format!("fixtool op undo {run}"));
    }
    commands
}
