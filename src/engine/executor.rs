//! Carries out an approved plan: lease, ledger, stages, steps side by side, cancel.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::approval::{Approved, Origin};
use super::attempt::attempt;
use super::clock;
use super::lease::HeldLease;
use super::run::{Ending, Run, millis};
use super::{Action, Environment, Event, Failure, Operation, Outcome, Report, RunError, RunStatus, Writes};

/// Carries out a plan and says what was done.
///
/// A plan without steps ends as [`RunStatus::NothingToDo`]: no lease, no entry in the ledger, and
/// no run id in the report. When the user stops it, the report says [`RunStatus::Interrupted`].
pub async fn carry_out<O: Operation + 'static>(
    operation: Arc<O>,
    approved: Approved<O::Action>,
    writer: O::Writer,
    environment: &Environment,
) -> Result<Report, RunError<O::Error>> {
    let began = Instant::now();
    let (id, finished) = match approved.origin() {
        Origin::Resumed { run, finished } => (run.clone(), finished.clone()),
        Origin::Fresh { .. } => (clock::new_run_id(), BTreeMap::new()),
    };
    let mut run = Run::new(id, approved, environment.clone(), began, finished);
    if run.approved.plan().steps.is_empty() {
        return Ok(run.unrecorded(RunStatus::NothingToDo));
    }
    if environment.cancel.is_cancelled() {
        return Ok(run.unrecorded(RunStatus::Interrupted));
    }
    let lease = HeldLease::take(environment.leases.clone(), run.lease_request(), environment.retry).await?;
    let mut result = run.under_lease(&operation, &writer, lease.lost()).await;
    if let Err(RunError::LeaseLost { unreachable, .. }) = &mut result {
        *unreachable = lease.lost().is_cancelled() && !lease.was_taken();
    }
    lease.release(environment.retry.after(result.as_ref().err())).await;
    result
}

impl<A: Action> Run<A> {
    async fn under_lease<O>(
        &mut self,
        operation: &Arc<O>,
        writer: &O::Writer,
        lost: &CancellationToken,
    ) -> Result<Report, RunError<O::Error>>
    where
        O: Operation<Action = A> + 'static,
    {
        self.write_begin().await?;
        self.emit(&Event::RunStarted {
            target: self.target(),
            run: self.id.clone(),
            operation: self.approved.plan().operation.clone(),
            steps: u32::try_from(self.approved.plan().steps.len()).unwrap_or(u32::MAX),
        });
        let mut ending = Ending::Complete;
        for steps in self.stages() {
            ending = self.stage(operation, writer, steps, lost).await;
            if !matches!(ending, Ending::Complete) {
                break;
            }
        }
        self.conclude(ending).await
    }

    async fn stage<O>(
        &mut self,
        operation: &Arc<O>,
        writer: &O::Writer,
        mut waiting: VecDeque<u32>,
        lost: &CancellationToken,
    ) -> Ending<O::Error>
    where
        O: Operation<Action = A> + 'static,
    {
        let mut crew = Crew { tasks: JoinSet::new(), places: HashMap::new() };
        let mut failed = Vec::new();
        let mut broken = None;
        let mut stopped = false;
        loop {
            while crew.tasks.len() < self.environment.concurrency.get() && !self.stop.is_cancelled() {
                let Some(place) = waiting.pop_front() else { break };
                if let Err(error) = self.start(operation, writer, place, &mut crew).await {
                    self.stop.cancel();
                    broken.get_or_insert(error);
                }
            }
            let joined = tokio::select! {
                biased;
                () = lost.cancelled(), if !crew.tasks.is_empty() => {
                    crew.tasks.shutdown().await;
                    return Ending::Broken(RunError::LeaseLost {
                        target: self.target(),
                        run: self.id.clone(),
                        unreachable: false,
                    });
                }
                joined = crew.tasks.join_next_with_id() => joined,
            };
            let Some(joined) = joined else { break };
            match self.settle(crew.identify(joined)).await {
                Settled::Finished => {}
                Settled::Stopped => stopped = true,
                Settled::Failed(place, error) => failed.push((place, error)),
                Settled::Broken(error) => {
                    broken.get_or_insert(error);
                }
            }
            if broken.is_some() || !failed.is_empty() {
                self.stop.cancel();
            }
        }
        match broken {
            Some(error) => Ending::Broken(error),
            None if !failed.is_empty() => Ending::Failed(failed),
            None if stopped || !waiting.is_empty() => Ending::Stopped,
            None => Ending::Complete,
        }
    }

