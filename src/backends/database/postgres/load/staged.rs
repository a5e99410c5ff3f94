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
use super::super::error::translate;
use super::Target;
use super::bare::wrong_form;
use super::checkpoint::{self, Place};
use super::probes::{self, POSITION, STAGE};
use super::{isolate, merge};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::{EncodedRows, Encoding, LoadSession, Refused, RowBatch, Written};
use crate::backends::database::quote::{list, qualified};

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

    async fn batch(&mut self, bytes: Bytes, position: u64) -> Result<Written, DatabaseError> {
        let mut transaction = self.database.begin(&self.spec.namespace).await?;
        stage(&mut transaction, &self.spec, bytes).await?;
        let mut refused = probes::of_stage(&mut transaction, &self.spec).await?;
        if !self.spec.reject && !refused.is_empty() {
            transaction.rollback().await.map_err(translate)?;
            return Ok(Written { refused, ..Written::default() });
        }
        drop_refused(&mut transaction, &refused).await?;
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
    let create = format!(
        "CREATE TEMPORARY TABLE \"_fixtool_stage\" ON COMMIT DROP AS SELECT NULL::bigint AS {POSITION}, {columns} FROM {} WITH NO DATA",
        qualified(&spec.namespace, &spec.table)
    );
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *connection).await.map_err(translate)?;
    let statement = format!("COPY {STAGE} ({POSITION}, {columns}) FROM STDIN WITH (FORMAT text, ENCODING 'UTF8')");
    let mut copy = connection.copy_in_raw(&statement).await.map_err(translate)?;
    copy.send(bytes).await.map_err(translate)?;
    copy.finish().await.map_err(translate)?;
    let analyze = format!("ANALYZE {STAGE}");
    sqlx::raw_sql(AssertSqlSafe(analyze)).execute(connection).await.map(drop).map_err(translate)
}

async fn drop_refused(connection: &mut PgConnection, refused: &[Refused]) -> Result<(), DatabaseError> {
    if refused.is_empty() {
        return Ok(());
    }
    let rows: Vec<i64> = refused.iter().map(|r| i64::try_from(r.ordinal).unwrap_or(i64::MAX)).collect();
    let sql = format!("DELETE FROM {STAGE} WHERE {POSITION} = ANY($1)");
    sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(connection).await.map(drop).map_err(translate)
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
        merge::advance_sequences(&mut transaction, &self.spec).await?;
        checkpoint::write(&mut transaction, &place(&self.spec), self.position, (true, state)).await?;
        transaction.commit().await.map_err(translate)?;
        Ok(Written::default())
    }
}
