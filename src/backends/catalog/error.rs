//! What can go wrong at the catalog.

use miette::Diagnostic;
use sea_orm::DbErr;
use thiserror::Error;

use crate::backends::database::sqlite::room;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::engine::ledger::LedgerError;
use crate::engine::{Failure, FailureKind};

/// Why the catalog could not be opened, read or written.
#[derive(Debug, Error, Diagnostic)]
pub enum CatalogError {
    /// The main database could not be opened.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Connect(#[from] DatabaseError),
    /// The database that holds the catalog cannot be reached, or the connection was lost.
    #[error("the catalog cannot be reached: {0}")]
    #[diagnostic(code(fixtool::catalog::unreachable), help("run 'fixtool doctor' to check the connection"))]
    Unreachable(String),
    /// Password, certificate, privilege or file permission.
    #[error("the catalog may not be used: {0}")]
    #[diagnostic(
        code(fixtool::catalog::permission),
        help("the user needs rights on the schema 'fixtool', or to the directory of catalog.db")
    )]
    Permission(String),
    /// The disk that holds the catalog is full.
    #[error("the disk of the catalog is full: {0}")]
    #[diagnostic(code(fixtool::catalog::full), help("make room on it, then go on: 'fixtool op log' shows the runs"))]
    Full(String),
    /// Somebody else is writing, and it took too long.
    #[error("the catalog is busy: {0}")]
    #[diagnostic(code(fixtool::catalog::busy), help("run the command again; 'fixtool op log' shows who is at work"))]
    Busy(String),
    /// The database refused a statement.
    #[error("the catalog's database refused: {0}")]
    #[diagnostic(code(fixtool::catalog::database), help("run 'fixtool doctor' to check the catalog"))]
    Database(String),
    /// A migration was edited after it was applied.
    #[error("catalog migration {number} is not the one that was applied here")]
    #[diagnostic(
        code(fixtool::catalog::migration_changed),
        help("use the release of fixtool that made this catalog, or a later one")
    )]
    MigrationChanged {
        /// Its number.
        number: i32,
    },
    /// The catalog was written by a later fixtool.
    #[error(
        "the catalog was made by a newer fixtool: it has migration {found} ('{name}'), this fixtool knows {known} only"
    )]
    #[diagnostic(code(fixtool::catalog::too_new), help("install the release of fixtool that made this catalog"))]
    TooNew {
        /// The migration that is not known.
        found: i32,
        /// Its name.
        name: String,
        /// The highest one known.
        known: i32,
    },
    /// The key that signs the trail cannot be read or made.
    #[error("the key of the audit trail {} cannot be used: {reason}", .file.display())]
    #[diagnostic(
        code(fixtool::catalog::seal_key),
        help("check who may read the file and its folder; a copy of it from a backup will do")
    )]
    SealKey {
        /// Where it lies.
        file: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A row holds what fixtool never writes.
    #[error("the catalog holds something that cannot be read: {0}")]
    #[diagnostic(
        code(fixtool::catalog::damaged),
        help("run 'fixtool op verify' and restore the catalog from a backup")
    )]
    Damaged(String),
    /// A write was asked of a catalog that was opened for reading.
    #[error("the catalog was opened for reading only")]
    #[diagnostic(code(fixtool::catalog::read_only))]
    ReadOnly,
    /// A row with this key exists.
    #[error("{0} exists already")]
    #[diagnostic(code(fixtool::catalog::exists))]
    Exists(String),
    /// A row that must exist does not.
    #[error("there is no {0}")]
    #[diagnostic(code(fixtool::catalog::missing))]
    Missing(String),
    /// A short run id fits several runs.
    #[error("'{prefix}' is the beginning of several run ids")]
    #[diagnostic(code(fixtool::catalog::ambiguous_run), help("type more of the id; 'fixtool op log' shows them"))]
    AmbiguousRun {
        /// What was typed.
        prefix: String,
    },
    /// A run cannot go on.
    #[error("run {run} cannot go on: {reason}")]
    #[diagnostic(code(fixtool::op::resume), help("'fixtool op log' shows the runs that can be resumed"))]
    NotResumable {
        /// The run.
        run: String,
        /// Why not.
        reason: String,
    },
    /// The run that writes has lost its lease.
    #[error("the lease on {target} went to another run")]
    #[diagnostic(code(fixtool::lease::lost), help("'fixtool op log' shows the run that has it now"))]
    LeaseLost {
        /// The target.
        target: String,
    },
    /// The plan was carried out before.
    #[error("this plan was carried out already, by run {run}")]
    #[diagnostic(code(fixtool::plan::applied), help("a plan is carried out once; make a new one"))]
    PlanApplied {
        /// The run that did it.
        run: String,
    },
}

