//! The staged road: a filled table is loaded through a temporary table, batch by batch, each in
//! one transaction with its checkpoint.
//!
//! The temporary table is made and dropped inside each transaction, so the road works behind a
//! pooler in transaction mode as well.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{AssertSqlSafe, PgConnection, Transaction};

use super::super::Postgres;
use super::super::as_owner::Hand;
use super::super::code::Effect;
use super::super::counters;
use super::super::error::translate;
use super::super::session::hold_tables;
use super::Target;
use super::checkpoint::{self, Place};
use super::copying::Copying;
use super::probes::{POSITION, STAGE, Staged, TEXTS};
use super::wrong_form;
use super::{gaps, isolate, merge, moves};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::gaps::{GAPS, GAPS_NAME};
use crate::backends::database::load::probed::probe;
use crate::backends::database::load::{EncodedRows, Encoding, LoadSession, Refused, RowBatch, Written};
use crate::backends::database::quote::{identifier, list, qualified};

/// A staged load in progress.
pub struct StagedLoad {
    database: Postgres,
    spec: Target,
    counts: BTreeMap<String, u64>,
    position: u64,
    gathered: Option<Gathered>,
}

/// Rows from the first one on that waits for one which may come later: all are staged, and become durable together.
struct Gathered {
    transaction: Transaction<'static, sqlx::Postgres>,
    /// Rows that the server could not read.
    refused: Vec<Refused>,
}

/// What came of the rows that are staged.
enum Settled {
    /// They are in the table, or refused.
    Done(merge::Counts, Vec<Refused>),
    /// One of them waits; all are staged as before.
    Waits(Vec<Refused>),
}

impl StagedLoad {
    /// Goes on from the checkpoint that the specification names, or begins.
    pub fn begin(database: &Postgres, spec: &Target) -> Self {
        let counts = spec.resume.as_ref().and_then(|c| serde_json::from_value(c.state.get("counts")?.clone()).ok());
        let position = spec.resume.as_ref().map_or(0, |c| c.position);
        let (database, spec, counts) = (database.clone(), spec.clone(), counts.unwrap_or_default());
        Self { database, spec, counts, position, gathered: None }
    }

    async fn batch(&mut self, bytes: Bytes, ordinals: &[u64], position: u64) -> Result<Written, DatabaseError> {
        if let Some(gathered) = &mut self.gathered {
            gathered.refused.extend(copy(&mut gathered.transaction, &self.spec, bytes, ordinals).await?);
            let stops = !self.spec.reject && !gathered.refused.is_empty();
            self.position = position;
            let refused = if stops { std::mem::take(&mut gathered.refused) } else { Vec::new() };
            return Ok(Written { refused, ..Written::default() });
        }
        let mut transaction = self.database.begin(&self.spec.namespace).await?;
        self.engage(&mut transaction).await?;
        create_stage(&mut transaction, &self.spec).await?;
        let refused = copy(&mut transaction, &self.spec, bytes, ordinals).await?;
        match self.settle(&mut transaction, refused, false).await? {
            Settled::Waits(refused) => {
                self.gathered = Some(Gathered { transaction, refused });
                self.position = position;
                Ok(Written::default())
            }
            Settled::Done(counts, refused) => self.make_durable(transaction, (counts, refused), position).await,
        }
    }

    async fn make_durable(
        &mut self,
        mut transaction: Transaction<'static, sqlx::Postgres>,
        (mut counts, refused): (merge::Counts, Vec<Refused>),
        position: u64,
    ) -> Result<Written, DatabaseError> {
        if !self.spec.reject && !refused.is_empty() {
            transaction.rollback().await.map_err(translate)?;
            return Ok(Written { refused, ..Written::default() });
        }
        counts.retain(|_, amount| *amount > 0);
        merge::remember_refused(&mut transaction, &self.spec, &refused).await?;
        let mut totals = self.counts.clone();
        for (name, amount) in &counts {
            *totals.entry((*name).to_owned()).or_default() += amount;
        }
        *totals.entry("refused".to_owned()).or_default() += refused.len() as u64;
        let state = serde_json::json!({ "road": "staged", "counts": totals, "continues": self.spec.continues });
        checkpoint::write(&mut transaction, &place(&self.spec), position, (false, state)).await?;
        self.spec.hand.dismiss(&mut transaction).await?;
        self.database.commit(transaction).await?;
        self.counts = totals;
        self.position = position;
        Ok(Written { counts, refused })
    }
}

