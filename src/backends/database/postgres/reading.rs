//! PostgreSQL as a [`Reader`].

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::mpsc;

use super::Postgres;
use super::error::translate;
use super::load::checkpoint;
use super::rows::without_end;
use crate::backends::database::quote::{literal, qualified};
use crate::backends::database::{Capabilities, DatabaseError, Instant, Lookup, Reader, Select, TableMark, TableStats};
use crate::model::{Checkpoint, Engine, LogicalType, Model, Namespace, Row, Value};

/// What PostgreSQL answers where a table is not there.
const UNDEFINED_TABLE: &str = "42P01";

#[async_trait]
impl Reader for Postgres {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn namespace_exists(&self, namespace: &Namespace) -> Result<bool, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        let exists = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)")
            .bind(namespace.as_str())
            .fetch_one(&mut *transaction)
            .await
            .map_err(translate)?;
        transaction.rollback().await.map_err(translate)?;
        Ok(exists)
    }

    async fn introspect(&self, namespace: &Namespace) -> Result<Model, DatabaseError> {
        self.model(namespace).await
    }

    async fn table_stats(&self, namespace: &Namespace, tables: &[String]) -> Result<Vec<TableStats>, DatabaseError> {
        let mut stats = Vec::with_capacity(tables.len());
        for table in tables {
            let mut transaction = self.begin(namespace).await?;
            let name = qualified(namespace, table);
            let sql =
                format!("SELECT count(*), pg_catalog.pg_total_relation_size({}::regclass) FROM {name}", literal(&name));
            match sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await.map_err(translate) {
                Ok(row) => {
                    let (rows, bytes): (i64, i64) =
                        (row.try_get(0).map_err(translate)?, row.try_get(1).map_err(translate)?);
                    stats.push(TableStats {
                        table: table.clone(),
                        rows: rows.unsigned_abs(),
                        bytes: bytes.unsigned_abs(),
                    });
                }
                Err(error) if error.code.as_deref() == Some(UNDEFINED_TABLE) => {}
                Err(error) => return Err(error),
            }
            transaction.rollback().await.map_err(translate)?;
        }
        Ok(stats)
    }

    async fn table_mark(&self, namespace: &Namespace, table: &str) -> Result<TableMark, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        let sql = format!(
            "SELECT pg_catalog.count(*)::text, COALESCE(pg_catalog.sum(pg_catalog.hashtextextended(xmin::text, 0)), 0)::text FROM {}",
            qualified(namespace, table)
        );
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await.map_err(translate)?;
        let (rows, sum): (String, String) = (row.try_get(0).map_err(translate)?, row.try_get(1).map_err(translate)?);
        transaction.rollback().await.map_err(translate)?;
        Ok(TableMark(format!("postgres:{rows}:{sum}")))
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
        self.which_exist((namespace, table), columns, keys).await
    }

    async fn lookup(&self, question: &Lookup, keys: &[Row]) -> Result<Vec<Option<Value>>, DatabaseError> {
        if keys.is_empty() || question.columns.is_empty() {
            return Ok(vec![None; keys.len()]);
        }
        self.values_by_key(question, keys).await
    }

    async fn select(&self, what: &Select, out: mpsc::Sender<Vec<Row>>) -> Result<u64, DatabaseError> {
        self.stream(what, &out).await
    }

    async fn query_columns(&self, sql: &str) -> Result<Vec<(String, LogicalType)>, DatabaseError> {
        self.columns_of(sql).await
    }

    async fn query(&self, sql: &str, out: mpsc::Sender<Vec<Row>>) -> Result<u64, DatabaseError> {
        let types: Vec<LogicalType> = self.columns_of(sql).await?.into_iter().map(|(_, logical)| logical).collect();
        self.stream_sql(&Namespace("public".to_owned()), without_end(sql), &types, &out).await
    }

    async fn checkpoint(
        &self,
        namespace: &Namespace,
        run: &str,
        step: u32,
    ) -> Result<Option<Checkpoint>, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        let read = checkpoint::read(&mut transaction, &checkpoint::Place { namespace, run, step }).await;
        transaction.rollback().await.map_err(translate)?;
        match read {
            Err(error) if error.code.as_deref() == Some(UNDEFINED_TABLE) => Ok(None),
            other => other,
        }
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
        self.pool.close().await;
    }
}
