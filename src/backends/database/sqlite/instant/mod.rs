//! One moment of a tenant on SQLite: a reading transaction for each reader, all of the same state.
//!
//! SQLite has no snapshot that could be handed from one connection to another. So all readers begin,
//! one after the other, and then the first, who looked before all others began, looks again: if
//! nobody committed in between, they all see the same.

mod lines;
mod ranges;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::session::{Way, begin_reading, disturbed, identity};
use super::{Sqlite, introspect, translate, value};
use crate::backends::database::instant::{
    Instant, KeyBoundary, KeyRange, LinesOf, PageMark, PageRange, Range, RangeMark,
};
use crate::backends::database::quote::identifier;
use crate::backends::database::{Access, DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Model, Namespace};

/// Readers of one file at most: they share one disk.
const MOST_READERS: usize = 4;
/// Times that the readers begin anew because somebody wrote meanwhile, before one has to do.
const TRIES: u32 = 50;

/// A moment that is held open.
pub(super) struct Moment {
    taken_at: String,
    position: String,
    readers: usize,
    permits: Semaphore,
    /// Connections that see the moment and wait for work.
    idle: Mutex<Vec<SqliteConnection>>,
    /// The session's own connections to the file, if it may write.
    pool: Option<SqlitePool>,
    // Behind the connections, so that they are closed first.
    way: Way,
}

/// A connection that sees the moment, for one question.
struct Seat<'m> {
    moment: &'m Moment,
    connection: SqliteConnection,
    _permit: SemaphorePermit<'m>,
}

impl Seat<'_> {
    /// Ready for the next question; an error if what was read does not count.
    fn leave(self) -> Result<(), DatabaseError> {
        self.moment.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
        if self.moment.way.undisturbed() { Ok(()) } else { Err(disturbed()) }
    }
}

impl Sqlite {
    /// Holds a moment open.
    pub(super) async fn moment(
        &self,
        namespace: &Namespace,
        tables: &[String],
        readers: usize,
    ) -> Result<Moment, DatabaseError> {
        let pool = if self.access == Access::ReadWrite { Some(self.pool(namespace).await?) } else { None };
        keep_open(pool.as_ref()).await;
        let way = if pool.is_some() { Way::ordinary(self.file(namespace)?) } else { self.way(namespace)? };
        let readers = readers.clamp(1, MOST_READERS);
        let mut connections = Vec::with_capacity(readers);
        for _ in 0..readers {
            connections.push(way.connect().await?);
        }
        let micros = begin_alike(&mut connections).await?;
        if let Some(first) = connections.first_mut() {
            check_tables(first, tables).await?;
        }
        let readers = connections.len();
        let position = way.before.clone().map_or_else(|| identity(&way.file), Ok)?;
        if !way.undisturbed() {
            return Err(disturbed());
        }
        Ok(Moment {
            taken_at: value::timestamp(micros),
            position,
            readers,
            permits: Semaphore::new(readers),
            idle: Mutex::new(connections),
            pool,
            way,
        })
    }
}

/// A connection that only reads leaves the log behind when it goes. One that may write, and goes
/// later, folds it into the file.
async fn keep_open(pool: Option<&SqlitePool>) {
    if let Some(pool) = pool {
        // If there is none to be had, the others of the pool do the same.
        let _ = pool.acquire().await;
    }
}

/// Begins to read on all connections until they see the same, or on the first alone if the others
/// never catch up with it; tells when that was.
async fn begin_alike(connections: &mut Vec<SqliteConnection>) -> Result<i64, DatabaseError> {
    for turn in 0..=TRIES {
        if turn == TRIES {
            connections.truncate(1);
        }
        let Some((first, others)) = connections.split_first_mut() else { break };
        let before = version(first).await?;
        for other in &mut *others {
            begin_reading(other).await?;
        }
        let now = jiff::Timestamp::now().as_microsecond();
        begin_reading(first).await?;
        if others.is_empty() || version(first).await? == before {
            return Ok(now);
        }
        for connection in &mut *connections {
            sqlx::raw_sql("ROLLBACK").execute(connection).await.map_err(translate)?;
        }
    }
    Err(disturbed())
}

