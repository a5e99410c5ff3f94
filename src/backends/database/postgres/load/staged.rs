//! The staged road: a filled table is loaded through a temporary table, batch by batch, each in
//! one transaction with its checkpoint.
//!
//! The temporary table is made and dropped inside each transaction, so the road works behind a
//! pooler in transaction mode as well.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{AssertSqlSafe, PgConnection};

use super::super::Postgres;
use super::super::as_owner::Hand;
use super::super::code::Effect;
use super::super::error::translate;
use super::super::session::hold_tables;
use super::Target;
use super::bare::wrong_form;
use super::checkpoint::{self, Place};
use super::probes::{self, POSITION, STAGE, TEXTS};
use super::{isolate, merge};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::{EncodedRows, Encoding, LoadSession, Refused, RowBatch, Written};
use crate::backends::database::quote::{identifier, list, qualified};

/// A staged load in progress.
pub struct StagedLoad {
    database: Postgres,
    spec: Target,
    counts: BTreeMap<String, u64>,
    position: u64,
}

impl StagedLoad {
    /// Goes on from the checkpoint that the specification names, or begins.
    pub fn begin(database: &Postgres, spec: &Target) -> Self {
        let counts = spec.resume.as_ref().and_then(|c| serde_json::from_value(c.state.get("counts")?.clone()).ok());
        let position = spec.resume.as_ref().map_or(0, |c| c.position);
        Self { database: database.clone(), spec: spec.clone(), counts: counts.unwrap_or_default(), position }
    }

    /// Sees by whom the table can be written in this transaction. Tables that it refers to are only looked into.
    async fn engage(&mut self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let tables = [self.spec.full_name()];
        self.spec.hand = Hand::for_tables(connection, &self.spec.namespace, (&tables, Effect::Writes)).await?;
        let keys = self.spec.definition.all_foreign_keys();
        let parents: Vec<String> = keys.iter().map(|key| qualified(&self.spec.namespace, &key.table)).collect();
        if self.spec.hand == Hand::Ours { hold_tables(connection, &parents).await } else { Ok(()) }
    }

    async fn batch(&mut self, bytes: Bytes, position: u64) -> Result<Written, DatabaseError> {
        let mut transaction = self.database.begin(&self.spec.namespace).await?;
        self.engage(&mut transaction).await?;
        stage(&mut transaction, &self.spec, bytes).await?;
        let mut refused = probes::of_stage(&mut transaction, &self.spec).await?;
        if !self.spec.reject && !refused.is_empty() {
            transaction.rollback().await.map_err(translate)?;
            return Ok(Written { refused, ..Written::default() });
        }
        drop_refused(&mut transaction, &self.spec, &refused).await?;
        let mut counts = isolate::merge(&mut transaction, &self.spec, &mut refused).await?;
        counts.retain(|_, amount| *amount > 0);
        merge::remember_refused(&mut transaction, &self.spec, &refused).await?;
        let mut totals = self.counts.clone();
        for (name, amount) in &counts {
            *totals.entry((*name).to_owned()).or_default() += amount;
        }
        *totals.entry("refused".to_owned()).or_default() += refused.len() as u64;
        let state = serde_json::json!({ "road": "staged", "counts": totals });
        checkpoint::write(&mut transaction, &place(&self.spec), position, (false, state)).await?;
        self.spec.hand.dismiss(&mut transaction).await?;
        transaction.commit().await.map_err(translate)?;
        self.counts = totals;
        self.position = position;
        Ok(Written { counts, refused })
    }
}

fn place(spec: &Target) -> Place<'_> {
    Place { namespace: &spec.namespace, run: &spec.run, step: spec.step }
}

