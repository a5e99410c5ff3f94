//! One moment of a tenant on PostgreSQL: a snapshot that one transaction exports and others import.
//!
//! The transaction that exported it must stay open, so a task of its own holds it and looks after it.
//! One reader, and every reader behind a pooler in transaction mode, needs no more than a single
//! transaction, and nothing is exported.

mod condition;
mod marks;
mod pages;
mod ranges;
mod stream;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::error::translate;
use super::operators::Operators;
use super::plain::{self, Content, Family};
use super::rows::{Unfinished, run};
use super::session::lock_sql;
use super::{Postgres, code, introspect};
use crate::backends::database::instant::{Instant, KeyBoundary, KeyRange, LinesOf, PageMark, PageRange, RangeMark};
use crate::backends::database::quote::qualified;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Model, Namespace};

/// How often the transaction that holds the snapshot is looked after.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What PostgreSQL answers where a snapshot is not exported any more.
const SNAPSHOT_GONE: [&str; 3] = ["22023", "42704", "55000"];

/// A moment that is held open.
pub(super) struct Moment {
    database: Postgres,
    namespace: Namespace,
    about: About,
    readers: usize,
    permits: Semaphore,
    /// Connections that see the moment and wait for work.
    idle: Mutex<Vec<Unfinished>>,
    /// What is known of tables, by their names and the columns that are read.
    identities: Mutex<HashMap<(String, String), String>>,
    /// By which operators the keys of tables are compared, by the tables' names.
    operators: Mutex<HashMap<String, Operators>>,
    /// Tables that are read without a query, by their names.
    others: BTreeMap<String, Family>,
    /// What such a table holds in some columns, once it was read.
    contents: Mutex<HashMap<(String, String), Content>>,
    lost: CancellationToken,
    closed: CancellationToken,
}

/// What the server says of the moment.
#[derive(Debug)]
struct About {
    taken_at: String,
    position: String,
    /// Server, its timeline and database; no two histories of rows share one.
    origin: String,
    snapshot: Option<String>,
}

/// A connection that sees the moment, for one question.
struct Seat<'m> {
    moment: &'m Moment,
    open: Unfinished,
    _permit: SemaphorePermit<'m>,
}

impl Seat<'_> {
    fn connection(&mut self) -> Result<&mut PgConnection, DatabaseError> {
        self.open.0.as_deref_mut().ok_or_else(lost)
    }

    /// All was read and said: the connection is ready for the next question.
    fn leave(self) {
        self.moment.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.open);
    }
}

impl Postgres {
    /// Holds a moment open.
    pub(super) async fn moment(
        &self,
        namespace: &Namespace,
        tables: &[String],
        readers: usize,
    ) -> Result<Moment, DatabaseError> {
        let readers = readers.min(self.snapshot_readers()).max(1);
        let mut leader = Unfinished(Some(self.acquire(namespace).await?));
        let connection = leader.0.as_deref_mut().ok_or_else(lost)?;
        let (about, others) = self.begin_moment(connection, (namespace, tables), readers > 1).await?;
        let moment = Moment {
            database: self.clone(),
            namespace: namespace.clone(),
            readers,
            permits: Semaphore::new(readers),
            idle: Mutex::default(),
            identities: Mutex::default(),
            operators: Mutex::default(),
            others,
            contents: Mutex::default(),
            lost: CancellationToken::new(),
            closed: CancellationToken::new(),
            about,
        };
        if readers > 1 {
            tokio::spawn(hold(leader, moment.lost.clone(), moment.closed.clone()));
        } else {
            moment.idle.lock().unwrap_or_else(PoisonError::into_inner).push(leader);
        }
        Ok(moment)
    }