impl CatalogError {
    /// Whether the catalog's server answered and hung up. See [`DatabaseError::is_cut`].
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Connect(error) if error.is_cut())
    }
}

impl Failure for CatalogError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Connect(error) => match error.kind {
                DatabaseErrorKind::Unreachable | DatabaseErrorKind::Contention => FailureKind::Unreachable,
                DatabaseErrorKind::Permission => FailureKind::Permission,
                DatabaseErrorKind::Unsupported => FailureKind::Usage,
                _ => FailureKind::Failed,
            },
            Self::Unreachable(_) | Self::Busy(_) => FailureKind::Unreachable,
            Self::Permission(_) | Self::SealKey { .. } => FailureKind::Permission,
            Self::Database(_) | Self::Exists(_) | Self::Full(_) => FailureKind::Failed,
            Self::Damaged(_) | Self::MigrationChanged { .. } => FailureKind::Findings,
            Self::TooNew { .. } | Self::PlanApplied { .. } | Self::NotResumable { .. } | Self::AmbiguousRun { .. } => {
                FailureKind::Refused
            }
            Self::LeaseLost { .. } => FailureKind::Held,
            Self::Missing(_) => FailureKind::Usage,
            Self::ReadOnly => FailureKind::Bug,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_transient(),
            other => matches!(other, Self::Unreachable(_) | Self::Busy(_)),
        }
    }
}

impl From<CatalogError> for LedgerError {
    fn from(error: CatalogError) -> Self {
        Self { message: error.to_string(), kind: error.kind(), transient: error.is_transient() }
    }
}

impl From<DbErr> for CatalogError {
    fn from(error: DbErr) -> Self {
        use sea_orm::RuntimeErr;
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(e))
            | DbErr::Exec(RuntimeErr::SqlxError(e))
            | DbErr::Query(RuntimeErr::SqlxError(e)) => Self::from(e.as_ref()),
            DbErr::ConnectionAcquire(e) => Self::Unreachable(e.to_string()),
            DbErr::RecordNotFound(what) => Self::Missing(what),
            DbErr::RecordNotUpdated => Self::Missing("such row".to_owned()),
            other => Self::Database(other.to_string()),
        }
    }
}

impl From<&sqlx::Error> for CatalogError {
    fn from(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(e) => of_server(e.code().as_deref().unwrap_or_default(), e.message()),
            sqlx::Error::PoolTimedOut => Self::Unreachable("no connection became free in time".to_owned()),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unreachable(error.to_string())
            }
            sqlx::Error::Configuration(_) => Self::Database(error.to_string()),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged(error.to_string()),
            other => Self::Database(other.to_string()),
        }
    }
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(&error)
    }
}

/// Sorts a server's code: five characters are an SQLSTATE, else it is SQLite's extended result code.
fn of_server(code: &str, message: &str) -> CatalogError {
    let message = message.to_owned();
    if code.len() == 5 {
        return match code.get(..2).unwrap_or_default() {
            "08" | "57" => CatalogError::Unreachable(message),
            "53" if code == "53300" => CatalogError::Unreachable(message),
            "53" => CatalogError::Full(message),
            "28" => CatalogError::Permission(message),
            "40" | "55" => CatalogError::Busy(message),
            _ if matches!(code, "42501" | "25006") => CatalogError::Permission(message),
            _ if code == "23505" => CatalogError::Exists(message),
            _ if code == "3D000" => CatalogError::Unreachable(message),
            _ => CatalogError::Database(message),
        };
    }
    match code.parse::<i32>().unwrap_or_default() & 0xff {
        5 | 6 => CatalogError::Busy(message),
        13 => CatalogError::Full(message),
        10 | 14 => match room::full() {
            Some(folder) => CatalogError::Full(format!("{message}; no space is left in {}", folder.display())),
            None => CatalogError::Unreachable(message),
        },
        3 | 8 | 23 => CatalogError::Permission(message),
        11 | 26 => CatalogError::Damaged(message),
        19 if matches!(code, "1555" | "2067") => CatalogError::Exists(message),
        _ => CatalogError::Database(message),
    }
}
