//! Why something of a site cannot be used.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::backends::packs::PackSourceError;
use crate::engine::{Failure, FailureKind};
use crate::model::TenantId;
use crate::model::pack::UnknownVersion;

/// Why something of the site cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum SiteError {
    /// The catalog.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Catalog(#[from] CatalogError),
    /// A database.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Database(#[from] DatabaseError),
    /// The tenant's pack cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pack(#[from] PackSourceError),
    /// The tenant's pack does not have its version.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Version(#[from] UnknownVersion),
    /// The registry holds a version that cannot be read.
    #[error("the catalog says that tenant '{id}' has version '{version}', which is no version")]
    #[diagnostic(code(fixtool::tenant::version), help("run 'fixtool doctor' to check the catalog"))]
    NoVersion {
        /// The tenant.
        id: TenantId,
        /// What the catalog holds.
        version: String,
    },
    /// The tenant is not registered.
    #[error("there is no tenant '{id}'{}", guess.as_ref().map_or_else(String::new, |g| format!("; did you mean '{g}'?")))]
    #[diagnostic(
        code(fixtool::tenant::unknown),
        help("'fixtool tenant list' shows what is registered, 'fixtool tenant init {id}' makes a tenant")
    )]
    UnknownTenant {
        /// The id.
        id: TenantId,
        /// A registered one that looks like it.
        guess: Option<String>,
    },
    /// No database of this name is configured.
    #[error("there is no database '{name}' in the configuration{}", guess.as_ref().map_or_else(String::new, |g| format!("; did you mean '{g}'?")))]
    #[diagnostic(
        code(fixtool::site::unknown_placement),
        help("name it under [databases.{name}] in fixtool.toml; 'fixtool config show' prints what is there")
    )]
    UnknownPlacement {
        /// The name.
        name: String,
        /// A configured one that looks like it.
        guess: Option<String>,
    },
    /// The tenant is suspended, so nothing is written to it.
    #[error("tenant '{id}' is suspended")]
    #[diagnostic(code(fixtool::tenant::suspended), help("run 'fixtool tenant resume {id}' first"))]
    Suspended {
        /// The id.
        id: TenantId,
    },
    /// `tenant init` was not finished.
    #[error("tenant '{id}' is not finished")]
    #[diagnostic(code(fixtool::tenant::unfinished), help("run its 'fixtool tenant init' again to finish it"))]
    Unfinished {
        /// The id.
        id: TenantId,
    },
    /// `tenant drop` was not finished.
    #[error("tenant '{id}' is being dropped")]
    #[diagnostic(code(fixtool::tenant::dropping), help("run 'fixtool tenant drop {id}' again to finish it"))]
    Dropping {
        /// The id.
        id: TenantId,
    },
}

impl Failure for SiteError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Catalog(error) => error.kind(),
            Self::Database(error) => database_failure(error),
            Self::UnknownTenant { .. } | Self::UnknownPlacement { .. } | Self::Pack(_) | Self::Version(_) => {
                FailureKind::Usage
            }
            Self::NoVersion { .. } => FailureKind::Failed,
            Self::Suspended { .. } | Self::Unfinished { .. } | Self::Dropping { .. } => FailureKind::Refused,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_transient(),
            Self::Database(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// Which kind of failure a database error is.
pub fn database_failure(error: &DatabaseError) -> FailureKind {
    match error.kind {
        DatabaseErrorKind::Unreachable => FailureKind::Unreachable,
        DatabaseErrorKind::Permission => FailureKind::Permission,
        DatabaseErrorKind::Unsupported => FailureKind::Usage,
        _ => FailureKind::Failed,
    }
}