/// Changes for this connection whenever another one has committed.
async fn version(connection: &mut SqliteConnection) -> Result<i64, DatabaseError> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await.map_err(translate)
}

async fn check_tables(connection: &mut SqliteConnection, tables: &[String]) -> Result<(), DatabaseError> {
    for table in tables {
        let there: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE)",
        )
        .bind(table)
        .fetch_one(&mut *connection)
        .await
        .map_err(translate)?;
        if !there {
            let message = format!("there is no table {}", identifier(table));
            return Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Other, message));
        }
    }
    Ok(())
}

impl Moment {
    async fn seat(&self) -> Result<Seat<'_>, DatabaseError> {
        let permit = self.permits.acquire().await.map_err(|_| ended())?;
        let waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Seat { moment: self, connection: waiting.ok_or_else(ended)?, _permit: permit })
    }
}

/// A question that failed took its connection with it.
fn ended() -> DatabaseError {
    DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Unreachable, "the moment of the backup was let go")
}

#[async_trait]
impl Instant for Moment {
    fn taken_at(&self) -> &str {
        &self.taken_at
    }

    fn position(&self) -> &str {
        &self.position
    }

    fn readers(&self) -> usize {
        self.readers
    }

    async fn model(&self) -> Result<Model, DatabaseError> {
        let mut seat = self.seat().await?;
        let model = introspect::model(&mut seat.connection).await?;
        seat.leave()?;
        Ok(model)
    }

    async fn rows(&self, table: &str) -> Result<u64, DatabaseError> {
        let mut seat = self.seat().await?;
        let sql = format!("SELECT count(*) FROM {}", identifier(table));
        let rows: i64 =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut seat.connection).await.map_err(translate)?;
        seat.leave()?;
        Ok(rows.unsigned_abs())
    }

    async fn ranges(&self, what: &LinesOf, pieces: usize) -> Result<Vec<KeyRange>, DatabaseError> {
        let mut seat = self.seat().await?;
        let places = ranges::places(&mut seat.connection, what, pieces).await?;
        seat.leave()?;
        Ok(KeyRange::between(&places))
    }

    async fn pages(&self, tables: &[String]) -> Result<Vec<Option<Vec<PageRange>>>, DatabaseError> {
        Ok(vec![None; tables.len()])
    }

    async fn page_marks(
        &self,
        _what: &LinesOf,
        _ranges: &[PageRange],
        _since: Option<&str>,
    ) -> Result<Vec<PageMark>, DatabaseError> {
        let message = "tables of SQLite are not read by pages";
        Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Unsupported, message))
    }

    async fn lines(&self, what: &LinesOf, out: mpsc::Sender<Bytes>) -> Result<u64, DatabaseError> {
        let mut seat = self.seat().await?;
        let rows = lines::stream(&mut seat.connection, what, &out).await?;
        seat.leave()?;
        Ok(rows)
    }

    async fn marks(&self, what: &LinesOf, boundaries: &[KeyBoundary]) -> Result<Vec<RangeMark>, DatabaseError> {
        let mut seat = self.seat().await?;
        let mut marks = Vec::with_capacity(boundaries.len() + 1);
        for range in KeyRange::between(boundaries) {
            let part = LinesOf { range: Some(Range::Keys(range)), ..what.clone() };
            marks.push(lines::mark(&mut seat.connection, &part).await?);
        }
        seat.leave()?;
        Ok(marks)
    }

    async fn close(self: Arc<Self>) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            // It only read: a failure to say goodbye changes nothing.
            let _ = connection.close().await;
        }
        keep_open(self.pool.as_ref()).await;
    }
}
