//! From how a command ended to the number that a script sees; `docs/exit-codes.md` holds the table.

use super::fault::Ending;
use crate::engine::{FailureKind, RunStatus, Signal};

/// Every exit code with its meaning, as in `docs/exit-codes.md`.
pub const TABLE: &[(u8, &str)] = &[
    (0, "done, or nothing to do"),
    (1, "the operation failed; what was changed has been rolled back or is named"),
    (2, "usage or configuration"),
    (3, "partial: some tenants or some records failed; the result lists them"),
    (4, "authentication or permission"),
    (5, "target unreachable or timed out"),
    (6, "refused: consent missing, plan stale, plan already applied, quota"),
    (7, "another run holds the tenant"),
    (10, "findings, or changes pending with `--detailed-exitcode`"),
    (70, "a bug in fixtool"),
    (130, "interrupted by Ctrl-C after a checkpoint"),
    (143, "interrupted by SIGTERM after a checkpoint"),
];

/// The exit code of a kind of failure.
pub fn of_kind(kind: FailureKind) -> u8 {
    match kind {
        FailureKind::Failed => 1,
        FailureKind::Usage => 2,
        FailureKind::Permission => 4,
        FailureKind::Unreachable => 5,
        FailureKind::Refused => 6,
        FailureKind::Held => 7,
        FailureKind::Findings => 10,
        FailureKind::Bug => 70,
    }
}

/// The exit code of a command that did not fail as a whole; `signal` is the one that stopped it.
pub fn of_ending(ending: Ending, signal: Option<Signal>) -> u8 {
    match ending {
        Ending::Done => 0,
        Ending::Partial => 3,
        Ending::Findings => 10,
        Ending::Failed(kind) => of_kind(kind),
        Ending::Interrupted => of_signal(signal.unwrap_or(Signal::Interrupt)),
    }
}

/// 128 plus the signal's number, as shells do.
pub fn of_signal(signal: Signal) -> u8 {
    match signal {
        Signal::Interrupt => 130,
        Signal::Terminate => 143,
    }
}

/// How one run's end is told; a failed run needs the kind of its failure.
pub fn of_status(status: RunStatus, failure: Option<FailureKind>) -> Ending {
    match status {
        RunStatus::Done | RunStatus::NothingToDo => Ending::Done,
        RunStatus::Partial => Ending::Partial,
        RunStatus::Failed | RunStatus::Running => Ending::Failed(failure.unwrap_or(FailureKind::Failed)),
        RunStatus::Interrupted => Ending::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table() {
        let kinds = [
            FailureKind::Failed,
            FailureKind::Usage,
            FailureKind::Permission,
            FailureKind::Unreachable,
            FailureKind::Refused,
            FailureKind::Held,
            FailureKind::Findings,
            FailureKind::Bug,
        ];
        for kind in kinds {
            assert!(TABLE.iter().any(|(code, _)| *code == of_kind(kind)), "{kind:?}");
        }
        assert_eq!(of_ending(Ending::Interrupted, Some(Signal::Terminate)), 143);
        assert_eq!(of_ending(Ending::Interrupted, Some(Signal::Interrupt)), 130);
        assert_eq!(of_ending(of_status(RunStatus::Partial, None), None), 3);
        assert_eq!(of_ending(of_status(RunStatus::Failed, Some(FailureKind::Held)), None), 7);
    }
}
