//! What can go wrong with a backup.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::catalog::CatalogError;
use crate::backends::database::DatabaseError;
use crate::backends::sealing::KeyError;
use crate::backends::site::SiteError;
use crate::backends::storage::StorageError;
use crate::engine::{Failure, FailureKind, LedgerError};
use crate::snapshots::SnapshotError;
use crate::snapshots::error::Class;
use crate::snapshots::safety::{Cause, SafetyError};

/// Why a backup was not made, read or restored.
#[derive(Debug, Error, Diagnostic)]
pub enum BackupError {
    /// Catalog, database or configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),
    /// The log of operations cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),
    /// The repository, a key, or what is stored.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The safety copy.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Safety(#[from] SafetyError),
    /// An increment needs something to rest on.
    #[error("there is no backup of '{tenant}' on which an increment could rest")]
    #[diagnostic(code(fixtool::backup::create::no_parent), help("make a full one first: leave --backup-type out"))]
    NoParent {
        /// The tenant.
        tenant: String,
    },
    /// The tenant holds far less than it did.
    #[error("the snapshot {snapshot} was made; '{tenant}' has {now} rows, and the last backup has {before}")]
    #[diagnostic(
        code(fixtool::backup::create::few_rows),
        help(
            "if that is right, nothing is to be done, and a lower --min-rows-ratio says so from now on; the last backup is kept"
        )
    )]
    FewRows {
        /// The tenant.
        tenant: String,
        /// The snapshot that was made.
        snapshot: String,
        /// Rows now.
        now: u64,
        /// Rows then.
        before: u64,
    },
    /// A backup without structure makes no tenant.
    #[error("the snapshot {id} holds {holds} alone, and a tenant needs structure and rows")]
    #[diagnostic(
        code(fixtool::backup::restore::partial),
        help(
            "choose a whole one: 'fixtool backup list'; where the tenant lives, --tables brings single tables back into it"
        )
    )]
    NotWhole {
        /// The snapshot.
        id: String,
        /// What it holds.
        holds: String,
    },
    /// There is no backup of that tenant.
    #[error("there is no backup of '{tenant}'")]
    #[diagnostic(code(fixtool::backup::none), help("make one: fixtool backup create --tenant {tenant}"))]
    None {
        /// The tenant.
        tenant: String,
    },
    /// The pack that the tenant needs is another one here.
    #[error("the pack '{pack}' of the snapshot has no version {version} here")]
    #[diagnostic(
        code(fixtool::backup::restore::pack),
        help("copy the pack's folder to the one that 'fixtool config show paths.packs' names")
    )]
    Pack {
        /// The pack.
        pack: String,
        /// The version.
        version: String,
    },
    /// A tenant cannot change its place by being restored.
    #[error("'{tenant}' does not live on '{placement}'")]
    #[diagnostic(
        code(fixtool::backup::restore::placement),
        help("leave --on out, or restore it under another name with --tenant")
    )]
    OtherPlacement {
        /// The tenant.
        tenant: String,
        /// The database that was named.
        placement: String,
    },
    /// The fresh namespace is in the way of itself.
    #[error("the namespace '{namespace}' exists already")]
    #[diagnostic(
        code(fixtool::backup::restore::in_the_way),
        help("adopt it with 'fixtool tenant adopt', drop it, or restore under another name with --tenant")
    )]
    InTheWay {
        /// The namespace.
        namespace: String,
    },
    /// Nothing would be kept, which nobody means.
    #[error("no rule says what is to be kept of the backups of '{tenant}'")]
    #[diagnostic(
        code(fixtool::backup::prune::no_policy),
        help("say what to keep, such as --keep-daily 7 --keep-weekly 4, or set BACKUP_RETENTION_DAYS")
    )]
    NoPolicy {
        /// The tenant.
        tenant: String,
    },
    /// What is stored is not what was taken.
    #[error("the snapshot {snapshot} is damaged: {}", problems.join("; "))]
    #[diagnostic(
        code(fixtool::backup::verify::damage),
        help("make a new backup at once, and keep this one: what is whole in it can still be restored")
    )]
    Damage {
        /// Which.
        snapshot: String,
        /// What is wrong with it.
        problems: Vec<String>,
    },
    /// An archive of another tenant than the one that was named.
    #[error("{} holds a snapshot of '{tenant}'", path.display())]
    #[diagnostic(code(fixtool::backup::verify::other_tenant), help("leave --tenant out, or name another archive"))]
    NotOf {
        /// The archive.
        path: PathBuf,
        /// Whose it is.
        tenant: String,
    },
    /// The living tenant is not as it was.
    #[error("the living tenant differs from {snapshot}: {}", differences.join("; "))]
    #[diagnostic(
        code(fixtool::backup::verify::moved),
        help("a tenant that is written to moves on; 'fixtool backup verify --level data' looks at the snapshot alone")
    )]
    Moved {
        /// The snapshot.
        snapshot: String,
        /// In which tables.
        differences: Vec<String>,
    },
    /// A file that exists is not overwritten.
    #[error("'{}' exists already", path.display())]
    #[diagnostic(code(fixtool::backup::exists), help("name another file, or remove it"))]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("'{}' cannot be written: {reason}", path.display())]
    #[diagnostic(code(fixtool::backup::file), help("check the space and the rights in its folder"))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl From<DatabaseError> for BackupError {
    fn from(error: DatabaseError) -> Self {
        Self::Site(error.into())
    }
}

impl From<CatalogError> for BackupError {
    fn from(error: CatalogError) -> Self {
        Self::Site(error.into())
    }
}

impl From<KeyError> for BackupError {
    fn from(error: KeyError) -> Self {
        Self::Snapshot(error.into())
    }
}

impl From<StorageError> for BackupError {
    fn from(error: StorageError) -> Self {
        Self::Snapshot(error.into())
    }
}

fn kind_of(class: Class) -> FailureKind {
    match class {
        Class::Usage => FailureKind::Usage,
        Class::Refused => FailureKind::Refused,
        Class::Permission => FailureKind::Permission,
        Class::Unreachable => FailureKind::Unreachable,
        Class::Findings => FailureKind::Findings,
        Class::Failed => FailureKind::Failed,
    }
}

impl Failure for BackupError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::Ledger(error) => error.kind(),
            Self::Snapshot(error) => kind_of(error.class()),
            Self::Safety(error) => match error.cause() {
                Cause::Site(error) => error.kind(),
                Cause::Snapshot { class, .. } => kind_of(class),
            },
            Self::None { .. } | Self::NotOf { .. } => FailureKind::Usage,
            Self::FewRows { .. } | Self::Damage { .. } | Self::Moved { .. } => FailureKind::Findings,
            Self::NoPolicy { .. }
            | Self::NoParent { .. }
            | Self::NotWhole { .. }
            | Self::Pack { .. }
            | Self::InTheWay { .. }
            | Self::OtherPlacement { .. }
            | Self::Exists { .. } => FailureKind::Refused,
            Self::File { .. } => FailureKind::Failed,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Site(error) => error.is_transient(),
            Self::Ledger(error) => error.is_transient(),
            Self::Snapshot(error) => error.is_transient(),
            Self::Safety(error) => match error.cause() {
                Cause::Site(error) => error.is_transient(),
                Cause::Snapshot { transient, .. } => transient,
            },
            _ => false,
        }
    }
}
