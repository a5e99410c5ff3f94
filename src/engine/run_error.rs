//! Why a run did not end well, with everything that was done before.

use std::fmt;

use miette::Diagnostic;

use super::{Failure, FailureKind, LedgerError, Refusal, Report};

/// Why an operation could not be planned or carried out.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E: Failure> {
    /// Another run holds the target.
    #[error("{target} is held by another run: {} ({run}) by {holder}", .operation.replace('.', " "))]
    Held {
        /// Target by name.
        target: String,
        /// Who has it: operating-system user, host and process.
        holder: String,
        /// What they are doing: `noun.verb`.
        operation: String,
        /// Their run.
        run: String,
        /// When their lease ends unless they renew it, RFC 3339 in UTC.
        expires_at: String,
    },
    /// The lease went to somebody else while the work was going on, so the work was stopped.
    #[error("run {run} lost its lease on {target} and was stopped")]
    LeaseLost {
        /// Target by name.
        target: String,
        /// The run.
        run: String,
        /// It could not be renewed because the catalog did not answer, for as long as it lasts.
        unreachable: bool,
    },
    /// It was refused; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Observing or deciding failed; nothing was changed.
    #[error(transparent)]
    Operation(E),
    /// A step failed for good.
    #[error(transparent)]
    Step(Box<StepError<E>>),
    /// A bug in fixtool.
    #[error("fixtool has a bug: {message}")]
    Bug {
        /// The run, when one had begun.
        run: Option<String>,
        /// What was seen of it.
        message: String,
    },
}

/// A step that failed, and what was done before.
#[derive(Debug)]
pub struct StepError<E> {
    /// Place of the step in the plan, from zero.
    pub step: u32,
    /// One line for people.
    pub label: String,
    /// What went wrong.
    pub error: E,
    /// Further steps of the same stage that failed, each with its place and error.
    pub others: Vec<(u32, E)>,
    /// What the run did until then.
    pub report: Report,
}

impl<E: fmt::Display> fmt::Display for StepError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: Failure> std::error::Error for StepError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl<E: Failure> RunError<E> {
    /// The run, when one had begun: it can be shown, resumed and undone.
    pub fn run(&self) -> Option<&str> {
        match self {
            Self::LeaseLost { run, .. } => Some(run),
            Self::Step(failed) => Some(&failed.report.run),
            Self::Bug { run, .. } => run.as_deref(),
            Self::Held { .. } | Self::Refused(_) | Self::Ledger(_) | Self::Operation(_) => None,
        }
    }

    /// The error's code, as written to the ledger.
    pub fn code_text(&self) -> String {
        self.code().map_or_else(|| "fixtool::failed".to_owned(), |c| c.to_string())
    }

    /// The part that holds the real diagnostic, when this only wraps one.
    fn inner(&self) -> Option<&dyn Diagnostic> {
        match self {
            Self::Refused(inner) => Some(inner),
            Self::Ledger(inner) => Some(inner),
            Self::Operation(inner) => Some(inner),
            Self::Step(failed) => Some(&failed.error),
            Self::Held { .. } | Self::LeaseLost { .. } | Self::Bug { .. } => None,
        }
    }
}

impl<E: Failure> Failure for RunError<E> {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Held { .. } => FailureKind::Held,
            Self::LeaseLost { unreachable: true, .. } => FailureKind::Unreachable,
            Self::LeaseLost { unreachable: false, .. } => FailureKind::Failed,
            Self::Refused(inner) => inner.kind(),
            Self::Ledger(inner) => inner.kind(),
            Self::Operation(inner) => inner.kind(),
            Self::Step(failed) => failed.error.kind(),
            Self::Bug { .. } => FailureKind::Bug,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Ledger(inner) => inner.is_transient(),
            Self::Operation(inner) => inner.is_transient(),
            Self::Step(failed) => failed.error.is_transient(),
            Self::Held { .. } | Self::LeaseLost { .. } | Self::Refused(_) | Self::Bug { .. } => false,
        }
    }
}

impl<E: Failure> Diagnostic for RunError<E> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self {
            Self::Held { .. } => Some(Box::new("fixtool::lease::held")),
            Self::LeaseLost { .. } => Some(Box::new("fixtool::lease::lost")),
            Self::Bug { .. } => Some(Box::new("fixtool::bug")),
            _ => self.inner().and_then(Diagnostic::code),
        }
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self {
            Self::Held { run, expires_at, .. } => Some(Box::new(format!(
                "wait until it has ended: 'fixtool op show {run}' tells how far it is; if its process died, \
                 {expires_at} is when the lease ends by itself"
            ))),
            Self::LeaseLost { run, .. } => {
                Some(Box::new(format!("go on from the last checkpoint with 'fixtool op resume {run}'")))
            }
            Self::Bug { run: Some(run), .. } => Some(Box::new(format!(
                "please report it with the output of 'fixtool doctor'; 'fixtool op show {run}' tells what was done"
            ))),
            Self::Bug { run: None, .. } => Some(Box::new("please report it with the output of 'fixtool doctor'")),
            _ => self.inner().and_then(Diagnostic::help),
        }
    }

    fn severity(&self) -> Option<miette::Severity> {
        self.inner().and_then(Diagnostic::severity)
    }

    fn url<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.inner().and_then(Diagnostic::url)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.inner().and_then(Diagnostic::source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        self.inner().and_then(Diagnostic::labels)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self {
            Self::Step(failed) if !failed.others.is_empty() => {
                Some(Box::new(failed.others.iter().map(|(_, e)| e as &dyn Diagnostic)))
            }
            _ => self.inner().and_then(Diagnostic::related),
        }
    }

    fn diagnostic_source(&self) -> Option<&dyn Diagnostic> {
        self.inner().and_then(Diagnostic::diagnostic_source)
    }
}