    async fn begin_moment(
        &self,
        connection: &mut PgConnection,
        (namespace, tables): (&Namespace, &[String]),
        export: bool,
    ) -> Result<(About, BTreeMap<String, Family>), DatabaseError> {
        let names: Vec<String> = tables.iter().map(|table| qualified(namespace, table)).collect();
        // The locks come before the snapshot: what is locked stays as the snapshot sees it.
        let lock = if names.is_empty() { String::new() } else { format!("{}; ", lock_sql(&names, "ACCESS SHARE")) };
        let exported = if export { "pg_catalog.pg_export_snapshot()" } else { "NULL::pg_catalog.text" };
        let sql = format!(
            "{}; {lock}SELECT pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), pg_catalog.pg_current_snapshot()::pg_catalog.text, \
             (SELECT oid::pg_catalog.text FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()), {exported}, \
             COALESCE(pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('pg_catalog.pg_control_system()')::pg_catalog.oid, \
             'EXECUTE') AND pg_catalog.has_function_privilege( \
             pg_catalog.to_regprocedure('pg_catalog.pg_control_checkpoint()')::pg_catalog.oid, 'EXECUTE'), false), ({})",
            self.begin_instant_sql(None),
            plain::look_sql(&names)
        );
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(translate)?;
        let others = plain::families(row.try_get(5).map_err(translate)?)?;
        if self.capabilities.citus {
            // It makes a query of every COPY.
            let members: Vec<String> = others.iter().flat_map(|family| family.members.clone()).collect();
            if let Some((_, why)) = code::planned(connection, &members).await?.pop_first() {
                return Err(why);
            }
        }
        let text = |at: usize| row.try_get::<String, _>(at).map_err(translate);
        let server = if row.try_get::<bool, _>(4).map_err(translate)? {
            server(connection).await?
        } else {
            "unknown".to_owned()
        };
        let origin = format!("{server}/{}", text(2)?);
        let about = About {
            taken_at: text(0)?,
            position: format!("postgres:{origin}:{}", text(1)?),
            snapshot: row.try_get(3).map_err(translate)?,
            origin,
        };
        Ok((about, others.into_iter().map(|family| (family.name.clone(), family)).collect()))
    }
}

/// The server's own number and the timeline that it writes.
async fn server(connection: &mut PgConnection) -> Result<String, DatabaseError> {
    let sql = "SELECT s.system_identifier::pg_catalog.text OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) c.timeline_id::pg_catalog.text \
               FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c";
    let row = sqlx::raw_sql(sql).fetch_one(connection).await.map_err(translate)?;
    row.try_get(0).map_err(translate)
}

/// Keeps the transaction open that exported the snapshot, until the moment is let go.
async fn hold(mut leader: Unfinished, lost: CancellationToken, closed: CancellationToken) {
    let Some(connection) = leader.0.as_deref_mut() else { return };
    loop {
        tokio::select! {
            () = closed.cancelled() => break,
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
        let beat = tokio::time::timeout(PATIENCE, run(connection, "SELECT 1".to_owned())).await;
        if !matches!(beat, Ok(Ok(()))) {
            lost.cancel();
            return;
        }
    }
    let_go(leader).await;
}

/// Ends a transaction and gives the connection back.
async fn let_go(mut open: Unfinished) {
    if let Some(connection) = open.0.as_deref_mut()
        && run(connection, "ROLLBACK".to_owned()).await.is_ok()
    {
        drop(open.0.take());
    }
}

fn lost() -> DatabaseError {
    let message = "the connection that held the moment of the backup was lost";
    DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unreachable, message)
        .with_help("nothing was changed; begin again")
}

