//! Why a safety copy was not made, or does not come back.

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::sealing::KeyError;
use crate::backends::site::SiteError;
use crate::snapshots::SnapshotError;
use crate::snapshots::error::Class;

/// Why a safety copy was not made, or does not come back.
#[derive(Debug, Error, Diagnostic)]
pub enum SafetyError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// The repository, a key, or what is stored.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Without a copy nothing is destroyed.
    #[error("no safety copy of '{tenant}' could be made, so nothing was destroyed")]
    #[diagnostic(code(fixtool::safety::not_made))]
    NotMade {
        /// The tenant.
        tenant: String,
        /// Why.
        #[source]
        reason: Box<SafetyError>,
        /// What to do.
        #[help]
        help: String,
    },
    /// The run's copy is nowhere.
    #[error("the safety copy that the run {run} made of '{tenant}' is not in {location}")]
    #[diagnostic(
        code(fixtool::safety::missing),
        help(
            "name the repository that held it in backup.path; it is kept for 30 days, and then as long as 'backup prune' lets it"
        )
    )]
    Missing {
        /// The tenant.
        tenant: String,
        /// The run.
        run: String,
        /// Where was looked.
        location: String,
    },
    /// The run's copy is sealed.
    #[error("the backups of '{tenant}' are sealed, and no key at hand opens the safety copy of the run {run}")]
    #[diagnostic(
        code(fixtool::safety::closed),
        help("name the key of an administrator in backup.identities, or set BACKUP_ENCRYPTION_KEY, and undo it again")
    )]
    Closed {
        /// The tenant.
        tenant: String,
        /// The run.
        run: String,
    },
    /// Something else is where the tenant was.
    #[error("'{tenant}' cannot come back: {what}")]
    #[diagnostic(
        code(fixtool::safety::in_the_way),
        help(
            "rename or drop what is in the way and undo again, or restore the copy under another name: 'fixtool backup list --tenant {tenant}' names it, 'fixtool backup restore SNAPSHOT --tenant NEW' makes a tenant of it"
        )
    )]
    InTheWay {
        /// The tenant.
        tenant: String,
        /// What is in the way.
        what: String,
    },
}

/// What kind of failure it is, for whoever chooses the exit code.
#[derive(Debug)]
pub enum Cause<'a> {
    /// The site says it.
    Site(&'a SiteError),
    /// The snapshots' room says it.
    Snapshot {
        /// What kind of failure it is.
        class: Class,
        /// Whether the same call may go through later by itself.
        transient: bool,
    },
}

impl SafetyError {
    /// What is at the bottom of it.
    pub fn cause(&self) -> Cause<'_> {
        match self {
            Self::Site(error) => Cause::Site(error),
            Self::Snapshot(error) => Cause::Snapshot { class: error.class(), transient: error.is_transient() },
            Self::NotMade { reason, .. } => reason.cause(),
            Self::Missing { .. } | Self::Closed { .. } => Cause::Snapshot { class: Class::Failed, transient: false },
            Self::InTheWay { .. } => Cause::Snapshot { class: Class::Refused, transient: false },
        }
    }

    /// The same, for a copy that was to be made.
    pub(super) fn not_made(self, tenant: &impl ToString) -> Self {
        let own = self.help().map(|help| format!("{help}; ")).unwrap_or_default();
        let help = format!("{own}'--no-safety-backup' goes without a copy, and then nothing brings back what is lost");
        Self::NotMade { tenant: tenant.to_string(), reason: Box::new(self), help }
    }
}

impl From<DatabaseError> for SafetyError {
    fn from(error: DatabaseError) -> Self {
        Self::Site(error.into())
    }
}

impl From<CatalogError> for SafetyError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl From<KeyError> for SafetyError {
    fn from(error: KeyError) -> Self {
        Self::Snapshot(error.into())
    }
}
