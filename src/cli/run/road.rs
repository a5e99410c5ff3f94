//! The stations of the one road, in order.

use std::sync::Arc;

use serde::Serialize;

use super::carry::{self, Approvals};
use super::consent::{self, Agreed, Asked};
use super::plans::{self, Planned};
use super::{Rebuild, RunFlags};
use crate::cli::fault::{CommandResult, Ending, Fault};
use crate::cli::session::Session;
use crate::console::Format;
use crate::console::plan_view::{self, PlanDocument};
use crate::console::report_view;
use crate::engine::fleet::{FleetOptions, FleetReport};
use crate::engine::{Environment, Failure, Leases, Ledger, RunError, Sink};

/// What plans are made on: reading only.
pub struct Readable<R> {
    /// The reader of the operations.
    pub reader: Arc<R>,
    /// The log of operations, for reading.
    pub ledger: Arc<dyn Ledger>,
}

/// What plans are carried out on.
pub struct Writable<W> {
    /// The writer of the operations.
    pub writer: W,
    /// The log of operations.
    pub ledger: Arc<dyn Ledger>,
    /// The leases on targets.
    pub leases: Arc<dyn Leases>,
    /// Whether the log lasts, so that the run can be looked up afterwards.
    pub recorded: bool,
}

/// Plans that were only shown.
#[derive(Serialize)]
struct PlansDocument {
    dry_run: bool,
    changes: bool,
    plans: Vec<PlanDocument>,
    failures: Vec<crate::engine::fleet::FailureGroup>,
}

/// Where a run comes from: operations made of flags, or a file of saved plans.
pub enum Source<O> {
    /// Operations to be planned.
    Operations(Vec<O>),
    /// Plans that were saved, and the site of this session.
    Saved(std::path::PathBuf, String),
}

/// From operations to the exit code. `open` is called only for approved plans, and told how many.
pub async fn travel<O: Rebuild + 'static>(
    session: &Session,
    flags: &RunFlags,
    source: Source<O>,
    readable: Readable<O::Reader>,
    open: impl AsyncFnOnce(usize) -> Result<Writable<O::Writer>, Fault>,
) -> CommandResult {
    let options = carry::options(&flags.fleet, session.settings.concurrency)?;
    let only_look = flags.plan.dry_run;
    let planned = match source {
        Source::Saved(path, site) => plans::saved::<O>(&path, &site)?,
        Source::Operations(operations) if only_look => {
            let sink = session.console.sink(O::NAME, operations.len());
            let watched = (sink, session.signals.token());
            plans::foreseen(operations, &readable.reader, watched, options.concurrency.get()).await
        }
        Source::Operations(operations) => {
            plans::prepared(operations, &readable.reader, readable.ledger.as_ref(), options.concurrency.get()).await
        }
    };
    onward(session, flags, planned, (readable, options), open).await
}

/// From plans that were made elsewhere to the exit code.
pub async fn from_plans<O: Rebuild + 'static>(
    session: &Session,
    flags: &RunFlags,
    planned: Vec<Planned<O>>,
    readable: Readable<O::Reader>,
    open: impl AsyncFnOnce(usize) -> Result<Writable<O::Writer>, Fault>,
) -> CommandResult {
    let options = carry::options(&flags.fleet, session.settings.concurrency)?;
    onward(session, flags, planned, (readable, options), open).await
}

async fn onward<O: Rebuild + 'static>(
    session: &Session,
    flags: &RunFlags,
    planned: Vec<Planned<O>>,
    (readable, options): (Readable<O::Reader>, FleetOptions),
    open: impl AsyncFnOnce(usize) -> Result<Writable<O::Writer>, Fault>,
) -> CommandResult {
    if flags.plan.dry_run {
        return look(session, flags, planned);
    }
    if let Some(path) = &flags.plan.plan_out {
        return save(session, planned, path);
    }
    let Some(approvals) = agree(session, flags, planned, &readable).await? else { return Ok(Ending::Interrupted) };
    let order = carry::order(&approvals);
    arrive(session, order, approvals, &options, open).await
}

/// The end of the road for a user who only wants to see.
fn look<O: Rebuild>(session: &Session, flags: &RunFlags, planned: Vec<Planned<O>>) -> CommandResult {
    if session.signals.received().is_some() {
        return Ok(Ending::Interrupted);
    }
    let plans: Vec<PlanDocument> = planned.iter().filter_map(Planned::document).collect();
    let changes = plans.iter().any(|plan| plan.changes);
    let partial = planned.iter().any(Planned::foresees_refusals);
    let failed = only_failures(planned);
    let document = PlansDocument { dry_run: true, changes, plans, failures: failed.failures() };
    let shown = !document.plans.is_empty() || session.console.look.format != Format::Table;
    if shown {
        session.console.show(O::NAME, &document, |document| {
            let mut page = plan_view::page(&document.plans);
            page.line("dry run: nothing was changed");
            page
        });
    }
    if !failed.results.is_empty() {
        return tell_failures(session, failed, document.plans.is_empty());
    }
    Ok(match (partial, changes && flags.plan.detailed_exitcode) {
        (true, _) => Ending::Partial,
        (false, true) => Ending::Findings,
        (false, false) => Ending::Done,
    })
}

