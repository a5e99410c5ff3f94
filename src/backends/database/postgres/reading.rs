//! PostgreSQL as a [`Reader`].

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::mpsc;

use super::error::translate;
use super::load::checkpoint;
use super::rows::{Names, users_own, without_end};
use super::{Postgres, plain, session};
use crate::backends::database::quote::{literal, qualified};
use crate::backends::database::{Capabilities, DatabaseError, Instant, Lookup, Reader, Select, TableMark, TableStats};
use crate::model::{Checkpoint, Engine, LogicalType, Model, Namespace, Row, Value};

/// What PostgreSQL answers where a table is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// Tables that one statement counts.
const TABLES_AT_ONCE: usize = 100;

fn is_missing(error: &DatabaseError) -> bool {
    error.code.as_deref() == Some(UNDEFINED_TABLE)
}

impl Postgres {
    async fn stats_of(&self, namespace: &Namespace, tables: &[String]) -> Result<Vec<TableStats>, DatabaseError> {
        let names: Vec<String> = tables.iter().map(|table| qualified(namespace, table)).collect();
        let mut transaction = self.begin(namespace).await?;
        let plain = session::hold(&mut transaction, &names).await?;
        let is_plain = |name: &String| plain.iter().any(|(family, _)| family.name == *name);
        let one = |(place, name): (usize, &String)| {
            let size = format!("pg_catalog.pg_total_relation_size({}::pg_catalog.regclass)", literal(name));
            let rows = if is_plain(name) {
                "0::pg_catalog.int8".to_owned()
            } else {
                format!("(SELECT pg_catalog.count(*) FROM {name})")
            };
            format!("SELECT {place}::pg_catalog.int8 AS place, {rows}, {size}")
        };
        let counts: Vec<String> = names.iter().enumerate().map(one).collect();
        let sql = format!("{} ORDER BY place", counts.join(" UNION ALL "));
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await.map_err(translate)?;
        let stats = tables.iter().zip(&rows).map(|(table, row)| {
            let number = |at: usize| row.try_get::<i64, _>(at).map(i64::unsigned_abs).map_err(translate);
            Ok(TableStats { table: table.clone(), rows: number(1)?, bytes: number(2)? })
        });
        let mut stats: Vec<TableStats> = stats.collect::<Result<_, DatabaseError>>()?;
        for (name, one) in names.iter().zip(&mut stats) {
            if let Some((family, _)) = plain.iter().find(|(family, _)| family.name == *name) {
                one.rows = plain::count(&mut transaction, family).await?;
            }
        }
        transaction.rollback().await.map_err(translate)?;
        Ok(stats)
    }
}

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
        let exists = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) $1::pg_catalog.name)")
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

    async fn strange_names(&self, namespace: &Namespace) -> Result<Vec<String>, DatabaseError> {
        self.strange_names(namespace).await
    }

    async fn table_stats(&self, namespace: &Namespace, tables: &[String]) -> Result<Vec<TableStats>, DatabaseError> {
        let mut stats = Vec::with_capacity(tables.len());
        for some in tables.chunks(TABLES_AT_ONCE) {
            match self.stats_of(namespace, some).await {
                // One of them does not exist: the others do not tell which.
                Err(error) if is_missing(&error) => {
                    for table in some {
                        match self.stats_of(namespace, std::slice::from_ref(table)).await {
                            Err(error) if is_missing(&error) => {}
                            found => stats.extend(found?),
                        }
                    }
                }
                found => stats.extend(found?),
            }
        }
        Ok(stats)
    }

    async fn table_sizes(&self, namespace: &Namespace, tables: &[String]) -> Result<Vec<TableStats>, DatabaseError> {
        let names: Vec<String> = tables.iter().map(|table| qualified(namespace, table)).collect();
        let mut transaction = self.begin(namespace).await?;
        let found: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT w.place, pg_catalog.pg_total_relation_size(c.oid), GREATEST(c.reltuples, 0)::pg_catalog.int8 \
             FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS w (name, place) \
             JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(w.name) ORDER BY w.place",
        )
        .bind(&names)
        .fetch_all(&mut *transaction)
        .await
        .map_err(translate)?;
        transaction.rollback().await.map_err(translate)?;
        let of = |(place, bytes, rows): (i64, i64, i64)| {
            let table = tables.get(usize::try_from(place).ok()?.checked_sub(1)?)?;
            Some(TableStats { table: table.clone(), rows: rows.unsigned_abs(), bytes: bytes.unsigned_abs() })
        };
        Ok(found.into_iter().filter_map(of).collect())
    }

    async fn table_mark(&self, namespace: &Namespace, table: &str) -> Result<TableMark, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        if let Some((family, _)) = session::hold(&mut transaction, &[qualified(namespace, table)]).await?.first() {
            let content = plain::content(&mut transaction, family, &[]).await?;
            transaction.rollback().await.map_err(translate)?;
            return Ok(TableMark(format!("postgres:{}:{}", content.rows, content.mark())));
        }
        let sql = format!(
            "SELECT pg_catalog.count(*)::pg_catalog.text, \
             COALESCE(pg_catalog.sum(pg_catalog.hashtextextended(xmin::pg_catalog.text, 0)), 0)::pg_catalog.text FROM {}",
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
        let columns = self.columns_of(sql).await?;
        self.stream_sql(&users_own(), Names::Users, (without_end(sql), &columns), &out).await
    }

    async fn local_times(&self, namespace: &Namespace, table: &str) -> Result<Vec<String>, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        let found = sqlx::query_scalar(
            "SELECT attname::pg_catalog.text FROM pg_catalog.pg_attribute \
             WHERE attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid \
             AND atttypid OPERATOR(pg_catalog.=) 1114::pg_catalog.oid AND NOT attisdropped",
        )
        .bind(qualified(namespace, table))
        .fetch_all(&mut *transaction)
        .await
        .map_err(translate)?;
        transaction.rollback().await.map_err(translate)?;
        Ok(found)
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
            Err(error) if is_missing(&error) => Ok(None),
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
