//! What can go wrong with `tenant clone`.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::site::{SiteError, database_failure};
use crate::engine::{Failure, FailureKind};
use crate::model::quota::QuotaExceeded;
use crate::model::{Namespace, TenantId};
use crate::snapshots::SnapshotError;

/// Why the tenant was not copied.
#[derive(Debug, Error, Diagnostic)]
pub enum CloneError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// Rows could not be read, masked or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The id is in use.
    #[error("there is a tenant '{to}' already")]
    #[diagnostic(
        code(fixtool::tenant::clone::taken),
        help("choose another id; 'fixtool tenant list' shows what is there")
    )]
    Taken {
        /// The id.
        to: TenantId,
    },
    /// Something is where the namespace is to go.
    #[error("'{namespace}' exists and belongs to no registered tenant")]
    #[diagnostic(
        code(fixtool::tenant::clone::occupied),
        help(
            "if a clone was interrupted, 'fixtool op log' shows it, and 'fixtool op resume' finishes it or 'fixtool op undo' removes it; otherwise choose another id"
        )
    )]
    Occupied {
        /// The namespace.
        namespace: Namespace,
    },
    /// The pack has no such tier.
    #[error("the pack '{pack}' has no tier '{tier}'{}", guess.as_ref().map_or_else(String::new, |g| format!("; did you mean '{g}'?")))]
    #[diagnostic(code(fixtool::tenant::clone::tier), help("it has {known}"))]
    Tier {
        /// The pack.
        pack: String,
        /// What was asked for.
        tier: String,
        /// A tier that looks like it.
        guess: Option<String>,
        /// The tiers it has.
        known: String,
    },
    /// The rows do not fit into the tier.
    #[error("a copy of '{id}' does not fit into the tier '{tier}': {exceeded}")]
    #[diagnostic(code(fixtool::tenant::clone::quota), help("choose a larger tier, or leave --tier out"))]
    Quota {
        /// The tenant that is copied.
        id: TenantId,
        /// The tier.
        tier: String,
        /// Which quota, with the numbers.
        exceeded: QuotaExceeded,
    },
    /// The tenant is not what it was when the plan was made.
    #[error("tenant '{id}' was changed since this run began: its tables are others now")]
    #[diagnostic(
        code(fixtool::tenant::clone::changed),
        help("take the run back with 'fixtool op undo', and clone the tenant again")
    )]
    Changed {
        /// The tenant that is copied.
        id: TenantId,
    },
}

impl From<DatabaseError> for CloneError {
    fn from(error: DatabaseError) -> Self {
        Self::Site(error.into())
    }
}

impl From<CatalogError> for CloneError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl Failure for CloneError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::Snapshot(SnapshotError::Database(error)) => database_failure(error),
            Self::Snapshot(_) => FailureKind::Failed,
            Self::Tier { .. } => FailureKind::Usage,
            Self::Taken { .. } | Self::Occupied { .. } | Self::Quota { .. } | Self::Changed { .. } => {
                FailureKind::Refused
            }
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Site(error) => error.is_transient(),
            Self::Snapshot(SnapshotError::Database(error)) => error.is_transient(),
            _ => false,
        }
    }
}