impl StagedLoad {
    /// Sees by whom the table can be written in this transaction. Tables that it refers to are only looked into.
    async fn engage(&mut self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let tables = [self.spec.full_name()];
        self.spec.hand = Hand::for_tables(connection, &self.spec.namespace, (&tables, Effect::Writes)).await?;
        let keys = self.spec.definition.all_foreign_keys();
        let parents: Vec<String> = keys.iter().map(|key| qualified(&self.spec.namespace, &key.table)).collect();
        if self.spec.hand == Hand::Ours { hold_tables(connection, &parents).await } else { Ok(()) }
    }

    /// From the staging table into the table. `last` says that nothing more comes.
    async fn settle(
        &mut self,
        connection: &mut PgConnection,
        mut refused: Vec<Refused>,
        last: bool,
    ) -> Result<Settled, DatabaseError> {
        if !self.spec.reject && !refused.is_empty() {
            return Ok(Settled::Done(merge::Counts::new(), refused));
        }
        run(connection, &analyze(&self.spec)).await?;
        gaps::fill(connection, &self.spec).await?;
        let may_wait = !last && self.spec.may_wait();
        if may_wait {
            run(connection, "SAVEPOINT staged").await?;
        }
        let released = if last && self.spec.remember_keys { moves::release(connection, &self.spec).await? } else { 0 };
        let probed = probe(&mut Staged { connection, spec: &self.spec }, last).await?;
        if may_wait {
            let back = if probed.waits { "ROLLBACK TO SAVEPOINT staged; " } else { "" };
            run(connection, &format!("{back}RELEASE SAVEPOINT staged")).await?;
        }
        if probed.waits {
            return Ok(Settled::Waits(refused));
        }
        refused.extend(probed.refused);
        if !self.spec.reject && !refused.is_empty() {
            return Ok(Settled::Done(merge::Counts::new(), refused));
        }
        self.spec.parks = probed.moves;
        let spec = &self.spec;
        let (mut counts, is_searched) = isolate::merge(connection, spec, &mut refused).await?;
        counts.insert("deleted", released);
        let table = spec.full_name();
        let rows = if is_searched { table.as_str() } else { STAGE };
        let what = (&spec.namespace, spec.table.as_str());
        counters::advance((connection, &spec.hand), what, Some(&spec.columns), rows).await?;
        Ok(Settled::Done(counts, refused))
    }
}

/// What the planner has to know of the staged rows: their number, and the columns by which they are joined.
fn analyze(spec: &Target) -> String {
    let references = spec.definition.all_foreign_keys().into_iter().map(|key| key.columns);
    let joined: BTreeSet<String> = spec.carried_keys().into_iter().chain(references).flatten().collect();
    let joined: Vec<String> = joined.into_iter().filter(|column| spec.columns.contains(column)).collect();
    let columns = if joined.is_empty() { POSITION.to_owned() } else { list("", &joined) };
    format!("ANALYZE {} ({columns})", spec.staged())
}

fn place(spec: &Target) -> Place<'_> {
    Place { namespace: &spec.namespace, run: &spec.run, step: spec.step }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop).map_err(translate)
}

