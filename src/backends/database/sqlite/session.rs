//! Reading sessions that leave no trace.
//!
//! Opening a WAL database in the ordinary way writes beside it, even for a reader: it makes `-wal`
//! and `-shm` and cannot remove them. So a session that may only read looks first who else is there:
//!
//! - Nobody (no `-shm`, an empty or no `-wal`): the file is opened as `immutable`, without locks and
//!   without files beside it. A writer may come while we read, so the file's identity is compared
//!   afterwards, and what was read from a file that changed is thrown away and read again.
//! - Somebody, or somebody was killed (`-shm` is there): it is opened with the shared memory
//!   read-only. SQLite then follows the writer's log as far as it is committed and writes nothing.
//! - A journal or log that only SQLite itself can sort out, or a writer in this very process (see
//!   `sharing.rs`): the ordinary read-only way.

use std::fs::{self, Metadata};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Sqlite as Driver, SqliteConnection, Transaction};

use super::files::{BUSY, io_error, missing};
use super::sharing::{self, Quiet};
use super::{Sqlite, translate};
use crate::backends::database::{Access, DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Namespace};

/// A transaction that reads.
pub(super) enum Reading {
    /// On a pool that may also write.
    Pooled(Transaction<'static, Driver>),
    /// On a connection of its own.
    Alone {
        /// The connection.
        connection: SqliteConnection,
        /// The file as it was before, if it was opened as one that nobody changes.
        before: Option<(PathBuf, String)>,
        /// Held while the file is open in a way that a writer of this process must not meet.
        quiet: Option<Quiet>,
    },
}

impl Deref for Reading {
    type Target = SqliteConnection;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Pooled(transaction) => transaction,
            Self::Alone { connection, .. } => connection,
        }
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Pooled(transaction) => transaction,
            Self::Alone { connection, .. } => connection,
        }
    }
}

impl Reading {
    /// Ends the session. `false` if the file changed meanwhile, so that nothing that was read counts.
    pub(super) async fn finish(self) -> Result<bool, DatabaseError> {
        match self {
            Self::Pooled(transaction) => {
                transaction.rollback().await.map_err(translate)?;
                Ok(true)
            }
            Self::Alone { connection, before, quiet } => {
                connection.close().await.map_err(translate)?;
                drop(quiet);
                Ok(before.is_none_or(|(file, before)| identity(&file).is_ok_and(|now| now == before)))
            }
        }
    }
}

/// The file changed under a reader who took no lock.
pub(super) fn disturbed() -> DatabaseError {
    DatabaseError::new(
        Engine::Sqlite,
        DatabaseErrorKind::Contention,
        "another program changed the file while it was read",
    )
}

impl Sqlite {
    /// Begins to read a namespace.
    pub(super) async fn read(&self, namespace: &Namespace) -> Result<Reading, DatabaseError> {
        if self.access == Access::ReadWrite {
            let transaction = self.pool(namespace).await?.begin_with("BEGIN").await.map_err(translate)?;
            return Ok(Reading::Pooled(transaction));
        }
        let mut way = self.way(namespace)?;
        let connection = way.open().await?;
        let before = way.before.map(|identity| (way.file, identity));
        Ok(Reading::Alone { connection, before, quiet: way.quiet })
    }

    /// How a file is to be read now, so that no trace is left.
    pub(super) fn way(&self, namespace: &Namespace) -> Result<Way, DatabaseError> {
        let file = self.file(namespace)?;
        if !file.is_file() {
            return Err(missing(namespace));
        }
        let identity = identity(&file)?;
        let quiet = sharing::quiet(&file);
        let busy = length(&beside(&file, "-wal")) > 0 || length(&beside(&file, "-journal")) > 0;
        let parameters = match (&quiet, beside(&file, "-shm").exists(), busy) {
            (Some(_), true, _) => FOLLOWING,
            (Some(_), false, false) => IMMUTABLE,
            _ => "",
        };
        let before = (parameters == IMMUTABLE).then_some(identity);
        Ok(Way { file, parameters, before, quiet })
    }
}

const FOLLOWING: &str = "?readonly_shm=1";
const IMMUTABLE: &str = "?immutable=1";

/// How a file is read.
pub(super) struct Way {
    /// The file.
    pub(super) file: PathBuf,
    parameters: &'static str,
    /// The file as it was before, if it is opened as one that nobody changes.
    pub(super) before: Option<String>,
    /// Held while the file is open in a way that a writer of this process must not meet.
    pub(super) quiet: Option<Quiet>,
}

impl Way {
    /// The ordinary way, for whoever may write.
    pub(super) fn ordinary(file: PathBuf) -> Self {
        Self { file, parameters: "", before: None, quiet: None }
    }

    /// Opens the file, and begins to read.
    async fn open(&mut self) -> Result<SqliteConnection, DatabaseError> {
        match open(&self.file, self.parameters).await {
            // The writer may have gone, and its files with it, between our look and our open.
            Err(_) if self.parameters == FOLLOWING => {
                self.parameters = "";
                open(&self.file, self.parameters).await
            }
            other => other,
        }
    }

    /// Opens the file without reading yet.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, DatabaseError> {
        connect(&self.file, self.parameters).await
    }

    /// Whether the file is still as it was before, where nothing else would tell.
    pub(super) fn undisturbed(&self) -> bool {
        self.before.as_ref().is_none_or(|before| identity(&self.file).is_ok_and(|now| now == *before))
    }
}

async fn connect(file: &Path, parameters: &str) -> Result<SqliteConnection, DatabaseError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    let path: String = file.as_os_str().as_encoded_bytes().iter().copied().map(one).collect();
    SqliteConnectOptions::new()
        .filename(format!("file:{path}{parameters}"))
        .read_only(true)
        .busy_timeout(BUSY)
        .pragma("query_only", "ON")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
        .connect()
        .await
        .map_err(translate)
}

async fn open(file: &Path, parameters: &str) -> Result<SqliteConnection, DatabaseError> {
    let mut connection = connect(file, parameters).await?;
    begin_reading(&mut connection).await?;
    Ok(connection)
}

/// Everything that is read from here on is of one state of the file.
pub(super) async fn begin_reading(connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
    // The first read is what opens the log.
    for sql in ["BEGIN", "SELECT count(*) FROM sqlite_schema"] {
        sqlx::raw_sql(sql).execute(&mut *connection).await.map_err(translate)?;
    }
    Ok(())
}

/// A file beside the database's: its log, its shared memory, its journal.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}

/// What changes when the content may have changed: the file itself, and its log where that holds
/// something.
pub(super) fn identity(file: &Path) -> Result<String, DatabaseError> {
    let of = |metadata: &Metadata| {
        format!(
            "{:x}.{:x}.{:x}.{:x}.{:x}.{:x}.{:x}",
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec()
        )
    };
    let own = of(&fs::metadata(file).map_err(|error| io_error(file, &error))?);
    let log = fs::metadata(beside(file, "-wal")).ok().filter(|log| log.len() > 0);
    Ok(format!("sqlite:{own}:{}", log.as_ref().map_or_else(String::new, of)))
}
