//! What can go wrong with `tenant init`.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::packs::PackSourceError;
use crate::backends::site::SiteError;
use crate::engine::{Failure, FailureKind};
use crate::model::pack::UnknownVersion;
use crate::model::quota::QuotaExceeded;
use crate::model::{Namespace, TenantId};
use crate::operations::tenant::fixtures::FixtureError;

/// Why a tenant cannot be made.
#[derive(Debug, Error, Diagnostic)]
pub enum InitError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// The pack cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pack(#[from] PackSourceError),
    /// The pack has no such version.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Version(#[from] UnknownVersion),
    /// First data or the administrator's address is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fixture(#[from] FixtureError),
    /// The pack has no such tier.
    #[error("the pack '{pack}' has no tier '{tier}'{}", guess.as_ref().map_or_else(String::new, |g| format!("; did you mean '{g}'?")))]
    #[diagnostic(code(fixtool::tenant::init::tier), help("it has {known}"))]
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
    /// A tenant of this id exists and is different.
    #[error("tenant '{id}' exists already with {there}, not {wanted}")]
    #[diagnostic(code(fixtool::tenant::init::exists), help("{help}"))]
    Exists {
        /// The id.
        id: TenantId,
        /// What it is.
        there: String,
        /// What was asked for.
        wanted: String,
        /// The command that changes it.
        help: String,
    },
    /// The namespace is there, and no tenant of the registry.
    #[error("'{namespace}' exists on '{placement}' and belongs to no registered tenant")]
    #[diagnostic(
        code(fixtool::tenant::init::occupied),
        help("take it over with 'fixtool tenant adopt {namespace} --as {id}', or choose another id")
    )]
    Occupied {
        /// The namespace.
        namespace: Namespace,
        /// The placement.
        placement: String,
        /// The id.
        id: TenantId,
    },
    /// Another tenant has the namespace.
    #[error("'{namespace}' on '{placement}' belongs to tenant '{owner}'")]
    #[diagnostic(
        code(fixtool::tenant::init::taken),
        help("choose another id; 'fixtool tenant list' shows what is there")
    )]
    Taken {
        /// The namespace.
        namespace: Namespace,
        /// The placement.
        placement: String,
        /// Whose it is.
        owner: TenantId,
    },
    /// The user may not make schemas.
    #[error("the database user may not make schemas on '{placement}'")]
    #[diagnostic(
        code(fixtool::tenant::init::permission),
        help("let an administrator run: GRANT CREATE ON DATABASE … TO the user of the address")
    )]
    MayNotCreate {
        /// The placement.
        placement: String,
    },
    /// The first data does not fit into the tier.
    #[error("the first data does not fit into the tier '{tier}': {exceeded}")]
    #[diagnostic(code(fixtool::tenant::init::quota), help("choose a larger tier, or go without --initialize-data"))]
    Quota {
        /// The tier.
        tier: String,
        /// Which quota, with the numbers.
        exceeded: QuotaExceeded,
    },
    /// The pack does not say how an administrator is made.
    #[error("the pack '{pack}' does not say how an administrator is made")]
    #[diagnostic(
        code(fixtool::tenant::init::no_admin),
        help("go without --admin-email, or add 'admin:' to its pack.yaml")
    )]
    NoAdmin {
        /// The pack.
        pack: String,
    },
    /// The namespace has other tables than the plan would make.
    #[error("'{namespace}' holds tables that this run did not make")]
    #[diagnostic(
        code(fixtool::tenant::init::foreign_tables),
        help("drop the tenant with 'fixtool tenant drop', or adopt what is there")
    )]
    ForeignTables {
        /// The namespace.
        namespace: Namespace,
    },
    /// The pack was changed since the plan was made.
    #[error("the pack '{pack}' was changed since the plan was made")]
    #[diagnostic(code(fixtool::tenant::init::pack_changed), help("make a new plan"))]
    PackChanged {
        /// The pack.
        pack: String,
    },
}

impl From<DatabaseError> for InitError {
    fn from(error: DatabaseError) -> Self {
        Self::Site(error.into())
    }
}

impl From<CatalogError> for InitError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl Failure for InitError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::Pack(_) | Self::Version(_) | Self::Tier { .. } | Self::Fixture(_) | Self::NoAdmin { .. } => {
                FailureKind::Usage
            }
            Self::MayNotCreate { .. } => FailureKind::Permission,
            Self::Exists { .. }
            | Self::Occupied { .. }
            | Self::Taken { .. }
            | Self::Quota { .. }
            | Self::ForeignTables { .. }
            | Self::PackChanged { .. } => FailureKind::Refused,
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Site(error) if error.is_transient())
    }
}
