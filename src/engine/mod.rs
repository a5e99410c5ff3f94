//! How anything is done: observe → decide → approve → carry out. Knows no noun.
//!
//! | file | holds |
//! |---|---|
//! | [`action`] | what a step does, what it puts at risk, how it is taken back |
//! | [`operation`] | the contract of a command that writes, and of one that only looks |
//! | [`draft`](mod@draft) | observing and deciding: from an operation to its plan |
//! | [`plan`] | the plan as a value |
//! | [`plan_file`] | plans saved for later, provably unchanged |
//! | [`approval`] | consent and freshness: the only road from a plan to a writer |
//! | [`refusal`] | why a plan is not carried out |
//! | [`executor`] | carrying out: lease, ledger, stages, steps side by side |
//! | [`environment`] | what runs are carried out with |
//! | [`run_error`] | why a run did not end well |
//! | [`undo`] | the plan that takes back a run |
//! | [`fleet`] | one operation on many targets: waves, canary, failure budget, resume, retry |
//! | [`context`] | what a step is given: meter, cancel, names |
//! | [`cancel`] | Ctrl-C and SIGTERM |
//! | [`retry`] | failures that pass are tried again |
//! | [`event`] | what happens on the way, as data |
//! | [`failure`] | kinds of failure; exit codes follow from them |
//! | [`ledger`] | the log of operations and the leases on tenants, as traits |
//! | [`memory`] | both without a database |
//! | [`chain`] | digests of plans and of the ledger's entries |
//! | [`clock`] | time, run ids, who does it |
//! | [`report`] | what came out |

pub mod action;
pub mod approval;
mod attempt;
pub mod cancel;
pub mod chain;
pub mod clock;
pub mod context;
pub mod draft;
pub mod environment;
pub mod event;
pub mod executor;
pub mod failure;
pub mod fleet;
mod lease;
pub mod ledger;
pub mod memory;
pub mod operation;
pub mod plan;
pub mod plan_file;
pub mod refusal;
pub mod report;
pub mod retry;
mod run;
pub mod run_error;
pub mod undo;

pub use action::{Action, Effect, Size, Undo, Unit};
pub use approval::{Approved, Consent, Freshness};
pub use cancel::{Signal, Signals};
pub use clock::Identity;
pub use context::StepContext;
pub use draft::{Prepared, draft, prepare, refresh, rehearse};
pub use environment::Environment;
pub use event::{Event, Sink};
pub use executor::carry_out;
pub use failure::{Failure, FailureKind};
pub use fleet::{
    FleetJob, FleetOptions, FleetOrder, FleetRecord, FleetReport, Halt, Share, TargetState, Waves, fan_out,
};
pub use ledger::{
    LeaseAnswer, LeaseRequest, Leases, Ledger, LedgerError, RunFilter, RunRecord, RunStart, RunSummary, StepRecord,
};
pub use memory::{MemoryLeases, MemoryLedger, Recorder};
pub use operation::{Fingerprint, Operation, Query, Writes};
pub use plan::{Draft, Plan, Step, Target, Undone};
pub use plan_file::{PlanFile, PlanFileError};
pub use refusal::Refusal;
pub use report::{Outcome, Report, RunStatus, StepReport};
pub use retry::RetryPolicy;
pub use run_error::{RunError, StepError};
pub use undo::{later_runs, undo_freshness, undo_plan};
