//! Ledger, leases and sink without a database: for tests, and for programs that use the library
//! without a catalog.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ledger::{ChainDamage, ChainReport, StepRecord};
use super::{Event, FailureKind, LeaseAnswer, LeaseRequest, Leases, Ledger, LedgerError, Outcome, RunFilter};
use super::{RunRecord, RunStart, RunStatus, RunSummary, Sink, chain, clock};

/// A ledger that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    state: Mutex<LedgerState>,
}

#[derive(Debug, Default)]
struct LedgerState {
    /// In the order in which they began.
    runs: Vec<RunRecord>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    content: Value,
    digest: String,
}

impl LedgerState {
    fn append(&mut self, content: Value) {
        let previous = self.entries.last().map_or("", |e| e.digest.as_str());
        let digest = chain::link(previous, &content);
        self.entries.push(Entry { content, digest });
    }

    fn run(&mut self, id: &str) -> Result<&mut RunRecord, LedgerError> {
        let unknown = || refused(format!("there is no run {id}"));
        self.runs.iter_mut().find(|r| r.start.run == id).ok_or_else(unknown)
    }
}

fn refused(message: String) -> LedgerError {
    LedgerError { message, kind: FailureKind::Refused, transient: false }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryLedger {
    /// Changes an entry behind the chain's back, to show that it is noticed. `false` when there
    /// is no such entry.
    pub fn forge(&self, entry: usize, content: Value) -> bool {
        lock(&self.state).entries.get_mut(entry).map(|e| e.content = content).is_some()
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn begin(&self, start: &RunStart) -> Result<(), LedgerError> {
        let mut state = lock(&self.state);
        if let Some(run) = state.runs.iter().find(|r| r.start.plan_digest == start.plan_digest) {
            return Err(refused(format!("the plan was carried out by run {}", run.start.run)));
        }
        state.append(json!({"entry": "begin", "start": start}));
        state.runs.push(RunRecord {
            start: start.clone(),
            started_at: clock::now(),
            ended_at: None,
            status: RunStatus::Running,
            steps: Vec::new(),
            failure: None,
            undone_by: None,
        });
        Ok(())
    }

    async fn resumed(&self, run: &str, actor: &str) -> Result<(), LedgerError> {
        let mut state = lock(&self.state);
        let record = state.run(run)?;
        if let Some(by) = &record.undone_by {
            return Err(refused(format!("run {run} was undone by run {by}")));
        }
        if matches!(record.status, RunStatus::Done | RunStatus::NothingToDo | RunStatus::Partial) {
            return Err(refused(format!("run {run} ended as {}", record.status.as_str())));
        }
        record.status = RunStatus::Running;
        record.ended_at = None;
        record.failure = None;
        state.append(json!({"entry": "resumed", "run": run, "actor": actor}));
        Ok(())
    }

    async fn step_started(&self, run: &str, step: u32, label: &str) -> Result<(), LedgerError> {
        let mut state = lock(&self.state);
        let steps = &mut state.run(run)?.steps;
        match steps.binary_search_by_key(&step, |known| known.step) {
            Ok(place) => {
                if let Some(known) = steps.get_mut(place) {
                    known.started_at = clock::now();
                }
            }
            Err(place) => {
                let (label, started_at) = (label.to_owned(), clock::now());
                steps.insert(place, StepRecord { step, label, started_at, ended_at: None, outcome: None });
            }
        }
        state.append(json!({"entry": "step_started", "run": run, "step": step, "label": label}));
        Ok(())
    }

    async fn step_finished(&self, run: &str, step: u32, outcome: &Outcome) -> Result<(), LedgerError> {
        let mut state = lock(&self.state);
        let known = state.run(run)?.steps.iter_mut().find(|known| known.step == step);
        let known = known.ok_or_else(|| refused(format!("step {step} of run {run} never began")))?;
        known.outcome = Some(outcome.clone());
        known.ended_at = Some(clock::now());
        state.append(json!({"entry": "step_finished", "run": run, "step": step, "outcome": outcome}));
        Ok(())
    }

    async fn step_failed(&self, run: &str, step: u32, code: &str, message: &str) -> Result<(), LedgerError> {
        let mut state = lock(&self.state);
        state.run(run)?.failure.get_or_insert_with(|| (code.to_owned(), message.to_owned()));
        state.append(json!({"entry": "step_failed", "run": run, "step": step, "code": code, "message": message}));
        Ok(())
    }

    async fn end(&self, run: &str, status: RunStatus) -> Result<(), LedgerError> {
        let mut state = lock(&self.state);
        let record = state.run(run)?;
        record.status = status;
        record.ended_at = Some(clock::now());
        let undone = record.start.follows.clone();
        if let (Some(undone), RunStatus::Done | RunStatus::Partial) = (undone, status) {
            state.run(&undone)?.undone_by = Some(run.to_owned());
        }
        state.append(json!({"entry": "end", "run": run, "status": status}));
        Ok(())
    }

    async fn applied(&self, plan_digest: &str) -> Result<Option<String>, LedgerError> {
        let state = lock(&self.state);
        Ok(state.runs.iter().find(|r| r.start.plan_digest == plan_digest).map(|r| r.start.run.clone()))
    }

    async fn run(&self, id: &str) -> Result<Option<RunRecord>, LedgerError> {
        let state = lock(&self.state);
        let mut found = state.runs.iter().filter(|r| !id.is_empty() && r.start.run.starts_with(id));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(refused(format!("more than one run begins with {id}"))),
            (one, _) => Ok(one.cloned()),
        }
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, LedgerError> {
        let state = lock(&self.state);
        let limit = filter.limit.map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
        let mut seen = filter.before.is_none();
        let mut found = Vec::new();
        for record in state.runs.iter().rev() {
            if seen && matches(record, filter) && found.len() < limit {
                found.push(summary(record));
            }
            seen = seen || filter.before.as_deref() == Some(record.start.run.as_str());
        }
        Ok(found)
    }

    async fn verify(&self) -> Result<ChainReport, LedgerError> {
        let state = lock(&self.state);
        let mut damage = Vec::new();
        let mut previous = "";
        for (entry, number) in state.entries.iter().zip(1..) {
            if chain::link(previous, &entry.content) != entry.digest {
                let run = entry.content.get("run").and_then(Value::as_str).map(str::to_owned);
                let what = "its digest is not that of its content".to_owned();
                damage.push(ChainDamage { entry: number, run, what });
            }
            previous = &entry.digest;
        }
        let entries = u64::try_from(state.entries.len()).unwrap_or(u64::MAX);
        Ok(ChainReport { entries, head: state.entries.last().map(|e| e.digest.clone()), signed: None, damage })
    }
}

fn matches(record: &RunRecord, filter: &RunFilter) -> bool {
    let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|w| w == value);
    is(&filter.target, &record.start.target)
        && is(&filter.operation, &record.start.operation)
        && !(filter.top && record.start.parent.is_some())
        && (filter.parent.is_none() || filter.parent == record.start.parent)
        && filter.status.is_none_or(|status| status == record.status)
}

fn summary(record: &RunRecord) -> RunSummary {
    let start = record.start.clone();
    RunSummary {
        run: start.run,
        parent: start.parent,
        follows: start.follows,
        operation: start.operation,
        target: start.target,
        actor: start.actor,
        started_at: record.started_at.clone(),
        ended_at: record.ended_at.clone(),
        status: record.status,
        undone_by: record.undone_by.clone(),
    }
}

/// Leases that live as long as the process.
#[derive(Debug, Default)]
pub struct MemoryLeases {
    held: Mutex<HashMap<String, HeldBy>>,
}

#[derive(Debug)]
struct HeldBy {
    request: LeaseRequest,
    expires: Instant,
}

impl HeldBy {
    fn is(&self, request: &LeaseRequest) -> bool {
        self.request.run == request.run && self.request.holder == request.holder
    }

    fn answer(&self) -> LeaseAnswer {
        let left = SignedDuration::try_from(self.expires.saturating_duration_since(Instant::now()));
        let expires_at = Timestamp::now().saturating_add(left.unwrap_or(SignedDuration::MAX));
        LeaseAnswer::Held {
            holder: self.request.holder.clone(),
            operation: self.request.operation.clone(),
            run: self.request.run.clone(),
            expires_at: clock::stamp(expires_at.unwrap_or(Timestamp::MAX)),
        }
    }
}

impl MemoryLeases {
    /// Who holds what, target by target: run and holder.
    pub fn held(&self) -> BTreeMap<String, (String, String)> {
        let held = lock(&self.held);
        held.iter().map(|(t, h)| (t.clone(), (h.request.run.clone(), h.request.holder.clone()))).collect()
    }

    fn hold(request: &LeaseRequest) -> HeldBy {
        HeldBy { request: request.clone(), expires: Instant::now() + request.ttl }
    }
}

#[async_trait]
impl Leases for MemoryLeases {
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseAnswer, LedgerError> {
        let mut held = lock(&self.held);
        match held.get(&request.target) {
            Some(other) if !other.is(request) && other.expires > Instant::now() => Ok(other.answer()),
            _ => {
                held.insert(request.target.clone(), Self::hold(request));
                Ok(LeaseAnswer::Granted)
            }
        }
    }

    async fn heartbeat(&self, request: &LeaseRequest) -> Result<bool, LedgerError> {
        let mut held = lock(&self.held);
        let ours = held.get(&request.target).is_some_and(|h| h.is(request));
        if ours {
            held.insert(request.target.clone(), Self::hold(request));
        }
        Ok(ours)
    }

    async fn release(&self, request: &LeaseRequest) -> Result<(), LedgerError> {
        let mut held = lock(&self.held);
        if held.get(&request.target).is_some_and(|h| h.is(request)) {
            held.remove(&request.target);
        }
        Ok(())
    }
}

/// A sink that keeps every event.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    /// What was emitted so far.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }
}

impl Sink for Recorder {
    fn emit(&self, event: &Event) {
        lock(&self.events).push(event.clone());
    }
}
