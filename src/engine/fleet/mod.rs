//! One operation on many targets: concurrency, canary, waves, failure budget, halt, resume, retry
//! of the failed. One target is the ordinary case and takes the same road.
//!
//! | file | holds |
//! |---|---|
//! | [`waves`] | how many targets a wave has, and how many may fail |
//! | [`record`] | a fleet run in the ledger, and what is left of it to do |
//! | [`report`] | what came out, target by target |

pub mod record;
pub mod report;
pub mod waves;

use std::collections::HashMap;
use std::future::Future;
use std::num::NonZeroUsize;
use std::time::Instant;

use tokio::task::{Id, JoinError, JoinSet};

pub use record::{FleetOrder, FleetRecord, Past};
pub use report::{FailureGroup, FleetReport, Halt, TargetResult, TargetState};
pub use waves::{Share, Waves, WavesError};

use super::executor::panic_message;
use super::run::millis;
use super::{Environment, Event, Failure, LedgerError, Outcome, Report, RunError, RunStatus, clock};

/// How a run spreads over its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetOptions {
    /// How many targets are worked on at once.
    pub concurrency: NonZeroUsize,
    /// Canary and waves.
    pub waves: Waves,
    /// How many targets may fail before no other is begun; `None` for any number.
    pub max_failures: Option<Share>,
}

impl Default for FleetOptions {
    /// Four at once, one wave, and every target is tried.
    fn default() -> Self {
        Self { concurrency: const { NonZeroUsize::new(4).unwrap() }, waves: Waves::default(), max_failures: None }
    }
}

/// One target, given to the work.
#[derive(Clone)]
pub struct FleetJob {
    /// Its name.
    pub target: String,
    /// The run to resume, when an earlier fleet run left one behind; otherwise a new plan is made.
    pub resume: Option<String>,
    /// What to carry it out with.
    pub environment: Environment,
}

/// Does the work on every target of the order.
///
/// `work` observes, decides, approves and carries out for one target. A target that fails, or whose
/// work panics, does not touch the others. Fails only when the run cannot be written to the ledger
/// at its begin.
pub async fn fan_out<E, W, F>(
    order: FleetOrder,
    options: &FleetOptions,
    environment: &Environment,
    work: W,
) -> Result<FleetReport<E>, RunError<E>>
where
    E: Failure,
    W: Fn(FleetJob) -> F,
    F: Future<Output = Result<Report, RunError<E>>> + Send + 'static,
{
    let began = Instant::now();
    let run = begin(&order, environment).await?;
    let environment = Environment { parent: run.clone().or_else(|| environment.parent.clone()), ..environment.clone() };
    let results = order.todo.iter().map(|t| TargetResult { target: t.target.clone(), wave: 0, ended: None }).collect();
    let allowed = options.max_failures.map(|share| share.rounded_down(order.len()));
    let mut fleet = Fleet { order, run, environment, results, allowed, begun: 0, failed: 0, halted: None };
    let mut next = 0;
    for (wave, size) in (1_u32..).zip(options.waves.sizes(fleet.order.len())) {
        fleet.wave(wave, next..next + size, options.concurrency.get(), &work).await;
        fleet.check(wave == 1 && options.waves.has_canary());
        if fleet.halted.is_some() {
            break;
        }
        next += size;
    }
    Ok(fleet.conclude(began).await)
}

/// A run over several targets has an entry of its own; a single target's own run says everything.
async fn begin<E: Failure>(order: &FleetOrder, environment: &Environment) -> Result<Option<String>, RunError<E>> {
    let ledger = &environment.ledger;
    let actor = &environment.identity.actor;
    if let Some(run) = &order.continues {
        environment.retry.insist(|| ledger.resumed(run, actor)).await?;
        return Ok(Some(run.clone()));
    }
    if order.len() < 2 {
        return Ok(None);
    }
    let run = clock::new_run_id();
    ledger.begin(&order.start(&run, actor)).await?;
    Ok(Some(run))
}

/// A fleet run under way.
struct Fleet<E: Failure> {
    order: FleetOrder,
    run: Option<String>,
    environment: Environment,
    results: Vec<TargetResult<E>>,
    allowed: Option<usize>,
    begun: usize,
    failed: usize,
    halted: Option<Halt>,
}

type Ended<E> = Result<Report, RunError<E>>;

impl<E: Failure> Fleet<E> {
    async fn wave<W, F>(&mut self, wave: u32, range: std::ops::Range<usize>, concurrency: usize, work: &W)
    where
        W: Fn(FleetJob) -> F,
        F: Future<Output = Ended<E>> + Send + 'static,
    {
        if self.run.is_some() {
            let targets = u32::try_from(range.len()).unwrap_or(u32::MAX);
            self.environment.sink.emit(&Event::WaveStarted { wave, targets });
        }
        let mut waiting = range;
        let mut tasks = JoinSet::new();
        let mut places = HashMap::new();
        loop {
            self.check(false);
            while tasks.len() < concurrency && self.halted.is_none() {
                let Some(place) = waiting.next() else { break };
                let Some(job) = self.job(place, wave).await else { continue };
                places.insert(tasks.spawn(work(job)).id(), place);
            }
            let Some(joined) = tasks.join_next_with_id().await else { break };
            let (place, ended) = identify(&mut places, joined);
            self.settle(place, ended).await;
        }
    }

