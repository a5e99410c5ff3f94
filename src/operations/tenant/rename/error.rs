//! What can go wrong with `tenant rename`.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::site::SiteError;
use crate::engine::{Failure, FailureKind};
use crate::model::{Namespace, TenantId, TenantStatus};

/// Why the tenant was not renamed.
#[derive(Debug, Error, Diagnostic)]
pub enum RenameError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// The id is in use.
    #[error("there is a tenant '{to}' already")]
    #[diagnostic(
        code(fixtool::tenant::rename::taken),
        help("choose another id; 'fixtool tenant list' shows what is there")
    )]
    Taken {
        /// The id.
        to: TenantId,
    },
    /// Another tenant has the name by now.
    #[error("'{id}' is another tenant than the one that was renamed: that one was dropped, and this one made since")]
    #[diagnostic(
        code(fixtool::tenant::rename::another),
        help("rename this one with 'fixtool tenant rename' if that is meant")
    )]
    Another {
        /// The id.
        id: TenantId,
    },
    /// Something is where the namespace is to go.
    #[error("'{namespace}' exists and belongs to no registered tenant")]
    #[diagnostic(code(fixtool::tenant::rename::occupied), help("choose another id, or remove what is there"))]
    Occupied {
        /// The namespace.
        namespace: Namespace,
    },
    /// The tenant is half made or half gone.
    #[error("tenant '{id}' is {status}")]
    #[diagnostic(
        code(fixtool::tenant::rename::state),
        help("'fixtool op log' shows the run that was not finished; 'fixtool op resume' finishes it")
    )]
    State {
        /// The tenant.
        id: TenantId,
        /// Its state.
        status: TenantStatus,
    },
}

impl From<DatabaseError> for RenameError {
    fn from(error: DatabaseError) -> Self {
        Self::Site(error.into())
    }
}

impl From<CatalogError> for RenameError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl Failure for RenameError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            _ => FailureKind::Refused,
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Site(error) if error.is_transient())
    }
}
