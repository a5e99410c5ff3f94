//! What can go wrong with `tenant drop`.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::site::SiteError;
use crate::engine::{Failure, FailureKind};

/// Why the tenant was not dropped.
#[derive(Debug, Error, Diagnostic)]
pub enum DropError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
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

impl Failure for DropError {
    fn kind(&self) -> FailureKind {
        let Self::Site(error) = self;
        error.kind()
    }

    fn is_transient(&self) -> bool {
        let Self::Site(error) = self;
        error.is_transient()
    }
}
