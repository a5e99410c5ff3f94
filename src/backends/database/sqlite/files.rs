//! The tenants' files: which are open, and how one is opened for writing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite as Driver, Transaction};
use tokio::sync::Mutex;

use super::room;
use super::sharing::{self, Writing};
use super::{Sqlite, translate};
use crate::backends::database::{Access, Capabilities, DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Namespace};

/// Files that are kept open at once; the one that was not used for the longest time is closed.
const MOST_OPEN: usize = 32;
/// Most connections to one file: SQLite has one writer, and a few readers are plenty.
const MOST_CONNECTIONS: u32 = 4;
/// How long a statement waits for another writer of the file.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Pools of the files that are open for writing, the latest used last.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    pools: Mutex<Vec<OpenFile>>,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    pool: SqlitePool,
    writing: Writing,
}

impl OpenFile {
    /// Waits until every connection is closed; the last one folds the log into the file.
    async fn close(self) {
        self.pool.close().await;
        drop(self.writing);
    }
}

impl Sqlite {
    /// The file of a namespace, whether it exists or not.
    pub(crate) fn file(&self, namespace: &Namespace) -> Result<PathBuf, DatabaseError> {
        let file = self.address.file_of(namespace).ok_or_else(|| {
            let message = format!("the namespace '{}' cannot be the name of a file", shown(namespace));
            DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Unsupported, message)
        })?;
        // SQLite takes a path that begins with "file:" for a URI; an absolute one never does.
        std::path::absolute(&file).map_err(|error| io_error(&file, &error))
    }

    /// The pool of a namespace's file, opened for writing. The file must exist.
    pub(crate) async fn pool(&self, namespace: &Namespace) -> Result<SqlitePool, DatabaseError> {
        if self.access == Access::ReadOnly {
            let message = "the session may only read";
            return Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Permission, message));
        }
        let file = self.file(namespace)?;
        let mut pools = self.files.pools.lock().await;
        if let Some(place) = pools.iter().position(|open| open.path == file) {
            let entry = pools.remove(place);
            let pool = entry.pool.clone();
            pools.push(entry);
            return Ok(pool);
        }
        self.settle(namespace)?;
        room::remember(&file);
        if !file.is_file() {
            return Err(missing(namespace));
        }
        let writing = sharing::write(&file).await?;
        let pool = SqlitePoolOptions::new()
            .max_connections(self.limits.pool_size.clamp(1, MOST_CONNECTIONS))
            .acquire_timeout(self.limits.connect.max(BUSY))
            .connect_with(for_writing(&file))
            .await
            .map_err(translate)?;
        if self.fenced.0.is_some() {
            // Whoever had the lease before may stand right before its COMMIT.
            let barrier = pool.begin_with("BEGIN IMMEDIATE").await.map_err(translate)?;
            barrier.rollback().await.map_err(translate)?;
        }
        if pools.len() >= MOST_OPEN {
            // Whoever still works with it keeps it open meanwhile.
            tokio::spawn(pools.remove(0).close());
        }
        pools.push(OpenFile { path: file, pool: pool.clone(), writing });
        Ok(pool)
    }

    /// Begins a transaction that holds the file's only write lock from the start, so that it can
    /// never fail in the middle because somebody else wrote first.
    pub(crate) async fn begin(&self, namespace: &Namespace) -> Result<Transaction<'static, Driver>, DatabaseError> {
        self.pool(namespace).await?.begin_with("BEGIN IMMEDIATE").await.map_err(translate)
    }

    /// Commits what was written, if the run still has its lease.
    pub(super) async fn commit(&self, transaction: Transaction<'_, Driver>) -> Result<(), DatabaseError> {
        self.stands().await?;
        transaction.commit().await.map_err(translate)
    }

    /// Whether the run still has its lease, for whoever holds the file's write lock and is about to commit.
    pub(super) async fn stands(&self) -> Result<(), DatabaseError> {
        match &self.fenced.0 {
            Some(fence) => fence.stands(Engine::Sqlite).await,
            None => Ok(()),
        }
    }

    /// Closes one file, so that it can be moved or removed.
    pub(crate) async fn close_file(&self, file: &Path) {
        let open = {
            let mut pools = self.files.pools.lock().await;
            pools.iter().position(|open| open.path == file).map(|place| pools.remove(place))
        };
        if let Some(open) = open {
            open.close().await;
        }
    }

    /// Closes all files: their WALs are folded in and vanish.
    pub(crate) async fn close_all(&self) {
        let all: Vec<OpenFile> = self.files.pools.lock().await.drain(..).collect();
        for open in all {
            open.close().await;
        }
    }
}

/// How a file is opened for writing.
fn for_writing(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // A batch that was reported as durable must survive a loss of power.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

/// What the linked library can do.
pub(super) async fn capabilities() -> Result<Capabilities, DatabaseError> {
    let options = SqliteConnectOptions::new().in_memory(true).disable_statement_logging();
    let mut connection = options.connect().await.map_err(translate)?;
    let version: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.map_err(translate)?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let mut next = || parts.next().unwrap_or_default();
    let version_number = next() * 1_000_000 + next() * 1_000 + next();
    Ok(Capabilities {
        version,
        version_number,
        transaction_pooler: false,
        citus: false,
        tls: false,
        may_create_namespaces: true,
        may_create_roles: false,
        notices_hangups: false,
    })
}

/// The error for a namespace without a file.
pub(super) fn missing(namespace: &Namespace) -> DatabaseError {
    let message = format!("there is no namespace '{}'", shown(namespace));
    DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Unsupported, message)
        .with_help("make the tenant first: 'fixtool tenant init ID'")
}

/// An error of the file system.
pub(super) fn io_error(path: &Path, error: &io::Error) -> DatabaseError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => DatabaseErrorKind::Permission,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DatabaseErrorKind::Full,
        io::ErrorKind::NotFound => DatabaseErrorKind::Unreachable,
        _ => DatabaseErrorKind::Other,
    };
    DatabaseError::new(Engine::Sqlite, kind, format!("{}: {error}", path.display()))
}

fn shown(namespace: &Namespace) -> String {
    namespace.as_str().chars().take(60).flat_map(char::escape_debug).collect()
}
