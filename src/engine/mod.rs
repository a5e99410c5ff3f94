//! How anything is done: observe → decide → approve → carry out. Knows no noun.
//!
//! | file | holds |
//! |---|---|
//! | [`action`] | what a step does, what it puts at risk, how it is taken back |
//! | [`operation`] | the contract of a command that writes, and of one that only looks |
//! | [`plan`] | the plan as a value |
//! | [`chain`] | digests of plans and of the ledger's entries |
//! | [`context`] | what a step is given: meter, cancel, names |
//! | [`event`] | what happens on the way, as data |
//! | [`failure`] | kinds of failure; exit codes follow from them |
//! | [`ledger`] | the log of operations and the leases on tenants, as traits |
//! | [`report`] | what came out |

pub mod action;
pub mod chain;
pub mod context;
pub mod event;
pub mod failure;
pub mod ledger;
pub mod operation;
pub mod plan;
pub mod report;

pub use action::{Action, Effect, Size, Undo, Unit};
pub use context::StepContext;
pub use event::{Event, Sink};
pub use failure::{Failure, FailureKind};
pub use ledger::{LeaseAnswer, LeaseRequest, Leases, Ledger, LedgerError, RunFilter, RunRecord, RunStart, RunSummary};
pub use operation::{Fingerprint, Operation, Query};
pub use plan::{Draft, Plan, Step, Target, Undone};
pub use report::{Outcome, Report, RunStatus};
