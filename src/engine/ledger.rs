//! The log of operations and the leases on tenants, as traits that the catalog implements.
//!
//! [`MemoryLedger`](super::MemoryLedger) and [`MemoryLeases`](super::MemoryLeases) have the same
//! semantics without a database; `tests/suite/engine_conformance.rs` holds all of them to it.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Failure, FailureKind, Outcome, RunStatus};

/// Why the ledger or a lease could not be read or written.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
#[error("the ledger cannot be used: {message}")]
#[diagnostic(code(fixtool::ledger), help("run 'fixtool doctor' to check the catalog"))]
pub struct LedgerError {
    /// What went wrong.
    pub message: String,
    /// Of which kind it is.
    pub kind: FailureKind,
    /// Whether it passes by itself.
    pub transient: bool,
}

impl Failure for LedgerError {
    fn kind(&self) -> FailureKind {
        self.kind
    }

    fn is_transient(&self) -> bool {
        self.transient
    }
}

/// What is written when a run begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStart {
    /// The run's id: a `UUIDv7` in hex, so that ids sort by time.
    pub run: String,
    /// The fleet run that it is a part of.
    pub parent: Option<String>,
    /// The run that it undoes. A resumed run keeps its own id and follows nothing.
    pub follows: Option<String>,
    /// `noun.verb`.
    pub operation: String,
    /// Target by name.
    pub target: String,
    /// Digest of the plan; a plan is carried out once.
    pub plan_digest: String,
    /// The plan, as JSON.
    pub plan: serde_json::Value,
    /// Who: operating-system user and host.
    pub actor: String,
}

/// A run as the ledger tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What was written at its begin.
    pub start: RunStart,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How it stands.
    pub status: RunStatus,
    /// Steps that began, ascending, each once. One without an outcome may be half done.
    pub steps: Vec<StepRecord>,
    /// Code and message of the failure that ended it, when it failed.
    pub failure: Option<(String, String)>,
    /// The run that undid it: the one that [`follows`](RunStart::follows) it and ended well.
    pub undone_by: Option<String>,
}

impl RunRecord {
    /// The steps that ended, with what came out.
    pub fn finished(&self) -> impl Iterator<Item = (u32, &Outcome)> {
        self.steps.iter().filter_map(|step| Some((step.step, step.outcome.as_ref()?)))
    }
}

/// A step as the ledger tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its place in the plan, from zero.
    pub step: u32,
    /// One line for people, as it was when the step began.
    pub label: String,
    /// When it began last, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// What came out; `None` when it did not end.
    pub outcome: Option<Outcome>,
}

/// A run without its plan and its steps, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run's id.
    pub run: String,
    /// The fleet run that it is a part of.
    pub parent: Option<String>,
    /// The run that it undoes.
    pub follows: Option<String>,
    /// `noun.verb`.
    pub operation: String,
    /// Target by name.
    pub target: String,
    /// Who: operating-system user and host.
    pub actor: String,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How it stands.
    pub status: RunStatus,
    /// The run that undid it.
    pub undone_by: Option<String>,
}

/// Which runs to list. All given conditions hold at once; the default asks for every run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only runs on this target.
    pub target: Option<String>,
    /// Only runs of this operation: `data.load`.
    pub operation: Option<String>,
    /// Only parts of this fleet run.
    pub parent: Option<String>,
    /// Only runs that are no part of a fleet run.
    pub top: bool,
    /// Only runs that stand like this.
    pub status: Option<RunStatus>,
    /// Only runs that began before this one: the last id of the page before.
    pub before: Option<String>,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
}

/// What a check of the hash chain found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainReport {
    /// How many entries there are.
    pub entries: u64,
    /// Digest of the last entry: written down elsewhere, it proves later that nothing was cut off.
    pub head: Option<String>,
    /// Up to which entry the signature of the key that lies here is good; `None` when nothing was signed with it yet.
    #[serde(default)]
    pub signed: Option<u64>,
    /// Entries that do not fit, in order. Empty when the chain is whole.
    pub damage: Vec<ChainDamage>,
}

/// One entry of the ledger that was changed, removed or put in afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainDamage {
    /// The entry's number.
    pub entry: u64,
    /// The run that it speaks of, where that can still be read.
    pub run: Option<String>,
    /// What does not fit.
    pub what: String,
}

/// The tenant that has a name, told apart from any other that had it or will have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// A random number in hex; it stays when the tenant is renamed, or brought back after a drop. `None` where the
    /// catalog is one of an earlier fixtool.
    pub incarnation: Option<String>,
    /// When it was registered.
    pub since: String,
    /// Structural fingerprint of its model.
    pub structure: String,
}

