//! What can go wrong with `tenant set-tier`.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::packs::PackSourceError;
use crate::backends::site::SiteError;
use crate::engine::{Failure, FailureKind};
use crate::model::quota::QuotaExceeded;
use crate::model::{TenantId, TenantStatus};

/// Why the tier was not changed.
#[derive(Debug, Error, Diagnostic)]
pub enum SetTierError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// The tenant's pack cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pack(#[from] PackSourceError),
    /// The pack has no such tier.
    #[error("the pack '{pack}' has no tier '{tier}'{}", guess.as_ref().map_or_else(String::new, |g| format!("; did you mean '{g}'?")))]
    #[diagnostic(code(fixtool::tenant::set_tier::tier), help("it has {known}"))]
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
    /// What is there does not fit into the tier.
    #[error("tenant '{id}' does not fit into the tier '{tier}': {exceeded}")]
    #[diagnostic(
        code(fixtool::tenant::set_tier::quota),
        help("choose a larger tier, or remove what is too much first")
    )]
    Quota {
        /// The tenant.
        id: TenantId,
        /// The tier.
        tier: String,
        /// Which quota, with the numbers.
        exceeded: QuotaExceeded,
    },
    /// The tenant is half made or half gone.
    #[error("tenant '{id}' is {status}")]
    #[diagnostic(
        code(fixtool::tenant::set_tier::state),
        help("'fixtool op log' shows the run that was not finished; 'fixtool op resume' finishes it")
    )]
    State {
        /// The tenant.
        id: TenantId,
        /// Its state.
        status: TenantStatus,
    },
}

impl From<DatabaseError> for SetTierError {
    fn from(error: DatabaseError) -> Self {
        Self::Site(error.into())
    }
}

impl From<CatalogError> for SetTierError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl Failure for SetTierError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::Pack(_) | Self::Tier { .. } => FailureKind::Usage,
            Self::Quota { .. } | Self::State { .. } => FailureKind::Refused,
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Site(error) if error.is_transient())
    }
}