    async fn start<O>(
        &mut self,
        operation: &Arc<O>,
        writer: &O::Writer,
        place: u32,
        crew: &mut Crew<O::Error>,
    ) -> Result<(), RunError<O::Error>>
    where
        O: Operation<Action = A> + 'static,
    {
        let Some(step) = usize::try_from(place).ok().and_then(|i| self.approved.plan().steps.get(i)) else {
            return Ok(());
        };
        let action = step.action.clone();
        let label = action.describe();
        let ledger = &self.environment.ledger;
        let retry = self.environment.retry;
        retry.insist(|| ledger.step_started(&self.id, place, &label)).await?;
        self.emit(&Event::StepStarted {
            target: self.target(),
            step: place,
            label,
            effect: action.effect(),
            size: action.size(),
        });
        let context = self.context(place);
        let (operation, writer) = (operation.clone(), writer.under_lease(&self.target()));
        let work = async move { attempt(operation.as_ref(), &action, &writer, &context, retry).await };
        crew.places.insert(crew.tasks.spawn(work).id(), place);
        self.started.insert(place, Instant::now());
        Ok(())
    }

    /// Writes down how a step ended.
    async fn settle<E: Failure>(&mut self, (place, ended): (u32, Result<Result<Outcome, E>, String>)) -> Settled<E> {
        let elapsed = self.started.get(&place).map_or(0, |began| millis(began.elapsed()));
        self.elapsed.insert(place, elapsed);
        let ledger = self.environment.ledger.clone();
        let retry = self.environment.retry;
        match ended {
            Ok(Ok(outcome)) => {
                let target = self.target();
                self.emit(&Event::StepFinished { target, step: place, outcome: outcome.clone() });
                if outcome.interrupted {
                    self.stopped.insert(place, outcome);
                    return Settled::Stopped;
                }
                if let Err(error) = retry.insist(|| ledger.step_finished(&self.id, place, &outcome)).await {
                    return Settled::Broken(error.into());
                }
                self.finished.insert(place, outcome);
                Settled::Finished
            }
            Ok(Err(error)) => {
                let code = error.code().map_or_else(|| "fixtool::failed".to_owned(), |c| c.to_string());
                self.note_failure(place, code, error.to_string(), retry.after(Some(&error))).await;
                Settled::Failed(place, error)
            }
            Err(message) => {
                self.note_failure(place, "fixtool::bug".to_owned(), message.clone(), retry).await;
                Settled::Broken(RunError::Bug { run: Some(self.id.clone()), message })
            }
        }
    }
}

/// The steps that run side by side.
struct Crew<E> {
    tasks: JoinSet<Result<Outcome, E>>,
    places: HashMap<Id, u32>,
}

impl<E: Failure> Crew<E> {
    /// Which step ended, and how; a panic is told by its message.
    fn identify(
        &mut self,
        joined: Result<(Id, Result<Outcome, E>), JoinError>,
    ) -> (u32, Result<Result<Outcome, E>, String>) {
        let (id, ended) = match joined {
            Ok((id, result)) => (id, Ok(result)),
            Err(error) => (error.id(), Err(panic_message(error))),
        };
        (self.places.remove(&id).unwrap_or_default(), ended)
    }
}

enum Settled<E: Failure> {
    Finished,
    Stopped,
    Failed(u32, E),
    Broken(RunError<E>),
}

/// What a task said when it panicked.
pub(super) fn panic_message(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else { return "a task was torn down".to_owned() };
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a task panicked".to_owned())
}