impl Standing {
    /// Whether both are the same tenant.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.incarnation, &other.incarnation) {
            (Some(one), Some(other)) => one == other,
            _ => self.since == other.since,
        }
    }
}

/// The operation log and audit trail. Each entry holds the digest of the one before
/// (see [`chain::link`](super::chain::link)).
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Notes that a run begins. Fails with [`FailureKind::Refused`] when its plan was applied before.
    async fn begin(&self, start: &RunStart) -> Result<(), LedgerError>;
    /// Notes that a run that was interrupted, that failed, or whose process died goes on: it is
    /// [`RunStatus::Running`] again and its failure is forgotten. Fails with
    /// [`FailureKind::Refused`] when there is no such run, when it ended well, or when it was undone.
    async fn resumed(&self, run: &str, actor: &str) -> Result<(), LedgerError>;
    /// Notes that a step begins.
    async fn step_started(&self, run: &str, step: u32, label: &str) -> Result<(), LedgerError>;
    /// Notes what a step did.
    async fn step_finished(&self, run: &str, step: u32, outcome: &Outcome) -> Result<(), LedgerError>;
    /// Notes that a step failed. The first failure of a run is the one that its record tells.
    async fn step_failed(&self, run: &str, step: u32, code: &str, message: &str) -> Result<(), LedgerError>;
    /// Notes how a run ended.
    async fn end(&self, run: &str, status: RunStatus) -> Result<(), LedgerError>;
    /// The run that carried out the plan of this digest.
    async fn applied(&self, plan_digest: &str) -> Result<Option<String>, LedgerError>;
    /// One run by its id or a unique prefix of it.
    async fn run(&self, id: &str) -> Result<Option<RunRecord>, LedgerError>;
    /// Runs, the newest first.
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, LedgerError>;
    /// The tenant that has this name now; `None` when there is none, or when the log knows of no tenants.
    async fn standing(&self, _target: &str) -> Result<Option<Standing>, LedgerError> {
        Ok(None)
    }
    /// Whether a run means another tenant than the one that has its target's name now: that one was dropped, and this
    /// one made since.
    async fn is_another(&self, _run: &str) -> Result<bool, LedgerError> {
        Ok(false)
    }
    /// Checks the hash chain from the first entry to the last.
    async fn verify(&self) -> Result<ChainReport, LedgerError>;
    /// The number of the entry that has this digest.
    async fn entry_of(&self, _digest: &str) -> Result<Option<u64>, LedgerError> {
        Ok(None)
    }
}

/// The newest run on a target, with which the executor notices that somebody else was faster.
pub async fn latest_run(ledger: &dyn Ledger, target: &str) -> Result<Option<String>, LedgerError> {
    let filter = RunFilter { target: Some(target.to_owned()), limit: Some(1), ..RunFilter::default() };
    Ok(ledger.runs(&filter).await?.into_iter().next().map(|r| r.run))
}

/// A lease that is held, or who holds it instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// It is ours until it expires or is released.
    Granted,
    /// Another run has it.
    Held {
        /// Who: operating-system user, host and process.
        holder: String,
        /// What it is doing: `noun.verb`.
        operation: String,
        /// Its run.
        run: String,
        /// When it expires unless renewed, RFC 3339 in UTC.
        expires_at: String,
    },
}

/// Who asks for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The tenant, by name.
    pub target: String,
    /// The run.
    pub run: String,
    /// `noun.verb`.
    pub operation: String,
    /// Who: operating-system user, host and process.
    pub holder: String,
    /// How long it lasts without a heartbeat.
    pub ttl: Duration,
}

/// One lease a tenant: the only lock that works behind a pooler, on SQLite, and on distributed
/// engines alike. A lease whose holder died expires and is taken over.
///
/// A lease belongs to the pair of run and holder: a run that is resumed while its first process
/// still lives is refused like any other.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the lease, or says who has it. An expired one is taken over. Asked again by the run
    /// and holder that have it, it is granted and lasts from now.
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseAnswer, LedgerError>;
    /// Renews it, also when it expired and nobody took it. `false` when it was lost: the work must stop.
    async fn heartbeat(&self, request: &LeaseRequest) -> Result<bool, LedgerError>;
    /// Gives it back; does nothing when it is not ours.
    async fn release(&self, request: &LeaseRequest) -> Result<(), LedgerError>;
}
