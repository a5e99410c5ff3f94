//! The log of operations and the leases on tenants, as traits that the catalog implements.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Failure, FailureKind, Outcome, RunStatus};

/// Why the ledger or a lease could not be read or written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
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
    /// The run's id: a UUIDv7 in hex, so that ids sort by time.
    pub run: String,
    /// The fleet run that it is a part of.
    pub parent: Option<String>,
    /// The run that it resumes or undoes.
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
    /// Steps that ended, with what came out.
    pub finished: Vec<(u32, Outcome)>,
    /// Code and message of the failure.
    pub failure: Option<(String, String)>,
    /// The run that undid it.
    pub undone_by: Option<String>,
}

/// The operation log and audit trail. Each entry holds the digest of the one before.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Notes that a run begins. Fails with [`FailureKind::Refused`] when its plan was applied before.
    async fn begin(&self, start: &RunStart) -> Result<(), LedgerError>;
    /// Notes that a step begins.
    async fn step_started(&self, run: &str, step: u32, label: &str) -> Result<(), LedgerError>;
    /// Notes what a step did.
    async fn step_finished(&self, run: &str, step: u32, outcome: &Outcome) -> Result<(), LedgerError>;
    /// Notes that a step failed.
    async fn step_failed(&self, run: &str, step: u32, code: &str, message: &str) -> Result<(), LedgerError>;
    /// Notes how a run ended.
    async fn end(&self, run: &str, status: RunStatus) -> Result<(), LedgerError>;
    /// The run that carried out the plan of this digest.
    async fn applied(&self, plan_digest: &str) -> Result<Option<String>, LedgerError>;
    /// One run by its id or a unique prefix of it.
    async fn run(&self, id: &str) -> Result<Option<RunRecord>, LedgerError>;
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
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the lease, or says who has it. An expired one is taken over.
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseAnswer, LedgerError>;
    /// Renews it. `false` when it was lost: the work must stop.
    async fn heartbeat(&self, request: &LeaseRequest) -> Result<bool, LedgerError>;
    /// Gives it back.
    async fn release(&self, request: &LeaseRequest) -> Result<(), LedgerError>;
}
