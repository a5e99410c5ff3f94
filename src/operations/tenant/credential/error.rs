//! What can go wrong with a credential.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::sealing::SealingError;
use crate::backends::site::SiteError;
use crate::engine::{Failure, FailureKind};
use crate::model::TenantId;

/// Why a credential was not stored.
#[derive(Debug, Error, Diagnostic)]
pub enum CredentialError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// It could not be sealed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sealing(#[from] SealingError),
    /// A name is not plain.
    #[error("'{shown}' is not the name of an integration or a credential")]
    #[diagnostic(code(fixtool::tenant::credential::name), help("a name is 1 to 60 of a-z, 0-9, '_' and '-'"))]
    Name {
        /// The text, shortened.
        shown: String,
    },
    /// It exists.
    #[error("tenant '{id}' has the credential '{key}' already, generation {generation}")]
    #[diagnostic(
        code(fixtool::tenant::credential::exists),
        help("give it a new value with 'fixtool tenant credential rotate'")
    )]
    Exists {
        /// The tenant.
        id: TenantId,
        /// Its name.
        key: String,
        /// Its generation.
        generation: u64,
    },
    /// It does not exist.
    #[error("tenant '{id}' has no credential '{key}'")]
    #[diagnostic(
        code(fixtool::tenant::credential::missing),
        help("set it with 'fixtool tenant credential set'; 'fixtool tenant credential list {id}' shows what is there")
    )]
    Missing {
        /// The tenant.
        id: TenantId,
        /// Its name.
        key: String,
    },
    /// The secret was not given.
    #[error("the secret was not given")]
    #[diagnostic(
        code(fixtool::tenant::credential::no_secret),
        help("a plan and the ledger never hold a secret: give it again with --file, in a new command")
    )]
    NoSecret,
    /// The secret is empty.
    #[error("the secret is empty")]
    #[diagnostic(
        code(fixtool::tenant::credential::empty),
        help("write it to standard input, or name a file with --file")
    )]
    Empty,
    /// The secret is too long.
    #[error("the secret is longer than 64 KiB")]
    #[diagnostic(code(fixtool::tenant::credential::too_long))]
    TooLong,
    /// The secret cannot be read.
    #[error("the secret cannot be read from {from}: {reason}")]
    #[diagnostic(code(fixtool::tenant::credential::unreadable))]
    Unreadable {
        /// Where from.
        from: String,
        /// Why.
        reason: String,
    },
}

impl From<CatalogError> for CredentialError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl Failure for CredentialError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::Sealing(_) => FailureKind::Failed,
            Self::Exists { .. } => FailureKind::Refused,
            _ => FailureKind::Usage,
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Site(error) if error.is_transient())
    }
}
