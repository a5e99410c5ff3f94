//! One run under way: what is written down of it, and what is reported.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::approval::{Approved, Origin};
use super::run_error::StepError;
use super::undo::same_tenant;
use super::{Action, Environment, Event, Failure, FailureKind, LeaseRequest, LedgerError, Outcome, Refusal, Report};
use super::{RetryPolicy, RunError, RunStart, RunStatus, StepContext, StepReport, ledger};

/// How the steps of a run ended, before it is written down.
pub(super) enum Ending<E: Failure> {
    /// All were done.
    Complete,
    /// Stopped at a checkpoint because the user asked.
    Stopped,
    /// Steps failed, each with its place; the first is the one that ended the run.
    Failed(Vec<(u32, E)>),
    /// Something else went wrong.
    Broken(RunError<E>),
}

/// One run under way.
pub(super) struct Run<A> {
    pub(super) id: String,
    pub(super) approved: Approved<A>,
    pub(super) environment: Environment,
    began: Instant,
    /// Set by the user, or when a step failed: the others stop at their checkpoints.
    pub(super) stop: CancellationToken,
    pub(super) finished: BTreeMap<u32, Outcome>,
    /// What steps had done when they stopped at a checkpoint: for the report alone.
    pub(super) stopped: HashMap<u32, Outcome>,
    pub(super) started: HashMap<u32, Instant>,
    pub(super) elapsed: HashMap<u32, u64>,
}

impl<A: Action> Run<A> {
    pub(super) fn new(
        id: String,
        approved: Approved<A>,
        environment: Environment,
        began: Instant,
        finished: BTreeMap<u32, Outcome>,
    ) -> Self {
        let stop = environment.cancel.child_token();
        let (stopped, started, elapsed) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { id, approved, environment, began, stop, finished, stopped, started, elapsed }
    }

    pub(super) fn target(&self) -> String {
        self.approved.plan().target.name.clone()
    }

    pub(super) fn lease_request(&self) -> LeaseRequest {
        LeaseRequest {
            target: self.target(),
            run: self.id.clone(),
            operation: self.approved.plan().operation.clone(),
            holder: self.environment.identity.holder.clone(),
            ttl: self.environment.lease_ttl,
        }
    }

    /// Under the lease nobody else can begin: what was true at approval is checked once more.
    pub(super) async fn write_begin<E: Failure>(&mut self) -> Result<(), RunError<E>> {
        let Origin::Fresh { latest_run } = self.approved.origin() else { return self.write_resumed().await };
        let ledger = &self.environment.ledger;
        let retry = self.environment.retry;
        let target = self.target();
        if let Some(run) = retry.insist(|| ledger.applied(self.approved.digest())).await? {
            return Err(Refusal::AlreadyApplied { target, run }.into());
        }
        if retry.insist(|| ledger::latest_run(ledger.as_ref(), &target)).await? != *latest_run {
            let created_at = self.approved.plan().created_at.clone();
            return Err(Refusal::Stale { target, created_at }.into());
        }
        if let Some(undone) = &self.approved.plan().undoes {
            same_tenant(ledger.as_ref(), &undone.run, &target).await?;
        }
        let start = self.run_start();
        match retry.insist(|| ledger.begin(&start)).await {
            Err(error) if error.kind == FailureKind::Refused => match ledger.applied(&start.plan_digest).await? {
                // The answer to an earlier try was lost on the way: it is this run that began.
                Some(run) if run == self.id => Ok(()),
                Some(run) => Err(Refusal::AlreadyApplied { target, run }.into()),
                None => Err(error.into()),
            },
            begun => Ok(begun?),
        }
    }

    /// Somebody else may have brought the run further, or to its end, since the record was read.
    async fn write_resumed<E: Failure>(&mut self) -> Result<(), RunError<E>> {
        let ledger = self.environment.ledger.clone();
        let retry = self.environment.retry;
        if let Some(record) = retry.insist(|| ledger.run(&self.id)).await? {
            self.still_as_planned().await?;
            let plan = self.approved.plan();
            self.approved = Approved::resume(&record, &plan.operation, &plan.target)?;
            self.finished = record.finished().map(|(place, outcome)| (place, outcome.clone())).collect();
        }
        let actor = &self.environment.identity.actor;
        Ok(retry.insist(|| ledger.resumed(&self.id, actor)).await?)
    }