impl Moment {
    async fn seat(&self) -> Result<Seat<'_>, DatabaseError> {
        let permit = self.permits.acquire().await.map_err(|_| lost())?;
        let waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let open = match (waiting, &self.about.snapshot) {
            (Some(open), _) => open,
            // Whoever had the only transaction broke off in the middle of an answer.
            (None, None) => return Err(lost()),
            (None, Some(snapshot)) => self.import(snapshot).await?,
        };
        Ok(Seat { moment: self, open, _permit: permit })
    }

    async fn import(&self, snapshot: &str) -> Result<Unfinished, DatabaseError> {
        let mut open = Unfinished(Some(self.database.acquire(&self.namespace).await?));
        let connection = open.0.as_deref_mut().ok_or_else(lost)?;
        let begun = run(connection, self.database.begin_instant_sql(Some(snapshot))).await;
        match begun {
            Err(error) if error.code.as_deref().is_some_and(|code| SNAPSHOT_GONE.contains(&code)) => Err(lost()),
            Err(error) => Err(error),
            Ok(()) => Ok(open),
        }
    }

    /// Breaks off as soon as the moment is lost.
    async fn while_held<T>(&self, work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
        tokio::select! {
            biased;
            () = self.lost.cancelled() => Err(lost()),
            done = work => done,
        }
    }

    /// How the keys of a table are compared.
    async fn operators(&self, connection: &mut PgConnection, table: &str) -> Result<Operators, DatabaseError> {
        let known = self.operators.lock().unwrap_or_else(PoisonError::into_inner).get(table).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = Operators::of(connection, &self.namespace, table).await?;
        let mut all = self.operators.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(table.to_owned(), found.clone());
        Ok(found)
    }

    fn table(&self, name: &str) -> String {
        qualified(&self.namespace, name)
    }

    /// A table that is read without a query.
    fn other(&self, name: &str) -> Option<&Family> {
        self.others.get(&self.table(name))
    }

    async fn structure(&self) -> Result<Model, DatabaseError> {
        let mut seat = self.seat().await?;
        let connection = seat.connection()?;
        // Settings that were made behind a savepoint go with it.
        run(connection, "SAVEPOINT structure".to_owned()).await?;
        introspect::settle(connection).await?;
        let model = introspect::model_of(connection, &self.namespace).await?;
        run(connection, "ROLLBACK TO SAVEPOINT structure".to_owned()).await?;
        seat.leave();
        Ok(model)
    }

    async fn count(&self, table: &str) -> Result<u64, DatabaseError> {
        let mut seat = self.seat().await?;
        if let Some(family) = self.other(table) {
            let rows = plain::count(seat.connection()?, family).await?;
            seat.leave();
            return Ok(rows);
        }
        let sql = format!("SELECT pg_catalog.count(*) FROM {}", self.table(table));
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(seat.connection()?).await.map_err(translate)?;
        let rows: i64 = row.try_get(0).map_err(translate)?;
        seat.leave();
        Ok(rows.unsigned_abs())
    }
}

#[async_trait]
impl Instant for Moment {
    fn taken_at(&self) -> &str {
        &self.about.taken_at
    }

    fn position(&self) -> &str {
        &self.about.position
    }

    fn readers(&self) -> usize {
        self.readers
    }

    async fn model(&self) -> Result<Model, DatabaseError> {
        self.while_held(self.structure()).await
    }

    async fn rows(&self, table: &str) -> Result<u64, DatabaseError> {
        self.while_held(self.count(table)).await
    }

    async fn ranges(&self, what: &LinesOf, pieces: usize) -> Result<Vec<KeyRange>, DatabaseError> {
        self.while_held(self.cut(what, pieces)).await
    }

    async fn pages(&self, tables: &[String]) -> Result<Vec<Option<Vec<PageRange>>>, DatabaseError> {
        self.while_held(self.grids(tables)).await
    }

    async fn page_marks(
        &self,
        what: &LinesOf,
        ranges: &[PageRange],
        since: Option<&str>,
    ) -> Result<Vec<PageMark>, DatabaseError> {
        self.while_held(self.mark_pages(what, ranges, since)).await
    }

    async fn lines(&self, what: &LinesOf, out: mpsc::Sender<Bytes>) -> Result<u64, DatabaseError> {
        self.while_held(self.stream(what, &out)).await
    }

    async fn marks(&self, what: &LinesOf, boundaries: &[KeyBoundary]) -> Result<Vec<RangeMark>, DatabaseError> {
        self.while_held(self.mark(what, boundaries)).await
    }

    async fn close(self: Arc<Self>) {
        self.closed.cancel();
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for open in idle {
            let_go(open).await;
        }
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}
