//! The bare road: an empty table is loaded by COPY before its indexes and constraints, which are
//! then built, all in one transaction.
//!
//! Measured on two cores: COPY into the finished table takes twice as long as COPY and then the
//! indexes, since a B-tree that is built from sorted rows costs a fraction of one that is grown.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::Postgres;
use super::super::as_owner::Hand;
use super::super::code::{Effect, Road};
use super::super::counters;
use super::super::error::translate;
use super::super::own;
use super::super::rebuild::{self, Rebuild};
use super::Target;
use super::copying::{Copying, encoding};
use super::isolate::{self, HELD, Work};
use super::probes::{POSITION, STAGE};
use super::{checkpoint, joined, merge, probes, wrong_form};
use crate::backends::database::load::copy_binary;
use crate::backends::database::load::positions::Positions;
use crate::backends::database::load::{EncodedRows, Encoding, LoadSession, Refused, RowBatch, Written};
use crate::backends::database::quote::{list, qualified};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Chunks of COPY text on their way to the server: enough to keep it busy, and no more.
const CHUNKS_IN_FLIGHT: usize = 4;

/// Bytes that are taken back and tried again when one of their rows cannot be read, where such rows are rejected.
const TRIED_AT_ONCE: usize = 2 << 20;

/// A bare load in progress; the connection lives in a task of its own, so that a dropped session
/// rolls back by itself.
pub struct BareLoad {
    sender: Option<mpsc::Sender<Message>>,
    task: JoinHandle<Result<Written, DatabaseError>>,
    encoding: Encoding,
}

enum Message {
    Rows(Vec<u64>, Bytes),
    Finish,
}

/// Begins a bare load; `None` when the table is not empty any more.
pub async fn begin(database: &Postgres, spec: &Target) -> Result<Option<BareLoad>, DatabaseError> {
    let table = qualified(&spec.namespace, &spec.table);
    let mut connection = database.acquire(&spec.namespace).await?;
    run(&mut connection, &database.begin_sql()).await?;
    match prepare(&mut connection, spec, &table).await {
        Ok(Some((rebuild, encoding))) => {
            let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
            let binary = matches!(encoding, Encoding::CopyBinary { .. });
            let copying = Copying::into((&table, &spec.table), spec.columns.clone(), binary);
            let (positions, refused) = (Positions::default(), Vec::new());
            let (database, spec) = (database.clone(), spec.clone());
            let job = Job { database, spec, table, rebuild, positions, refused, copying, binary };
            let task = tokio::spawn(job.carry_out(connection, receiver));
            Ok(Some(BareLoad { sender: Some(sender), task, encoding }))
        }
        Ok(None) => {
            run(&mut connection, "ROLLBACK").await?;
            Ok(None)
        }
        Err(error) => {
            // The first error is the one to tell; a connection that cannot roll back is not used again.
            if run(&mut connection, "ROLLBACK").await.is_err() {
                drop(connection.detach());
            }
            Err(error)
        }
    }
}

async fn prepare(
    connection: &mut PgConnection,
    spec: &Target,
    table: &str,
) -> Result<Option<(Rebuild, Encoding)>, DatabaseError> {
    own::hold(connection, &spec.namespace).await?;
    run(connection, &format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await?;
    // What a tenant's owner hung on the table would run with our rights.
    let road = Road::for_tables(connection, &[table.to_owned()], Effect::Writes).await?;
    if road != Road::Direct || !is_plain(connection, table).await? {
        return Ok(None);
    }
    let filled: bool = sqlx::query_scalar(AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {table})")))
        .fetch_one(&mut *connection)
        .await
        .map_err(translate)?;
    if filled {
        return Ok(None);
    }
    let encoding = encoding(connection, spec, table).await?;
    let rebuild = rebuild::of(connection, &spec.namespace, &spec.table).await?;
    for statement in &rebuild.drop {
        run(connection, statement).await?;
    }
    // A new file for the table: rows then lie in the order in which they are sent, which is how a
    // row that a constraint refuses is traced to its record.
    run(connection, &format!("TRUNCATE {table}")).await?;
    // Sorting for the indexes in one pass; the default of 64 MB spills a million e-mail addresses.
    run(connection, "SET LOCAL maintenance_work_mem = '256MB'").await?;
    Ok(Some((rebuild, encoding)))
}

/// Whether rows of the table lie in one file in the order in which they come, and nothing but
/// constraints looks at them: no partitions, no triggers, no rules.
async fn is_plain(connection: &mut PgConnection, table: &str) -> Result<bool, DatabaseError> {
    sqlx::query_scalar(
        "SELECT c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT c.relispartition AND NOT c.relhasrules AND NOT c.relhassubclass \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT t.tgisinternal) \
         FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass",
    )
    .bind(table)
    .fetch_one(connection)
    .await
    .map_err(translate)
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop).map_err(translate)
}