async fn stage(connection: &mut PgConnection, spec: &Target, bytes: Bytes) -> Result<(), DatabaseError> {
    let columns = list("", &spec.columns);
    let staged = spec.staged();
    let create = if spec.hand == Hand::Ours {
        format!(
            "CREATE TEMPORARY TABLE \"_fixtool_stage\" ON COMMIT DROP AS \
             SELECT NULL::pg_catalog.int8 AS {POSITION}, {columns} FROM {} WITH NO DATA",
            spec.full_name()
        )
    } else {
        texts(connection, spec).await?
    };
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *connection).await.map_err(translate)?;
    let statement = format!("COPY {staged} ({POSITION}, {columns}) FROM STDIN WITH (FORMAT text, ENCODING 'UTF8')");
    let mut copy = connection.copy_in_raw(&statement).await.map_err(translate)?;
    copy.send(bytes).await.map_err(translate)?;
    copy.finish().await.map_err(translate)?;
    let analyze = format!("ANALYZE {staged}");
    sqlx::raw_sql(AssertSqlSafe(analyze)).execute(&mut *connection).await.map_err(translate)?;
    spec.hand.show(connection, STAGE).await?;
    spec.hand.show(connection, TEXTS).await
}

/// Statements that make a table of texts, and a view that reads them as the table's own types. Whoever asks the view
/// reads them: we never do.
async fn texts(connection: &mut PgConnection, spec: &Target) -> Result<String, DatabaseError> {
    let types = column_types(connection, &spec.full_name()).await?;
    let read = |column: &String| {
        let name = identifier(column);
        types.get(column).map_or_else(|| name.clone(), |full| format!("{name}::{full} AS {name}"))
    };
    let texts: Vec<String> = spec.columns.iter().map(|c| format!("{} pg_catalog.text", identifier(c))).collect();
    let read: Vec<String> = spec.columns.iter().map(read).collect();
    Ok(format!(
        "CREATE TEMPORARY TABLE \"_fixtool_texts\" ({POSITION} pg_catalog.int8, {}) ON COMMIT DROP; \
         CREATE TEMPORARY VIEW \"_fixtool_stage\" AS SELECT {POSITION}, {} FROM {TEXTS}",
        texts.join(", "),
        read.join(", ")
    ))
}

async fn drop_refused(connection: &mut PgConnection, spec: &Target, refused: &[Refused]) -> Result<(), DatabaseError> {
    if refused.is_empty() {
        return Ok(());
    }
    let rows: Vec<i64> = refused.iter().map(|r| i64::try_from(r.ordinal).unwrap_or(i64::MAX)).collect();
    let sql = format!("DELETE FROM {} WHERE {POSITION} OPERATOR(pg_catalog.=) ANY ($1)", spec.staged());
    sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(connection).await.map(drop).map_err(translate)
}

/// The types of a table's columns, by the columns' names, as a cast names them.
pub async fn column_types(
    connection: &mut PgConnection,
    table: &str,
) -> Result<BTreeMap<String, String>, DatabaseError> {
    let types: Vec<(String, String)> = sqlx::query_as(
        "SELECT attname::pg_catalog.text, pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute \
         WHERE attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid AND NOT attisdropped \
           AND attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2",
    )
    .bind(table)
    .fetch_all(connection)
    .await
    .map_err(translate)?;
    Ok(types.into_iter().collect())
}

#[async_trait]
impl LoadSession for StagedLoad {
    fn durable_by_batch(&self) -> bool {
        true
    }

    fn encoding(&self) -> Encoding {
        Encoding::CopyText { positions: true }
    }

    async fn write(&mut self, batch: RowBatch) -> Result<Written, DatabaseError> {
        let EncodedRows::Copy(bytes) = batch.rows else {
            return Err(wrong_form());
        };
        self.batch(bytes, batch.position).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Written, DatabaseError> {
        let state = serde_json::json!({ "road": "staged", "counts": self.counts });
        let mut transaction = self.database.begin(&self.spec.namespace).await?;
        self.engage(&mut transaction).await?;
        merge::advance_sequences(&mut transaction, &self.spec).await?;
        self.spec.hand.dismiss(&mut transaction).await?;
        checkpoint::write(&mut transaction, &place(&self.spec), self.position, (true, state)).await?;
        transaction.commit().await.map_err(translate)?;
        Ok(Written::default())
    }
}
