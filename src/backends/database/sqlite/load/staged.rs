//! The staged road: a filled table is loaded through a temporary table, batch by batch, each in
//! one transaction with its checkpoint.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, SqliteConnection};

use super::super::Sqlite;
use super::super::error::translate;
use super::bare::run;
use super::checkpoint::{self, Place};
use super::insert::Inserter;
use super::probes::{POSITION, STAGE, Staged};
use super::{gaps, merge, moves};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::gaps::{GAPS, GAPS_NAME};
use crate::backends::database::load::probed::probe;
use crate::backends::database::load::{EncodedRows, Encoding, LoadSession, LoadSpec, RowBatch, Written};
use crate::backends::database::quote::{identifier, list};
use crate::model::{Row, Value};

/// A staged load in progress.
pub struct StagedLoad {
    database: Sqlite,
    connection: PoolConnection<sqlx::Sqlite>,
    spec: LoadSpec,
    counts: BTreeMap<String, u64>,
    position: u64,
    /// Whether a row waits for one that may come later: then all from there on are staged, and become durable together.
    gathers: bool,
}

/// What came of the rows that are staged.
enum Settled {
    /// They are in the table, or refused; with the totals.
    Done(Written, BTreeMap<String, u64>),
    /// One of them waits; all are staged as before.
    Waits,
}

impl StagedLoad {
    /// Goes on from the checkpoint that the specification names, or begins.
    pub async fn begin(database: &Sqlite, spec: &LoadSpec) -> Result<Self, DatabaseError> {
        let mut connection = database.pool(&spec.namespace).await?.acquire().await.map_err(translate)?;
        run(&mut connection, &format!("DROP TABLE IF EXISTS {STAGE}")).await?;
        let create = format!(
            "CREATE TEMP TABLE \"_fixtool_stage\" AS SELECT 0 AS {POSITION}, {}{} FROM main.{} WHERE 0",
            list("", &spec.columns),
            if spec.is_partial() { format!(", '' AS {GAPS}") } else { String::new() },
            identifier(&spec.table)
        );
        run(&mut connection, &create).await?;
        let counts = spec.resume.as_ref().and_then(|c| serde_json::from_value(c.state.get("counts")?.clone()).ok());
        let position = spec.resume.as_ref().map_or(0, |c| c.position);
        let (database, spec, counts) = (database.clone(), spec.clone(), counts.unwrap_or_default());
        Ok(Self { database, connection, spec, counts, position, gathers: false })
    }

    async fn batch(&mut self, ordinals: Vec<u64>, rows: Vec<Row>, position: u64) -> Result<Written, DatabaseError> {
        if self.gathers {
            run(&mut self.connection, "BEGIN").await?;
            let staged = stage(&mut self.connection, &self.spec, ordinals, rows).await;
            let end = if staged.is_ok() { "COMMIT" } else { "ROLLBACK" };
            run(&mut self.connection, end).await?;
            self.position = position;
            return staged.map(|()| Written::default());
        }
        run(&mut self.connection, "BEGIN IMMEDIATE").await?;
        let staged = match run(&mut self.connection, &format!("DELETE FROM {STAGE}")).await {
            Ok(()) => stage(&mut self.connection, &self.spec, ordinals, rows).await,
            Err(error) => Err(error),
        };
        let settled = match staged {
            Ok(()) => self.settle(position, false).await,
            Err(error) => Err(error),
        };
        self.end(settled, position).await
    }

    /// Makes what was settled durable, or takes it back.
    async fn end(&mut self, settled: Result<Settled, DatabaseError>, position: u64) -> Result<Written, DatabaseError> {
        match settled {
            Ok(Settled::Waits) => {
                run(&mut self.connection, "COMMIT").await?;
                self.gathers = true;
                self.position = position;
                Ok(Written::default())
            }
            Ok(Settled::Done(written, totals)) if self.spec.reject || written.refused.is_empty() => {
                run(&mut self.connection, "COMMIT").await?;
                self.counts = totals;
                self.position = position;
                Ok(written)
            }
            Ok(Settled::Done(written, _)) => {
                run(&mut self.connection, "ROLLBACK").await?;
                Ok(Written { refused: written.refused, ..Written::default() })
            }
            Err(error) => {
                // The first error is the one to tell; SQLite may have rolled back by itself.
                let _ = run(&mut self.connection, "ROLLBACK").await;
                Err(error)
            }
        }
    }