async fn create_stage(connection: &mut PgConnection, spec: &Target) -> Result<(), DatabaseError> {
    let create = match spec.hand {
        Hand::Ours => format!(
            "CREATE TEMPORARY TABLE \"_fixtool_stage\" ON COMMIT DROP AS \
             SELECT NULL::pg_catalog.int8 AS {POSITION}, {}{} FROM {} WITH NO DATA",
            list("", &spec.columns),
            if spec.is_partial() { format!(", NULL::pg_catalog.text AS {GAPS}") } else { String::new() },
            spec.full_name()
        ),
        Hand::Owner(_) => {
            let texts = spec.columns.iter().map(String::as_str).chain(spec.is_partial().then_some(GAPS_NAME));
            let texts: Vec<String> = texts.map(|c| format!("{} pg_catalog.text", identifier(c))).collect();
            format!(
                "CREATE TEMPORARY TABLE \"_fixtool_texts\" ({POSITION} pg_catalog.int8, {}) ON COMMIT DROP; \
                 CREATE TEMPORARY VIEW \"_fixtool_stage\" AS SELECT {} FROM {TEXTS}",
                texts.join(", "),
                reading(connection, spec).await?
            )
        }
    };
    run(connection, &create).await?;
    if let Hand::Owner(_) = spec.hand {
        spec.hand.show(connection, STAGE).await?;
        spec.hand.show(connection, TEXTS).await?;
    }
    Ok(())
}

/// Stages rows; the answer is those that the server could not read.
async fn copy(
    connection: &mut PgConnection,
    spec: &Target,
    bytes: Bytes,
    ordinals: &[u64],
) -> Result<Vec<Refused>, DatabaseError> {
    let mut copied: Vec<String> = std::iter::once("_fixtool_position".to_owned()).chain(spec.columns.clone()).collect();
    copied.extend(spec.is_partial().then(|| GAPS_NAME.to_owned()));
    let bare = if spec.staged() == STAGE { "_fixtool_stage" } else { "_fixtool_texts" };
    let copying = Copying::into((spec.staged(), bare), copied, false);
    if spec.reject {
        let found = copying.send_what_goes(connection, &[bytes], ordinals).await?;
        return Ok(found.into_iter().map(|(_, refused)| refused).collect());
    }
    match copying.send(connection, &[bytes]).await {
        Ok(()) => Ok(Vec::new()),
        Err(error) => copying.refused(&error, |row| ordinals.get(row).copied()).ok_or(error),
    }
}

/// What a view of staged rows selects. Where they are texts, whoever asks the view reads them as the table's own
/// types: we never do.
pub async fn reading(connection: &mut PgConnection, spec: &Target) -> Result<String, DatabaseError> {
    if spec.hand == Hand::Ours {
        return Ok("*".to_owned());
    }
    let types = column_types(connection, &spec.full_name()).await?;
    let read = |column: &String| {
        let name = identifier(column);
        types.get(column).map_or_else(|| name.clone(), |full| format!("{name}::{full} AS {name}"))
    };
    let mut read: Vec<String> = spec.columns.iter().map(read).collect();
    read.extend(spec.is_partial().then(|| GAPS.to_owned()));
    Ok(format!("{POSITION}, {}", read.join(", ")))
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
        self.batch(bytes, &batch.ordinals, batch.position).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Written, DatabaseError> {
        let mut written = Written::default();
        if let Some(Gathered { mut transaction, refused }) = self.gathered.take() {
            if let Settled::Done(counts, refused) = self.settle(&mut transaction, refused, true).await? {
                written = self.make_durable(transaction, (counts, refused), self.position).await?;
            }
            if !self.spec.reject && !written.refused.is_empty() {
                return Ok(written);
            }
        }
        let state = serde_json::json!({ "road": "staged", "counts": self.counts, "continues": self.spec.continues });
        let mut transaction = self.database.begin(&self.spec.namespace).await?;
        if !self.spec.remember_keys && self.counts.contains_key("unchanged") {
            merge::forget_seen(&mut transaction, &self.spec).await?;
        }
        checkpoint::write(&mut transaction, &place(&self.spec), self.position, (true, state)).await?;
        self.database.commit(transaction).await?;
        Ok(written)
    }
}
