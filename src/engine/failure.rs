//! Kinds of failure. Exit codes, retries and the wording of help follow from the kind.

use serde::{Deserialize, Serialize};

/// What sort of failure an error is. `docs/exit-codes.md` maps each to its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The operation failed; what was changed was rolled back or is named (1).
    Failed,
    /// Usage or configuration (2).
    Usage,
    /// Authentication or permission (4).
    Permission,
    /// A server cannot be reached or did not answer in time (5).
    Unreachable,
    /// Refused: consent missing, plan stale or already applied, quota, precondition (6).
    Refused,
    /// Another run holds the tenant (7).
    Held,
    /// Findings, or damage found (10).
    Findings,
    /// A bug in fixtool (70).
    Bug,
}

/// An error that the engine can act on: it has a code and, where the user can act, a help.
pub trait Failure: miette::Diagnostic + Send + Sync + 'static {
    /// Its kind.
    fn kind(&self) -> FailureKind;

    /// Whether it passes by itself: connection loss, serialization failure, deadlock, lock
    /// timeout. The step is then tried again from its checkpoint.
    fn is_transient(&self) -> bool {
        false
    }
}
