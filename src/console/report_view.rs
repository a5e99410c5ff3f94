//! What came out, for people and for programs: of one run, and of a run over many targets.

use std::collections::BTreeMap;

use serde::Serialize;

use super::diagnostic::FailureDocument;
use super::plan_view::{counts, spoken};
use super::style::{Tone, span, thousands};
use super::{Page, Table};
use crate::engine::fleet::{FailureGroup, FleetReport, Halt, TargetResult, TargetState};
use crate::engine::{Failure, Report, RunError, RunStatus};

/// More targets than these are counted instead of shown.
const MOST_LINES: usize = 40;

/// What came out, as a program reads it.
#[derive(Debug, Clone, Serialize)]
pub struct RunsDocument {
    /// How it ended as a whole.
    pub status: RunStatus,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
    /// The counts of all targets together.
    pub totals: BTreeMap<String, u64>,
    /// The run over many targets; nothing for a single one, whose own run says everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet_run: Option<String>,
    /// Why no further target was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halt>,
    /// Failures, those that say the same together.
    pub failures: Vec<FailureGroup>,
    /// Every target.
    pub runs: Vec<RunDocument>,
    #[serde(skip)]
    operation: String,
}

/// What became of one target.
#[derive(Debug, Clone, Serialize)]
pub struct RunDocument {
    /// Its name.
    pub target: String,
    /// How it stands.
    pub state: TargetState,
    /// Its run in the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The wave it was in, from one.
    pub wave: u32,
    /// What its steps did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureDocument>,
}

impl RunsDocument {
    /// From the report; `exit_code` tells the code of a failure.
    pub fn of<E: Failure>(report: &FleetReport<E>, exit_code: impl Fn(&RunError<E>) -> u8) -> Self {
        let runs: Vec<RunDocument> = report.results.iter().map(|result| run(result, &exit_code)).collect();
        let mut totals = BTreeMap::new();
        for report in runs.iter().filter_map(|run| run.report.as_ref()) {
            for (name, amount) in report.totals() {
                *totals.entry(name).or_default() += amount;
            }
        }
        Self {
            status: report.status(),
            elapsed_ms: report.elapsed_ms,
            totals,
            fleet_run: report.run.clone(),
            halted: report.halted,
            failures: report.failures(),
            runs,
            operation: report.operation.clone(),
        }
    }

    /// The run to resume, to undo or to look at.
    pub fn run(&self) -> Option<&str> {
        let single = || self.runs.first().and_then(|run| run.run.as_deref());
        self.fleet_run.as_deref().or_else(single)
    }
}

fn run<E: Failure>(result: &TargetResult<E>, exit_code: &impl Fn(&RunError<E>) -> u8) -> RunDocument {
    let (report, error) = match &result.ended {
        None => (None, None),
        Some(Ok(report)) => (Some(report.clone()), None),
        Some(Err(error)) => {
            let report = if let RunError::Step(failed) = error { Some(failed.report.clone()) } else { None };
            (report, Some(FailureDocument::of(error, exit_code(error))))
        }
    };
    let run = report.as_ref().map(|report| report.run.clone()).filter(|run| !run.is_empty());
    RunDocument { target: result.target.clone(), state: result.state(), run, wave: result.wave, report, error }
}

/// What came out, for people.
pub fn page(runs: &RunsDocument) -> Page {
    let mut page = Page::new();
    match runs.runs.as_slice() {
        [only] => one(&mut page, runs, only),
        _ => many(&mut page, runs),
    }
    page
}

fn one(page: &mut Page, runs: &RunsDocument, run: &RunDocument) {
    let Some(report) = &run.report else { return };
    let (tone, word) = status(report.status);
    let operation = spoken(&report.operation);
    if report.status == RunStatus::NothingToDo {
        page.toned_line(tone, &format!("{operation} for {}: nothing to do", run.target));
        return;
    }
    page.toned_line(tone, &format!("{operation} for {}: {word} in {}", run.target, span(report.elapsed_ms)));
    let mut table = Table::new(&["step", "result", ">time"]);
    for step in report.steps.iter().take(MOST_LINES) {
        let (tone, result) = match &step.outcome {
            None => (Tone::Warn, "not done".to_owned()),
            Some(outcome) if outcome.interrupted => (Tone::Warn, format!("stopped after {}", counts(&outcome.counts))),
            Some(outcome) if outcome.partial => (Tone::Warn, counts(&outcome.counts)),
            Some(outcome) if outcome.counts.is_empty() => (Tone::Plain, "done".to_owned()),
            Some(outcome) => (Tone::Plain, counts(&outcome.counts)),
        };
        let time = if step.outcome.is_some() { span(step.elapsed_ms) } else { String::new() };
        table.toned_row([(Tone::Plain, step.label.clone()), (tone, result), (Tone::Plain, time)]);
    }
    page.table(table);
    if report.steps.len() > MOST_LINES {
        page.line(&format!("… and {} more steps; '-o json' lists all", report.steps.len() - MOST_LINES));
    }
    if report.steps.len() > 1 && !runs.totals.is_empty() {
        page.line(&format!("total: {}{}", counts(&runs.totals), rate(runs)));
    }
    for note in report.steps.iter().filter_map(|step| step.outcome.as_ref()).flat_map(|outcome| &outcome.notes) {
        page.line(&format!("note: {note}"));
    }
    if !report.run.is_empty() {
        page.toned_line(Tone::Dim, &format!("run {}; 'fixtool op show {}' tells more", report.run, short(&report.run)));
    }
}

