//! A run by what a user types: its id, or the beginning of it.

use crate::engine::{Failure, FailureKind, Ledger, LedgerError, RunFilter, RunRecord};

/// Why no run was found.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum FindError {
    /// The ledger could not be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// No run has this id.
    #[error("there is no run '{given}'")]
    #[diagnostic(code(fixtool::op::unknown_run), help("'fixtool op log' lists what was run"))]
    Unknown {
        /// What was typed.
        given: String,
    },
    /// Several runs begin like this.
    #[error("more than one run begins with '{given}'")]
    #[diagnostic(code(fixtool::op::ambiguous_run), help("give more of its id; 'fixtool op log' lists what was run"))]
    Ambiguous {
        /// What was typed.
        given: String,
    },
    /// Nothing was ever run.
    #[error("nothing was run here yet")]
    #[diagnostic(
        code(fixtool::op::nothing_yet),
        help("'fixtool config show database' tells which database this is about")
    )]
    Nothing,
}

impl Failure for FindError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Ledger(error) => error.kind(),
            Self::Unknown { .. } | Self::Ambiguous { .. } | Self::Nothing => FailureKind::Usage,
        }
    }
}

/// The run that is meant; the newest one when nothing is said.
pub async fn find(ledger: &dyn Ledger, given: Option<&str>) -> Result<RunRecord, FindError> {
    let Some(given) = given else {
        let newest = RunFilter { limit: Some(1), top: true, ..RunFilter::default() };
        let newest = ledger.runs(&newest).await?.into_iter().next().ok_or(FindError::Nothing)?;
        return ledger.run(&newest.run).await?.ok_or(FindError::Nothing);
    };
    let given = given.trim();
    match ledger.run(&given.to_ascii_lowercase()).await {
        Ok(Some(record)) => Ok(record),
        Ok(None) => Err(FindError::Unknown { given: given.to_owned() }),
        Err(error) if error.kind == FailureKind::Refused => Err(FindError::Ambiguous { given: given.to_owned() }),
        Err(error) => Err(error.into()),
    }
}
