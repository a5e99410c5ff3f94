//! Carrying out approved plans, and telling what came out.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use super::plans::Approval;
use crate::cli::exit_code;
use crate::cli::fault::{CommandResult, Ending, Fault};
use crate::cli::flags::FleetFlags;
use crate::console::report_view::{self, RunsDocument};
use crate::console::{Console, Format, Tone};
use crate::engine::executor::carry_out;
use crate::engine::fleet::{FleetJob, FleetOptions, FleetOrder, FleetReport, Waves, WavesError, fan_out};
use crate::engine::{Environment, Failure, FailureKind, Operation, Report, RunError, RunStatus};

/// Approved plans, each with its operation; or why there is none.
pub type Approvals<O> = Vec<Approval<O>>;

/// How a run spreads over its targets, from flags and settings.
pub fn options(flags: &FleetFlags, concurrency: u32) -> Result<FleetOptions, WavesError> {
    let waves = match &flags.waves {
        Some(text) => text.parse()?,
        None => Waves::default(),
    };
    let concurrency = usize::try_from(flags.concurrency.unwrap_or(concurrency)).ok().and_then(NonZeroUsize::new);
    Ok(FleetOptions {
        concurrency: concurrency.unwrap_or(FleetOptions::default().concurrency),
        waves: waves.with_canary(flags.canary.unwrap_or(0)),
        max_failures: flags.max_failures.as_deref().map(str::parse).transpose()?,
    })
}

/// The order of a new run over these targets.
pub fn order<O: Operation>(approvals: &Approvals<O>) -> FleetOrder {
    let request = approvals.first().map(|(operation, _)| serde_json::to_value(operation.request()));
    let targets: Vec<String> = approvals.iter().map(|(operation, _)| operation.target().name).collect();
    FleetOrder::new(O::NAME, request.and_then(Result::ok).unwrap_or_default(), targets)
}

/// Carries out every approved plan; a target without one counts as failed, and the others go on.
pub async fn all<O: Operation + 'static>(
    order: FleetOrder,
    approvals: Approvals<O>,
    options: &FleetOptions,
    environment: &Environment,
    writer: O::Writer,
) -> Result<FleetReport<O::Error>, RunError<O::Error>> {
    let waiting: HashMap<String, _> =
        approvals.into_iter().map(|(operation, approved)| (operation.target().name, (operation, approved))).collect();
    let waiting = Arc::new(Mutex::new(waiting));
    let work = move |job: FleetJob| {
        let taken = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.target);
        let writer = writer.clone();
        async move {
            match taken {
                Some((operation, approved)) => carry_out(operation, approved?, writer, &job.environment).await,
                None => Err(RunError::Bug { run: None, message: format!("{} was begun twice", job.target) }),
            }
        }
    };
    fan_out(order, options, environment, work).await
}

/// Tells what came out, and with which ending.
pub fn tell<E: Failure>(console: &Console, operation: &str, mut report: FleetReport<E>) -> CommandResult {
    let runs = RunsDocument::of(&report, |error| exit_code::of_kind(error.kind()));
    // A single target that failed before it did anything has nothing to show but its error.
    let only_an_error = matches!(runs.runs.as_slice(), [run] if run.report.is_none());
    if !only_an_error || console.look.format != Format::Table {
        console.show(operation, &runs, report_view::page);
    }
    let ending = ending(&report);
    next_command(console, &runs, ending);
    if report.results.len() == 1 {
        let single = report.results.pop().and_then(|result| result.ended);
        return match single {
            Some(Err(error)) => Err(Fault::from(error)),
            _ => Ok(ending),
        };
    }
    if !runs.failures.is_empty() && console.look.format == Format::Table {
        console.aside_always(&report_view::failures(&runs.failures));
    }
    Ok(ending)
}

fn ending<E: Failure>(report: &FleetReport<E>) -> Ending {
    match report.status() {
        RunStatus::Failed | RunStatus::Running => Ending::Failed(report.failure_kind().unwrap_or(FailureKind::Failed)),
        RunStatus::Interrupted => Ending::Interrupted,
        RunStatus::Partial => Ending::Partial,
        RunStatus::Done | RunStatus::NothingToDo => Ending::Done,
    }
}

/// The one command to type next.
fn next_command(console: &Console, runs: &RunsDocument, ending: Ending) {
    let Some(run) = runs.run().map(report_view::short) else { return };
    match ending {
        Ending::Interrupted => {
            console.line(Tone::Warn, &format!("stopped at a checkpoint; go on with 'fixtool op resume {run}'"));
        }
        Ending::Failed(_) | Ending::Partial if runs.runs.iter().any(|run| run.error.is_some()) => console.line(
            Tone::Warn,
            &format!(
                "what was done stays: 'fixtool op resume {run}' tries again, 'fixtool op undo {run}' takes it back"
            ),
        ),
        _ => {}
    }
}

/// The report of an operation whose plans were all refused before anything was begun.
pub fn refused<O: Operation>(approvals: Approvals<O>) -> FleetReport<O::Error> {
    let results = approvals.into_iter().map(|(operation, approved)| crate::engine::fleet::TargetResult {
        target: operation.target().name,
        wave: 1,
        ended: approved.err().map(Err::<Report, _>),
    });
    FleetReport { run: None, operation: O::NAME.to_owned(), results: results.collect(), halted: None, elapsed_ms: 0 }
}
