//! SQLite as a [`Reader`].

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::sync::mpsc;

use super::load::checkpoint;
use super::rows::{self, Odd};
use super::session::{disturbed, identity};
use super::{Sqlite, introspect, translate};
use crate::backends::database::quote::identifier;
use crate::backends::database::{
    Access, Capabilities, DatabaseError, Instant, Lookup, Reader, Select, TableMark, TableStats,
};
use crate::model::{Checkpoint, Engine, LogicalType, Model, Namespace, Row, Value};

/// Times that a file is read again because somebody changed it meanwhile. Whoever changes it is
/// seen at the second try, and then his log is followed.
const TRIES: u32 = 5;

/// Reads a namespace until nobody disturbed it.
macro_rules! undisturbed {
    ($database:expr, $namespace:expr, |$connection:ident| $work:expr) => {{
        let mut tries = 0;
        loop {
            let mut reading = $database.read($namespace).await?;
            let $connection: &mut SqliteConnection = &mut reading;
            let answer = $work.await;
            tries += 1;
            if reading.finish().await? {
                break answer;
            }
            if tries >= TRIES {
                break Err(disturbed());
            }
        }
    }};
}

#[async_trait]
impl Reader for Sqlite {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn namespace_exists(&self, namespace: &Namespace) -> Result<bool, DatabaseError> {
        self.settle(namespace)?;
        Ok(self.file(namespace)?.is_file())
    }

    async fn introspect(&self, namespace: &Namespace) -> Result<Model, DatabaseError> {
        undisturbed!(self, namespace, |connection| introspect::model(connection))
    }

    async fn strange_names(&self, namespace: &Namespace) -> Result<Vec<String>, DatabaseError> {
        undisturbed!(self, namespace, |connection| introspect::strange_names(connection))
    }

    async fn table_stats(&self, namespace: &Namespace, tables: &[String]) -> Result<Vec<TableStats>, DatabaseError> {
        undisturbed!(self, namespace, |connection| stats(connection, tables))
    }

    async fn table_mark(&self, namespace: &Namespace, _table: &str) -> Result<TableMark, DatabaseError> {
        if self.access == Access::ReadWrite {
            // Folds the log into the file, so that the mark does not change when the session ends.
            let mut connection = self.pool(namespace).await?.acquire().await.map_err(translate)?;
            sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await.map_err(translate)?;
        }
        Ok(TableMark(identity(&self.file(namespace)?)?))
    }

    async fn existing(
        &self,
        namespace: &Namespace,
        table: &str,
        columns: &[String],
        keys: &[Row],
    ) -> Result<Vec<bool>, DatabaseError> {
        if keys.is_empty() || columns.is_empty() {
            return Ok(vec![false; keys.len()]);
        }
        undisturbed!(self, namespace, |connection| rows::which_exist(connection, table, columns, keys))
    }

    async fn lookup(&self, question: &Lookup, keys: &[Row]) -> Result<Vec<Option<Value>>, DatabaseError> {
        if keys.is_empty() || question.columns.is_empty() {
            return Ok(vec![None; keys.len()]);
        }
        undisturbed!(self, &question.namespace, |connection| rows::values_by_key(connection, question, keys))
    }

    async fn select(&self, what: &Select, out: mpsc::Sender<Vec<Row>>) -> Result<u64, DatabaseError> {
        let mut reading = self.read(&what.namespace).await?;
        let sql = rows::statement(what);
        let sent = rows::stream(&mut reading, &sql, (&what.columns, Odd::RefusedOrLocal), &out).await?;
        // Rows that are out cannot be called back: the whole must be asked for again.
        if reading.finish().await? { Ok(sent.unwrap_or_default()) } else { Err(disturbed()) }
    }

    async fn query_columns(&self, sql: &str) -> Result<Vec<(String, LogicalType)>, DatabaseError> {
        undisturbed!(self, &own_file(), |connection| rows::columns_of(connection, sql))
    }

    async fn query(&self, sql: &str, out: mpsc::Sender<Vec<Row>>) -> Result<u64, DatabaseError> {
        let only_reading = Self { access: Access::ReadOnly, ..self.clone() };
        let mut reading = only_reading.read(&own_file()).await?;
        let columns = rows::columns_of(&mut reading, sql).await?;
        let sent = rows::stream(&mut reading, sql, (&columns, Odd::AsText), &out).await?;
        if reading.finish().await? { Ok(sent.unwrap_or_default()) } else { Err(disturbed()) }
    }

    async fn checkpoint(
        &self,
        namespace: &Namespace,
        run: &str,
        step: u32,
    ) -> Result<Option<Checkpoint>, DatabaseError> {
        let place = checkpoint::Place { namespace, run, step };
        undisturbed!(self, namespace, |connection| checkpoint_of(connection, &place))
    }

    async fn instant(
        &self,
        namespace: &Namespace,
        tables: &[String],
        readers: usize,
    ) -> Result<Arc<dyn Instant>, DatabaseError> {
        Ok(Arc::new(self.moment(namespace, tables, readers).await?))
    }

    async fn close(&self) {
        self.close_all().await;
    }
}

/// The address's own file.
fn own_file() -> Namespace {
    Namespace("main".to_owned())
}

async fn has_table(connection: &mut SqliteConnection, table: &str) -> Result<bool, DatabaseError> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE)",
    )
    .bind(table)
    .fetch_one(connection)
    .await
    .map_err(translate)
}

async fn checkpoint_of(
    connection: &mut SqliteConnection,
    place: &checkpoint::Place<'_>,
) -> Result<Option<Checkpoint>, DatabaseError> {
    if !has_table(connection, "_fixtool_checkpoint").await? {
        return Ok(None);
    }
    checkpoint::read(connection, place).await
}

async fn stats(connection: &mut SqliteConnection, tables: &[String]) -> Result<Vec<TableStats>, DatabaseError> {
    let mut stats = Vec::with_capacity(tables.len());
    for table in tables {
        if !has_table(connection, table).await? {
            continue;
        }
        let sql = format!("SELECT count(*) FROM {}", identifier(table));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(translate)?;
        let bytes: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN \
             (SELECT name FROM main.sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE)",
        )
        .bind(table)
        .fetch_one(&mut *connection)
        .await
        .map_err(translate)?;
        stats.push(TableStats { table: table.clone(), rows: rows.unsigned_abs(), bytes: bytes.unsigned_abs() });
    }
    Ok(stats)
}
