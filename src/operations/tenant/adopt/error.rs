//! What can go wrong with `tenant adopt`.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::packs::PackSourceError;
use crate::backends::site::SiteError;
use crate::engine::{Failure, FailureKind};
use crate::model::pack::UnknownVersion;
use crate::model::{Namespace, TenantId, Version};

/// Why the namespace was not taken over.
#[derive(Debug, Error, Diagnostic)]
pub enum AdoptError {
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
    /// The pack has no such tier.
    #[error("the pack '{pack}' has no tier '{tier}'{}", guess.as_ref().map_or_else(String::new, |g| format!("; did you mean '{g}'?")))]
    #[diagnostic(code(fixtool::tenant::adopt::tier), help("it has {known}"))]
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
    /// There is no such namespace.
    #[error("there is no '{namespace}' on '{placement}'")]
    #[diagnostic(
        code(fixtool::tenant::adopt::missing),
        help("name a schema of the database, or on SQLite a file in the folder of the tenants without its '.db'")
    )]
    Missing {
        /// The namespace.
        namespace: Namespace,
        /// The placement.
        placement: String,
    },
    /// The id is in use.
    #[error("there is a tenant '{id}' already")]
    #[diagnostic(
        code(fixtool::tenant::adopt::taken),
        help("choose another id; 'fixtool tenant list' shows what is there")
    )]
    Taken {
        /// The id.
        id: TenantId,
    },
    /// Another tenant has the namespace.
    #[error("'{namespace}' belongs to tenant '{owner}'")]
    #[diagnostic(code(fixtool::tenant::adopt::owned), help("'fixtool tenant show {owner}' tells more"))]
    Owned {
        /// The namespace.
        namespace: Namespace,
        /// Whose it is.
        owner: TenantId,
    },
    /// What is there bears names that are fixtool's own.
    #[error(
        "names that begin with '_fixtool_' are fixtool's own, and in '{namespace}' something else bears them:\n{strange}"
    )]
    #[diagnostic(
        code(fixtool::tenant::adopt::own_names),
        help(
            "nothing was changed; look at who made these and what they are for, then rename or drop them, \
             and adopt again: fixtool makes its own tables itself"
        )
    )]
    OwnNames {
        /// The namespace.
        namespace: Namespace,
        /// What they are, a line each.
        strange: String,
    },
    /// The structure is that of no version.
    #[error("'{namespace}' has the structure of no version of '{pack}'; nearest is {version}:\n{differences}")]
    #[diagnostic(
        code(fixtool::tenant::adopt::differs),
        help(
            "'--version {version}' takes it for that version all the same; 'fixtool pack introspect' writes a pack of it"
        )
    )]
    Differs {
        /// The namespace.
        namespace: Namespace,
        /// The pack.
        pack: String,
        /// The version that comes nearest.
        version: Version,
        /// What is different, a line each.
        differences: String,
    },
}

impl From<DatabaseError> for AdoptError {
    fn from(error: DatabaseError) -> Self {
        Self::Site(error.into())
    }
}

impl From<CatalogError> for AdoptError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl Failure for AdoptError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::Pack(_) | Self::Version(_) | Self::Tier { .. } | Self::Missing { .. } => FailureKind::Usage,
            Self::Taken { .. } | Self::Owned { .. } | Self::OwnNames { .. } | Self::Differs { .. } => {
                FailureKind::Refused
            }
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Site(error) if error.is_transient())
    }
}