fn many(page: &mut Page, runs: &RunsDocument) {
    let operation = spoken(&runs.operation);
    let number = |state: TargetState| runs.runs.iter().filter(|run| run.state == state).count();
    let states = [
        (TargetState::Done, Tone::Good, "done"),
        (TargetState::Skipped, Tone::Plain, "had nothing to do"),
        (TargetState::Partial, Tone::Warn, "done in part"),
        (TargetState::Failed, Tone::Bad, "failed"),
        (TargetState::Interrupted, Tone::Warn, "stopped at a checkpoint"),
        (TargetState::NotReached, Tone::Warn, "not begun"),
    ];
    let total = thousands(count(runs.runs.len()));
    page.heading(&format!("{operation} for {total} tenants in {}", span(runs.elapsed_ms)));
    for (state, tone, word) in states {
        if number(state) > 0 {
            page.toned_line(tone, &format!("{} {word}", thousands(count(number(state)))));
        }
    }
    if !runs.totals.is_empty() {
        page.line(&format!("total: {}{}", counts(&runs.totals), rate(runs)));
    }
    unfinished(page, runs);
    match runs.halted {
        Some(Halt::Canary) => page.toned_line(Tone::Bad, "stopped: a tenant of the first wave failed"),
        Some(Halt::Budget { failed, allowed }) => {
            page.toned_line(Tone::Bad, &format!("stopped: {failed} tenants failed, {allowed} were allowed to"));
        }
        Some(Halt::Cancelled) | None => {}
    }
    if let Some(run) = &runs.fleet_run {
        page.toned_line(Tone::Dim, &format!("run {run}; 'fixtool op show {}' tells more", short(run)));
    }
}

/// Targets that did not end well, one line each.
fn unfinished(page: &mut Page, runs: &RunsDocument) {
    let told = |state| matches!(state, TargetState::Failed | TargetState::Partial | TargetState::Interrupted);
    let rows: Vec<&RunDocument> = runs.runs.iter().filter(|run| told(run.state)).collect();
    if rows.is_empty() {
        return;
    }
    let mut table = Table::new(&["tenant", "state", "run", "why"]);
    for run in rows.iter().take(MOST_LINES) {
        let why = match (&run.error, &run.report) {
            (Some(error), _) => error.message.clone(),
            (None, Some(report)) => counts(&report.totals()),
            (None, None) => String::new(),
        };
        let (tone, word) = match run.state {
            TargetState::Failed => (Tone::Bad, "failed"),
            TargetState::Partial => (Tone::Warn, "in part"),
            _ => (Tone::Warn, "stopped"),
        };
        let id = run.run.as_deref().map_or("-", short);
        table.toned_row([
            (Tone::Plain, run.target.clone()),
            (tone, word.to_owned()),
            (Tone::Dim, id.to_owned()),
            (Tone::Plain, why),
        ]);
    }
    page.table(table);
    if rows.len() > MOST_LINES {
        page.line(&format!("… and {} more; '-o json' lists all", rows.len() - MOST_LINES));
    }
}

/// Failures that several targets have in common, the most frequent last, so that it is read first.
pub fn failures(groups: &[FailureGroup]) -> Page {
    let mut page = Page::new();
    for group in groups.iter().rev() {
        let names: Vec<&str> = group.targets.iter().take(10).map(String::as_str).collect();
        let more = group.targets.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {} more", thousands(count(more))) } else { String::new() };
        let tenants = if group.targets.len() == 1 { "tenant" } else { "tenants" };
        page.toned_line(
            Tone::Bad,
            &format!("{} {tenants} failed: {}", group.targets.len(), super::masking::secrets(&group.message)),
        );
        page.line(&format!("  tenants: {}{more}", names.join(", ")));
        if let Some(help) = &group.help {
            page.line(&format!("  help: {}", super::masking::secrets(help)));
        }
        page.line(&format!("  code: {}", group.code));
    }
    page
}

/// Rows a second, where a second is not too short to tell.
fn rate(runs: &RunsDocument) -> String {
    let rows = ["read", "inserted", "written"].iter().find_map(|name| runs.totals.get(*name)).copied().unwrap_or(0);
    if runs.elapsed_ms < 100 || rows == 0 {
        return String::new();
    }
    let each_second = u128::from(rows) * 1000 / u128::from(runs.elapsed_ms);
    format!(" ({} rows a second)", thousands(u64::try_from(each_second).unwrap_or(u64::MAX)))
}

/// The part of a run's id that is enough to find it again.
pub fn short(run: &str) -> &str {
    run.get(..16).unwrap_or(run)
}

/// How a status is shown.
pub fn status(status: RunStatus) -> (Tone, &'static str) {
    let tone = match status {
        RunStatus::Done | RunStatus::NothingToDo => Tone::Good,
        RunStatus::Running => Tone::Plain,
        RunStatus::Partial | RunStatus::Interrupted => Tone::Warn,
        RunStatus::Failed => Tone::Bad,
    };
    (tone, status.as_str())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
