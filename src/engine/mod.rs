//! How anything is done: observe → decide → approve → carry out. Knows no noun.
//!
//! | file | holds |
//! |---|---|
//! | [`action`] | what a step does, what it puts at risk, how it is taken back |
//! | [`operation`] | the contract of a command that writes, and of one that only looks |
//! | [`plan`] | the plan as a value |
//! | [`context`] | what a step is given: meter, cancel, names |
//! | [`event`] | what happens on the way, as data |
//! | [`failure`] | kinds of failure; exit codes follow from them |
//! | [`ledger`] | the log of operations and the leases on tenants, as traits |
//! | [`report`] | what came out |

pub mod action;
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
pub use ledger::{Leases, Ledger};
pub use operation::{Fingerprint, Operation, Query};
pub use plan::{Plan, Step, Target};
pub use report::{Outcome, Report, RunStatus};
