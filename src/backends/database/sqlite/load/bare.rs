//! The bare road: an empty table is filled before its indexes are built, in one transaction.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::Sqlite;
use super::super::error::translate;
use super::super::rebuild;
use super::fill::{Fill, Message};
use super::insert::Inserter;
use super::prints::Prints;
use crate::backends::database::load::{EncodedRows, Encoding, LoadSession, LoadSpec, RowBatch, Written};
use crate::backends::database::quote::identifier;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// A bare load in progress. When it is dropped, its task closes the connection, which rolls back.
pub struct BareLoad {
    sender: Option<mpsc::Sender<Message>>,
    task: JoinHandle<Result<Written, DatabaseError>>,
    inserter: Inserter,
    prints: Prints,
}

/// Statements on their way: one is carried out while the next is bound.
const IN_FLIGHT: usize = 4;

/// Begins a bare load; `None` when the table is not empty any more, or its keys cannot be dropped.
pub async fn begin(database: &Sqlite, spec: &LoadSpec) -> Result<Option<BareLoad>, DatabaseError> {
    let Some(prints) = Prints::of(spec) else { return Ok(None) };
    let mut connection = database.pool(&spec.namespace).await?.acquire().await.map_err(translate)?.detach();
    // Foreign keys are checked as a whole at the end; the pragma has no effect inside a transaction.
    run(&mut connection, "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -16384; PRAGMA threads = 2").await?;
    run(&mut connection, "BEGIN IMMEDIATE").await?;
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", identifier(&spec.table));
    let filled: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.map_err(translate)?;
    if filled || !is_plain(&mut connection, &spec.table).await? {
        // Nothing was changed; closing rolls back.
        connection.close().await.map_err(translate)?;
        return Ok(None);
    }
    let rebuild = rebuild::of(&mut connection, &spec.table).await?;
    for statement in &rebuild.drop {
        run(&mut connection, statement).await?;
    }
    let inserter = Inserter::into_table(&identifier(&spec.table), &spec.columns).keeping_rows(spec.reject);
    let fill = Fill::of(connection, (database, spec), rebuild);
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let task = tokio::spawn(fill.carry_out(receiver));
    Ok(Some(BareLoad { sender: Some(sender), task, inserter, prints }))
}

/// Whether all keys of the table can be dropped and row ids count up from one: no key is part of the
/// table's own definition, and no trigger looks at its rows.
async fn is_plain(connection: &mut SqliteConnection, table: &str) -> Result<bool, DatabaseError> {
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin <> 'c') \
         AND NOT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE pk > 0) \
         AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE)",
    )
    .bind(table)
    .fetch_one(connection)
    .await
    .map_err(translate)
}

pub(in crate::backends::database::sqlite) async fn run(
    connection: &mut SqliteConnection,
    sql: &str,
) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop).map_err(translate)
}

impl BareLoad {
    async fn send(&mut self, message: Message) -> Result<(), DatabaseError> {
        let delivered = match &self.sender {
            Some(sender) => sender.send(message).await.is_ok(),
            None => false,
        };
        if delivered {
            return Ok(());
        }
        // The task has ended before its time: it knows why.
        self.sender = None;
        self.joined().await?;
        Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Other, "the load ended before its last record"))
    }

    async fn joined(&mut self) -> Result<Written, DatabaseError> {
        (&mut self.task).await.unwrap_or_else(|error| {
            let message = format!("the load's task failed: {error}");
            Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Other, message))
        })
    }
}

#[async_trait]
impl LoadSession for BareLoad {
    fn durable_by_batch(&self) -> bool {
        false
    }

    fn encoding(&self) -> Encoding {
        Encoding::Values
    }

    async fn write(&mut self, batch: RowBatch) -> Result<Written, DatabaseError> {
        let EncodedRows::Values(rows) = batch.rows else {
            return Err(super::wrong_form());
        };
        self.send(Message::Positions(batch.ordinals)).await?;
        for row in rows {
            if let Some(entry) = self.prints.push(&row) {
                self.send(Message::Prints(entry)).await?;
            }
            if let Some(statement) = self.inserter.push(row)? {
                self.send(Message::Rows(statement)).await?;
            }
        }
        Ok(Written::default())
    }

    async fn finish(mut self: Box<Self>) -> Result<Written, DatabaseError> {
        if let Some(statement) = self.inserter.rest() {
            self.send(Message::Rows(statement)).await?;
        }
        let rest = std::mem::take(&mut self.prints).rest();
        if !rest.is_empty() {
            self.send(Message::Prints(rest)).await?;
        }
        self.send(Message::Finish).await?;
        self.sender = None;
        self.joined().await
    }
}