    /// Notes why no other target may be begun, as long as there is one left.
    fn check(&mut self, canary_ended: bool) {
        if self.begun >= self.results.len() || self.halted.is_some() {
            return;
        }
        let over = self.allowed.filter(|allowed| self.failed > *allowed);
        self.halted = if self.environment.cancel.is_cancelled() {
            Some(Halt::Cancelled)
        } else if canary_ended && self.failed > 0 {
            Some(Halt::Canary)
        } else {
            over.map(|allowed| Halt::Budget { failed: self.failed, allowed })
        };
    }

    async fn job(&mut self, place: usize, wave: u32) -> Option<FleetJob> {
        let todo = self.order.todo.get(place)?.clone();
        self.results.get_mut(place)?.wave = wave;
        self.begun += 1;
        if let Some(run) = &self.run {
            let ledger = &self.environment.ledger;
            let noted = self.environment.retry.insist(|| ledger.step_started(run, todo.place, &todo.target)).await;
            self.warn_unless_written(&todo.target, noted);
        }
        Some(FleetJob { target: todo.target, resume: todo.resume, environment: self.environment.clone() })
    }

    async fn settle(&mut self, place: usize, ended: Ended<E>) {
        self.failed += usize::from(ended.is_err());
        self.note(place, &ended).await;
        if let Some(result) = self.results.get_mut(place) {
            result.ended = Some(ended);
        }
    }

    /// Writes down how a target ended. An interrupted one is not finished.
    async fn note(&self, place: usize, ended: &Ended<E>) {
        let (Some(run), Some(todo)) = (&self.run, self.order.todo.get(place)) else { return };
        let ledger = &self.environment.ledger;
        let noted = match ended {
            Ok(report) if report.status == RunStatus::Interrupted => Ok(()),
            Ok(report) => {
                let partial = report.status == RunStatus::Partial;
                let outcome = Outcome { counts: report.totals(), partial, ..Outcome::default() };
                self.environment.retry.insist(|| ledger.step_finished(run, todo.place, &outcome)).await
            }
            Err(error) => {
                let (code, message) = (error.code_text(), error.to_string());
                self.environment.retry.insist(|| ledger.step_failed(run, todo.place, &code, &message)).await
            }
        };
        self.warn_unless_written(&todo.target, noted);
    }

    async fn conclude(self, began: Instant) -> FleetReport<E> {
        let report = FleetReport {
            run: self.run.clone(),
            operation: self.order.operation.clone(),
            results: self.results,
            halted: self.halted,
            elapsed_ms: millis(began.elapsed()),
        };
        if let Some(run) = &self.run {
            let ledger = &self.environment.ledger;
            let status = lasting(&report, ledger.run(run).await.ok().flatten().as_ref());
            if let Err(error) = self.environment.retry.insist(|| ledger.end(run, status)).await {
                tracing::warn!(run, %error, "the end of the fleet run could not be written to the ledger");
            }
        }
        report
    }

    fn warn_unless_written(&self, target: &str, written: Result<(), LedgerError>) {
        if let Err(error) = written {
            tracing::warn!(target_name = target, %error, "the ledger could not be written");
            let warning = Event::Warning { target: target.to_owned(), text: error.to_string() };
            self.environment.sink.emit(&warning);
        }
    }
}

/// How the run stands in the ledger: as failed while there is a target that can be tried again,
/// also one of an earlier round.
fn lasting<E: Failure>(report: &FleetReport<E>, record: Option<&super::RunRecord>) -> RunStatus {
    let total = record.and_then(|r| FleetRecord::of(r, &[])).map_or(report.results.len(), |fleet| fleet.targets.len());
    let finished = record.map_or(0, |r| r.finished().count());
    let partial = record.is_some_and(|r| r.finished().any(|(_, outcome)| outcome.partial));
    match report.status() {
        RunStatus::Interrupted => RunStatus::Interrupted,
        _ if finished < total => RunStatus::Failed,
        _ if partial => RunStatus::Partial,
        RunStatus::NothingToDo => RunStatus::NothingToDo,
        _ => RunStatus::Done,
    }
}

fn identify<E: Failure>(
    places: &mut HashMap<Id, usize>,
    joined: Result<(Id, Ended<E>), JoinError>,
) -> (usize, Ended<E>) {
    let (id, ended) = match joined {
        Ok((id, ended)) => (id, ended),
        Err(error) => (error.id(), Err(RunError::Bug { run: None, message: panic_message(error) })),
    };
    (places.remove(&id).unwrap_or(usize::MAX), ended)
}