struct Job {
    database: Postgres,
    spec: Target,
    table: String,
    rebuild: Rebuild,
    positions: Positions,
    refused: Vec<Refused>,
    copying: Copying,
    binary: bool,
}

impl Job {
    async fn carry_out(
        mut self,
        mut connection: PoolConnection<sqlx::Postgres>,
        receiver: mpsc::Receiver<Message>,
    ) -> Result<Written, DatabaseError> {
        match self.in_transaction(&mut connection, receiver).await {
            Ok(Some(written)) if self.spec.reject || written.refused.is_empty() => {
                run(&mut connection, "COMMIT").await?;
                // Statistics are a courtesy to the queries that follow: the load stands without them.
                if let Err(error) = run(&mut connection, &format!("ANALYZE {}", self.table)).await {
                    tracing::warn!(table = self.spec.table, %error, "the table was not analysed");
                }
                Ok(written)
            }
            Ok(written) => {
                run(&mut connection, "ROLLBACK").await?;
                Ok(written.unwrap_or_default())
            }
            Err(error) => {
                if run(&mut connection, "ROLLBACK").await.is_err() {
                    drop(connection.detach().close_hard().await);
                }
                Err(error)
            }
        }
    }

    /// `None` when the session was dropped before its end.
    async fn in_transaction(
        &mut self,
        connection: &mut PgConnection,
        receiver: mpsc::Receiver<Message>,
    ) -> Result<Option<Written>, DatabaseError> {
        let is_whole = if self.spec.reject {
            self.copy_what_goes(connection, receiver).await?
        } else {
            self.copy(connection, receiver).await?
        };
        if !is_whole {
            return Ok(None);
        }
        if self.spec.reject || self.refused.is_empty() {
            self.build(connection).await?;
        }
        let mut written = Written { refused: std::mem::take(&mut self.refused), ..Written::default() };
        if !self.spec.reject && !written.refused.is_empty() {
            return Ok(Some(written));
        }
        written.counts.insert("inserted", self.positions.rows());
        let spec = &self.spec;
        counters::advance((connection, &Hand::Ours), (&spec.namespace, &spec.table), Some(&spec.columns), &self.table)
            .await?;
        merge::remember_refused(connection, spec, &written.refused).await?;
        let state = serde_json::json!({
            "road": "bare",
            "counts": { "inserted": self.positions.rows(), "refused": written.refused.len() },
        });
        checkpoint::finish_bare(connection, spec, state).await?;
        self.database.stands().await?;
        Ok(Some(written))
    }

    /// All rows in one COPY. A row that the server cannot read ends it.
    async fn copy(
        &mut self,
        connection: &mut PgConnection,
        mut receiver: mpsc::Receiver<Message>,
    ) -> Result<bool, DatabaseError> {
        let mut copy = connection.copy_in_raw(self.copying.statement()).await.map_err(translate)?;
        if self.binary {
            copy.send(copy_binary::HEADER).await.map_err(translate)?;
        }
        while let Some(message) = receiver.recv().await {
            match message {
                Message::Rows(ordinals, bytes) => {
                    copy.send(bytes).await.map_err(translate)?;
                    if let Err(error) = self.took(&ordinals) {
                        copy.abort("too many rows").await.map_err(translate)?;
                        return Err(error);
                    }
                }
                Message::Finish => {
                    if self.binary {
                        copy.send(copy_binary::TRAILER).await.map_err(translate)?;
                    }
                    let Err(error) = copy.finish().await.map_err(translate) else { return Ok(true) };
                    let ordinal = |row: usize| self.positions.ordinal(row as u64);
                    self.refused = self.copying.refused(&error, ordinal).ok_or(error)?;
                    return Ok(true);
                }
            }
        }
        copy.abort("the load was stopped").await.map_err(translate)?;
        Ok(false)
    }

    /// Some rows at a time, without those that the server cannot read.
    async fn copy_what_goes(
        &mut self,
        connection: &mut PgConnection,
        mut receiver: mpsc::Receiver<Message>,
    ) -> Result<bool, DatabaseError> {
        let (mut ordinals, mut pieces, mut size) = (Vec::new(), Vec::new(), 0);
        loop {
            let is_last = match receiver.recv().await {
                Some(Message::Rows(more, bytes)) => {
                    ordinals.extend(more);
                    size += bytes.len();
                    pieces.push(bytes);
                    false
                }
                Some(Message::Finish) => true,
                None => return Ok(false),
            };
            if is_last || size >= TRIED_AT_ONCE {
                let found = self.copying.send_what_goes(connection, &pieces, &ordinals).await?;
                let gone: BTreeSet<usize> = found.iter().map(|(row, _)| *row).collect();
                self.refused.extend(found.into_iter().map(|(_, refused)| refused));
                let kept: Vec<u64> =
                    ordinals.iter().enumerate().filter(|(row, _)| !gone.contains(row)).map(|(_, at)| *at).collect();
                self.took(&kept)?;
                ordinals.clear();
                pieces.clear();
                size = 0;
            }
            if is_last {
                return Ok(true);
            }
        }
    }

