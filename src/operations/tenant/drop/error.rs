//! What can go wrong with `tenant drop`.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::site::SiteError;
use crate::engine::{Failure, FailureKind};
use crate::snapshots::error::Class;
use crate::snapshots::safety::{Cause, SafetyError};

/// Why the tenant was not dropped, or does not come back.
#[derive(Debug, Error, Diagnostic)]
pub enum DropError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// The safety copy.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Safety(#[from] SafetyError),
}

impl From<DatabaseError> for DropError {
    fn from(error: DatabaseError) -> Self {
        Self::Site(error.into())
    }
}

impl From<CatalogError> for DropError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl DropError {
    fn bottom(&self) -> Cause<'_> {
        match self {
            Self::Site(error) => Cause::Site(error),
            Self::Safety(error) => error.cause(),
        }
    }
}

impl Failure for DropError {
    fn kind(&self) -> FailureKind {
        let class = match self.bottom() {
            Cause::Site(error) => return error.kind(),
            Cause::Snapshot { class, .. } => class,
        };
        match class {
            Class::Usage => FailureKind::Usage,
            Class::Refused => FailureKind::Refused,
            Class::Permission => FailureKind::Permission,
            Class::Unreachable => FailureKind::Unreachable,
            Class::Findings => FailureKind::Findings,
            Class::Failed => FailureKind::Failed,
        }
    }

    fn is_transient(&self) -> bool {
        match self.bottom() {
            Cause::Site(error) => error.is_transient(),
            Cause::Snapshot { transient, .. } => transient,
        }
    }
}
