//! Any failure of any command, on its way to the console and to the exit code.

use std::fmt;

use crate::engine::{Failure, FailureKind};

/// Any failure of any command.
///
/// It is made from every error that has a [`FailureKind`], so `?` works in every command; it is no
/// error type of its own, so that nothing is wrapped twice.
pub struct Fault(Box<dyn Failure>);

impl Fault {
    /// The failure, for the console.
    pub fn failure(&self) -> &dyn Failure {
        self.0.as_ref()
    }

    /// Its kind, for the exit code.
    pub fn kind(&self) -> FailureKind {
        self.0.kind()
    }
}

impl<E: Failure> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done, or nothing to do (0).
    Done,
    /// Some tenants or records failed and are listed (3).
    Partial,
    /// Findings, pending changes or damage (10).
    Findings,
    /// Failures were already shown; this is the gravest kind of them.
    Failed(FailureKind),
    /// The user stopped it at a checkpoint (130, or 143 after SIGTERM).
    Interrupted,
}

/// What every command returns.
pub type CommandResult = Result<Ending, Fault>;
