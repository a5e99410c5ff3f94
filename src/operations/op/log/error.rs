//! What can go wrong when the log is listed.

use crate::engine::{Failure, FailureKind, LedgerError};
use crate::operations::op::FindError;

/// Why the log cannot be listed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LogError {
    /// The ledger could not be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// A run that was named does not exist.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Find(#[from] FindError),
}

impl Failure for LogError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Ledger(error) => error.kind(),
            Self::Find(error) => error.kind(),
        }
    }
}
