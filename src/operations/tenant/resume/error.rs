//! What can go wrong with `tenant resume`.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::site::SiteError;
use crate::engine::{Failure, FailureKind};
use crate::model::{TenantId, TenantStatus};

/// Why it was not done.
#[derive(Debug, Error, Diagnostic)]
pub enum ResumeError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// The tenant is half made or half gone.
    #[error("tenant '{id}' is {status}")]
    #[diagnostic(
        code(fixtool::tenant::resume::state),
        help("'fixtool op log' shows the run that was not finished; 'fixtool op resume' finishes it")
    )]
    State {
        /// The tenant.
        id: TenantId,
        /// Its state.
        status: TenantStatus,
    },
}

impl Failure for ResumeError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::State { .. } => FailureKind::Refused,
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Site(error) if error.is_transient())
    }
}