/// Saves the plans for later, all of them or none.
fn save<O: Rebuild>(session: &Session, planned: Vec<Planned<O>>, path: &std::path::Path) -> CommandResult {
    let plans: Vec<PlanDocument> = planned.iter().filter_map(Planned::document).collect();
    if planned.iter().all(|planned| planned.made.is_ok()) {
        plans::save(&planned, path)?;
        session.console.aside(&plan_view::page(&plans));
        let command = plan_view::spoken(O::NAME);
        session.console.note(&format!(
            "saved to {}; carry it out with 'fixtool {command} --plan {}'",
            path.display(),
            path.display()
        ));
        let document =
            PlansDocument { dry_run: false, changes: plans.iter().any(|p| p.changes), plans, failures: Vec::new() };
        if session.console.look.format != Format::Table {
            session.console.show(O::NAME, &document, |_| crate::console::Page::new());
        }
        return Ok(Ending::Done);
    }
    let failed = only_failures(planned);
    session.console.warn(&format!("no plan was saved to {}", path.display()));
    tell_failures(session, failed, true)
}

/// Shows the plans, obtains consent and holds each plan against the present. `None` when the user
/// stopped the program instead of answering.
pub async fn agree<O: Rebuild>(
    session: &Session,
    flags: &RunFlags,
    planned: Vec<Planned<O>>,
    readable: &Readable<O::Reader>,
) -> Result<Option<Approvals<O>>, Fault> {
    let plans: Vec<PlanDocument> = planned.iter().filter_map(Planned::document).collect();
    if session.console.look.format == Format::Table && !plans.is_empty() {
        session.console.aside(&plan_view::page(&plans));
    }
    let needs: Vec<_> = planned.iter().filter_map(Planned::need).collect();
    let (consent, asked) = match consent::obtain(&session.console, flags, &needs, &session.signals.token()).await? {
        Agreed::To(consent, asked) => (consent, asked),
        Agreed::Interrupted => return Ok(None),
    };
    let mut approvals: Approvals<O> = Vec::with_capacity(planned.len());
    for planned in planned {
        let again = asked == Asked::Yes;
        approvals.push(planned.approve(&consent, again, &readable.reader, readable.ledger.as_ref()).await);
    }
    Ok(Some(approvals))
}

/// Opens the writer, carries out, and tells what came out.
pub async fn arrive<O: Rebuild + 'static>(
    session: &Session,
    order: crate::engine::fleet::FleetOrder,
    approvals: Approvals<O>,
    options: &FleetOptions,
    open: impl AsyncFnOnce(usize) -> Result<Writable<O::Writer>, Fault>,
) -> CommandResult {
    if approvals.iter().all(|(_, approved)| approved.is_err()) {
        return carry::tell(&session.console, O::NAME, carry::refused(approvals));
    }
    let sink = session.console.sink(O::NAME, approvals.len());
    let writable = open(approvals.len()).await?;
    let recorded = writable.recorded;
    let environment = environment(session, sink, writable.ledger, writable.leases);
    let report = carry::all(order, approvals, options, &environment, writable.writer).await;
    // The bars go before the result is written.
    drop(environment);
    carry::tell(&session.console, O::NAME, if recorded { report? } else { unrecorded(report?) })
}

/// The report of a run that nobody can look up: it has no number to look it up by.
fn unrecorded<E: Failure>(mut report: FleetReport<E>) -> FleetReport<E> {
    report.run = None;
    for run in report.results.iter_mut().filter_map(|result| result.ended.as_mut()?.as_mut().ok()) {
        run.run.clear();
    }
    report
}

/// What runs are carried out with.
fn environment(
    session: &Session,
    sink: Arc<dyn Sink>,
    ledger: Arc<dyn Ledger>,
    leases: Arc<dyn Leases>,
) -> Environment {
    Environment {
        ledger,
        leases,
        sink,
        cancel: session.signals.token(),
        retry: crate::engine::RetryPolicy::default(),
        concurrency: const { std::num::NonZeroUsize::new(4).unwrap() },
        identity: session.identity.clone(),
        lease_ttl: Environment::LEASE_TTL,
        parent: None,
    }
}

fn only_failures<O: Rebuild>(planned: Vec<Planned<O>>) -> FleetReport<O::Error> {
    let failed = planned.into_iter().filter_map(|planned| Some((planned.target, planned.made.err()?)));
    let results =
        failed.map(|(target, error)| crate::engine::fleet::TargetResult { target, wave: 0, ended: Some(Err(error)) });
    FleetReport { run: None, operation: O::NAME.to_owned(), results: results.collect(), halted: None, elapsed_ms: 0 }
}

/// Targets for which no plan could be made: one is an error of its own, several are grouped.
fn tell_failures<E: Failure>(session: &Session, mut failed: FleetReport<E>, none_planned: bool) -> CommandResult {
    if failed.results.len() == 1 && none_planned {
        let only: Option<RunError<E>> = failed.results.pop().and_then(|result| result.ended?.err());
        return match only {
            Some(error) => Err(error.into()),
            None => Ok(Ending::Done),
        };
    }
    if session.console.look.format == Format::Table {
        session.console.aside_always(&report_view::failures(&failed.failures()));
    }
    let kind = failed.failure_kind().unwrap_or(crate::engine::FailureKind::Failed);
    Ok(if none_planned { Ending::Failed(kind) } else { Ending::Partial })
}