    fn took(&mut self, ordinals: &[u64]) -> Result<(), DatabaseError> {
        for ordinal in ordinals {
            self.positions.push(*ordinal);
        }
        self.spec.allow(Engine::Postgres, self.positions.rows())
    }

    /// Builds indexes and constraints again. What one of them refuses is found by probes and taken
    /// out, if the user wants bad records rejected; each round takes out at least one row.
    async fn build(&mut self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let mut next = 0;
        while let Some(statement) = self.rebuild.build.get(next) {
            run(connection, "SAVEPOINT build").await?;
            match run(connection, statement).await {
                Ok(()) => {
                    run(connection, "RELEASE SAVEPOINT build").await?;
                    next += 1;
                }
                Err(error) if error.is_of_row() => {
                    run(connection, "ROLLBACK TO SAVEPOINT build").await?;
                    let found = probes::of_bare_table(connection, &self.spec, &self.positions).await?;
                    if found.is_empty() {
                        return self.insert_again(connection, next).await;
                    }
                    let rows: Vec<u64> = found.iter().map(|found| found.row).collect();
                    let at: Vec<String> = found.iter().map(|found| found.at.clone()).collect();
                    self.refused.extend(found.into_iter().map(|found| found.refused));
                    if !self.spec.reject {
                        return Ok(());
                    }
                    probes::delete_rows(connection, &self.table, at).await?;
                    self.positions.remove(&rows);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// No probe knows what an index refuses: one on an expression, one whose entries have a longest size. It is built
    /// while the table is empty, and the rows go in piece by piece.
    async fn insert_again(&mut self, connection: &mut PgConnection, next: usize) -> Result<(), DatabaseError> {
        let columns = list("", &self.spec.filled.given);
        let hold = format!(
            "CREATE TEMPORARY TABLE \"_fixtool_held\" ON COMMIT DROP AS \
             SELECT pg_catalog.row_number() OVER (ORDER BY ctid) OPERATOR(pg_catalog.-) 1 AS {POSITION}, {columns} \
             FROM {table}; TRUNCATE {table}",
            table = self.table
        );
        run(connection, &hold).await?;
        for statement in self.rebuild.build.get(next..).unwrap_or_default() {
            run(connection, statement).await?;
        }
        let insert = format!(
            "INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {STAGE} ORDER BY {POSITION}",
            self.table
        );
        let mut found = Vec::new();
        isolate::one_by_one(connection, &self.spec, &Work::Statement(&insert), &mut found).await?;
        let rows: Vec<u64> = found.iter().map(|refused| refused.ordinal).collect();
        let ordinal = |refused: Refused| {
            let ordinal = self.positions.ordinal(refused.ordinal).unwrap_or(refused.ordinal);
            Refused { ordinal, ..refused }
        };
        self.refused.extend(found.into_iter().map(ordinal));
        self.positions.remove(&rows);
        run(connection, &format!("DROP TABLE {HELD} CASCADE")).await
    }
}

#[async_trait]
impl LoadSession for BareLoad {
    fn durable_by_batch(&self) -> bool {
        false
    }

    fn encoding(&self) -> Encoding {
        self.encoding.clone()
    }

    async fn write(&mut self, batch: RowBatch) -> Result<Written, DatabaseError> {
        let EncodedRows::Copy(bytes) = batch.rows else {
            return Err(wrong_form());
        };
        Ok(self.send(Message::Rows(batch.ordinals, bytes)).await?.unwrap_or_default())
    }

    async fn finish(mut self: Box<Self>) -> Result<Written, DatabaseError> {
        if let Some(written) = self.send(Message::Finish).await? {
            return Ok(written);
        }
        self.sender = None;
        joined(&mut self.task).await
    }
}

impl BareLoad {
    /// Rows that end the load, where the task has ended before its time for their sake.
    async fn send(&mut self, message: Message) -> Result<Option<Written>, DatabaseError> {
        let delivered = match &self.sender {
            Some(sender) => sender.send(message).await.is_ok(),
            None => false,
        };
        if delivered {
            return Ok(None);
        }
        self.sender = None;
        let written = joined(&mut self.task).await?;
        if written.refused.is_empty() {
            let message = "the load ended before its last record";
            return Err(DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, message));
        }
        Ok(Some(written))
    }
}