    /// From the staging table into the table. `last` says that nothing more comes.
    async fn settle(&mut self, position: u64, last: bool) -> Result<Settled, DatabaseError> {
        let (connection, spec) = (&mut *self.connection, &self.spec);
        gaps::fill(connection, spec).await?;
        let may_wait = !last && spec.may_wait();
        if may_wait {
            run(connection, "SAVEPOINT staged").await?;
        }
        let released = if last && spec.remember_keys { moves::release(connection, spec).await? } else { 0 };
        let probed = probe(&mut Staged { connection, spec }, last).await?;
        if may_wait {
            let back = if probed.waits { "ROLLBACK TO staged; " } else { "" };
            run(connection, &format!("{back}RELEASE staged")).await?;
        }
        if probed.waits {
            return Ok(Settled::Waits);
        }
        let mut refused = probed.refused;
        if !spec.reject && !refused.is_empty() {
            return Ok(Settled::Done(Written { refused, ..Written::default() }, BTreeMap::new()));
        }
        let staged = merge::Batch { spec, parks: probed.moves };
        let mut counts = merge::merge(connection, &staged, &mut refused).await?;
        counts.insert("deleted", released);
        counts.retain(|_, amount| *amount > 0);
        let place = Place { namespace: &spec.namespace, run: &spec.run, step: spec.step };
        checkpoint::remember_refused(connection, &place, &refused).await?;
        let mut totals = self.counts.clone();
        for (name, amount) in &counts {
            *totals.entry((*name).to_owned()).or_default() += amount;
        }
        *totals.entry("refused".to_owned()).or_default() += refused.len() as u64;
        let state = serde_json::json!({ "road": "staged", "counts": totals });
        checkpoint::write(connection, &place, position, (false, state)).await?;
        self.database.stands().await?;
        Ok(Settled::Done(Written { counts, refused }, totals))
    }
}

async fn stage(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    ordinals: Vec<u64>,
    rows: Vec<Row>,
) -> Result<(), DatabaseError> {
    let mut columns = vec!["_fixtool_position".to_owned()];
    columns.extend(spec.columns.iter().cloned());
    columns.extend(spec.is_partial().then(|| GAPS_NAME.to_owned()));
    let mut inserter = Inserter::into_table(STAGE, &columns);
    for (ordinal, mut row) in ordinals.into_iter().zip(rows) {
        row.insert(0, Value::Int(i64::try_from(ordinal).unwrap_or(i64::MAX)));
        if let Some(statement) = inserter.push(row)? {
            statement.send(connection).await?;
        }
    }
    match inserter.rest() {
        Some(statement) => statement.send(connection).await,
        None => Ok(()),
    }
}

#[async_trait]
impl LoadSession for StagedLoad {
    fn durable_by_batch(&self) -> bool {
        true
    }

    fn encoding(&self) -> Encoding {
        Encoding::Values
    }

    async fn write(&mut self, batch: RowBatch) -> Result<Written, DatabaseError> {
        let EncodedRows::Values(rows) = batch.rows else {
            return Err(super::wrong_form());
        };
        self.batch(batch.ordinals, rows, batch.position).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Written, DatabaseError> {
        let mut written = Written::default();
        if self.gathers {
            run(&mut self.connection, "BEGIN IMMEDIATE").await?;
            let settled = self.settle(self.position, true).await;
            written = self.end(settled, self.position).await?;
            if !self.spec.reject && !written.refused.is_empty() {
                return Ok(written);
            }
        }
        let state = serde_json::json!({ "road": "staged", "counts": self.counts });
        let place = Place { namespace: &self.spec.namespace, run: &self.spec.run, step: self.spec.step };
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(translate)?;
        checkpoint::write(&mut transaction, &place, self.position, (true, state)).await?;
        if !self.spec.remember_keys && self.counts.contains_key("unchanged") {
            merge::forget_seen(&mut transaction, &self.spec).await?;
        }
        self.database.commit(transaction).await?;
        run(&mut self.connection, &format!("DROP TABLE IF EXISTS {STAGE}")).await?;
        Ok(written)
    }
}