    /// Whoever goes on with a run meets the tenant that it was planned for, with the structure that it had then.
    async fn still_as_planned<E: Failure>(&self) -> Result<(), RunError<E>> {
        let ledger = &self.environment.ledger;
        let plan = self.approved.plan();
        let undone = plan.undoes.as_ref().map(|undone| undone.run.as_str());
        same_tenant(ledger.as_ref(), undone.unwrap_or(&self.id), &plan.target.name).await?;
        let own = plan.steps.iter().any(|step| step.action.changes_structure());
        let (Some(meant), false) = (&plan.means, own) else { return Ok(()) };
        match ledger.standing(&plan.target.name).await? {
            Some(found) if found.structure != meant.structure => {
                Err(Refusal::Stale { target: self.target(), created_at: plan.created_at.clone() }.into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn run_start(&self) -> RunStart {
        let plan = self.approved.plan();
        RunStart {
            run: self.id.clone(),
            parent: self.environment.parent.clone(),
            follows: plan.undoes.as_ref().map(|undone| undone.run.clone()),
            operation: plan.operation.clone(),
            target: plan.target.name.clone(),
            plan_digest: self.approved.digest().to_owned(),
            plan: self.approved.document().clone(),
            actor: self.environment.identity.actor.clone(),
        }
    }

    /// The steps that are still to be done, stage by stage.
    pub(super) fn stages(&self) -> Vec<VecDeque<u32>> {
        let mut stages: BTreeMap<u32, VecDeque<u32>> = BTreeMap::new();
        for (place, step) in (0_u32..).zip(&self.approved.plan().steps) {
            if !self.finished.contains_key(&place) {
                stages.entry(step.stage).or_default().push_back(place);
            }
        }
        stages.into_values().collect()
    }

    pub(super) fn context(&self, place: u32) -> StepContext {
        let sink = self.environment.sink.clone();
        let context = StepContext::new(&self.id, &self.target(), place, self.stop.child_token(), sink);
        let undone = self.approved.plan().undoes.as_ref();
        match undone.and_then(|u| Some((u, u.steps.get(usize::try_from(place).ok()?)?))) {
            Some((undone, step)) => context.undoing(&undone.run, *step),
            None => context,
        }
    }

    pub(super) async fn note_failure(&self, step: u32, code: String, message: String, retry: RetryPolicy) {
        let ledger = &self.environment.ledger;
        let noted = retry.insist(|| ledger.step_failed(&self.id, step, &code, &message)).await;
        self.warn_unless_written(noted);
        self.emit(&Event::StepFailed { target: self.target(), step, code, message });
    }

    pub(super) async fn conclude<E: Failure>(&self, ending: Ending<E>) -> Result<Report, RunError<E>> {
        let status = match &ending {
            Ending::Complete if self.finished.values().any(|outcome| outcome.partial) => RunStatus::Partial,
            Ending::Complete => RunStatus::Done,
            Ending::Stopped => RunStatus::Interrupted,
            Ending::Failed(_) | Ending::Broken(_) => RunStatus::Failed,
        };
        // Whoever has the lease now decides what becomes of the run; it may be resumed already.
        if !matches!(ending, Ending::Broken(RunError::LeaseLost { .. })) {
            let ledger = &self.environment.ledger;
            let retry = match &ending {
                Ending::Failed(failed) => self.environment.retry.after(failed.first().map(|(_, error)| error)),
                Ending::Broken(error) => self.environment.retry.after(Some(error)),
                Ending::Complete | Ending::Stopped => self.environment.retry,
            };
            let ended = retry.insist(|| ledger.end(&self.id, status)).await;
            if matches!(&ended, Err(error) if error.kind == FailureKind::Held) {
                return Err(RunError::LeaseLost { target: self.target(), run: self.id.clone(), unreachable: false });
            }
            self.warn_unless_written(ended);
        }
        self.emit(&Event::RunFinished { target: self.target(), run: self.id.clone(), status });
        let report = self.report(status);
        match ending {
            Ending::Complete | Ending::Stopped => Ok(report),
            Ending::Broken(error) => Err(error),
            Ending::Failed(mut failed) => {
                let others = failed.split_off(1.min(failed.len()));
                let Some((step, error)) = failed.pop() else { return Ok(report) };
                let place = usize::try_from(step).unwrap_or(usize::MAX);
                let label = report.steps.get(place).map(|s| s.label.clone()).unwrap_or_default();
                Err(RunError::Step(Box::new(StepError { step, label, error, others, report })))
            }
        }
    }

    pub(super) fn warn_unless_written(&self, written: Result<(), LedgerError>) {
        // That the lease went to somebody else is what the whole run ends with.
        if let Err(error) = written
            && error.kind != FailureKind::Held
        {
            tracing::warn!(run = self.id, %error, "the ledger could not be written");
            self.emit(&Event::Warning { target: self.target(), text: error.to_string() });
        }
    }

    /// A report of a run that never began.
    pub(super) fn unrecorded(&self, status: RunStatus) -> Report {
        let (target, run) = (self.target(), String::new());
        let operation = self.approved.plan().operation.clone();
        self.emit(&Event::RunStarted { target: target.clone(), run: run.clone(), operation, steps: 0 });
        self.emit(&Event::RunFinished { target, run: run.clone(), status });
        Report { run, ..self.report(status) }
    }

    pub(super) fn report(&self, status: RunStatus) -> Report {
        let steps = (0_u32..)
            .zip(&self.approved.plan().steps)
            .map(|(place, step)| StepReport {
                label: step.action.describe(),
                outcome: self.finished.get(&place).or_else(|| self.stopped.get(&place)).cloned(),
                elapsed_ms: self.elapsed.get(&place).copied().unwrap_or(0),
            })
            .collect();
        Report {
            run: self.id.clone(),
            operation: self.approved.plan().operation.clone(),
            target: self.target(),
            status,
            steps,
            elapsed_ms: millis(self.began.elapsed()),
        }
    }

    pub(super) fn emit(&self, event: &Event) {
        self.environment.sink.emit(event);
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
