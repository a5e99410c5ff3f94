//! The bare road: an empty table is filled before its indexes are built, in one transaction.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::super::Sqlite;
use super::super::error::translate;
use super::super::rebuild::{self, Rebuild};
use super::checkpoint::{self, Place};
use super::insert::Inserter;
use super::prints::Prints;
use super::probes;
use crate::backends::database::load::positions::Positions;
use crate::backends::database::load::{EncodedRows, Encoding, LoadSession, LoadSpec, Refused, RowBatch, Written};
use crate::backends::database::quote::identifier;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// A bare load in progress, on a connection of its own: closing it rolls back.
pub struct BareLoad {
    connection: SqliteConnection,
    spec: LoadSpec,
    rebuild: Rebuild,
    positions: Positions,
    inserter: Inserter,
    prints: Prints,
}

/// Begins a bare load; `None` when the table is not empty any more, or its keys cannot be dropped.
pub async fn begin(database: &Sqlite, spec: &LoadSpec) -> Result<Option<BareLoad>, DatabaseError> {
    let Some(prints) = Prints::of(spec) else { return Ok(None) };
    let mut connection = database.pool(&spec.namespace).await?.acquire().await.map_err(translate)?.detach();
    // Foreign keys are checked as a whole at the end; the pragma has no effect inside a transaction.
    run(&mut connection, "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -32768; PRAGMA threads = 2").await?;
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
    let inserter = Inserter::into_table(&identifier(&spec.table), &spec.columns);
    Ok(Some(BareLoad { connection, spec: spec.clone(), rebuild, positions: Positions::default(), inserter, prints }))
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

pub(super) async fn run(connection: &mut SqliteConnection, sql: &str) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop).map_err(translate)
}

impl BareLoad {
    /// Builds the indexes and proves the foreign keys. What they refuse is found by probes and
    /// taken out, if the user wants bad records rejected.
    async fn prove(&mut self) -> Result<Vec<Refused>, DatabaseError> {
        let mut refused: Vec<Refused> = Vec::new();
        let mut next = 0;
        while let Some(statement) = self.rebuild.build.get(next) {
            match run(&mut self.connection, statement).await {
                Ok(()) => next += 1,
                Err(error) if error.kind == DatabaseErrorKind::Constraint => {
                    let found = probes::duplicates_of_bare_table(&mut self.connection, &self.spec).await?;
                    if found.is_empty() {
                        return Err(error);
                    }
                    refused.extend(self.take_out(found).await?);
                    if !self.spec.reject {
                        return Ok(refused);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        loop {
            let found = probes::orphans_of_bare_table(&mut self.connection, &self.spec).await?;
            if found.is_empty() {
                return Ok(refused);
            }
            refused.extend(self.take_out(found).await?);
            if !self.spec.reject {
                return Ok(refused);
            }
        }
    }

    async fn take_out(&mut self, found: BTreeMap<i64, Refused>) -> Result<Vec<Refused>, DatabaseError> {
        let sql =
            format!("DELETE FROM {} WHERE rowid IN (SELECT value FROM json_each(?1))", identifier(&self.spec.table));
        let rows: Vec<i64> = found.keys().copied().collect();
        sqlx::query(AssertSqlSafe(sql))
            .bind(serde_json::json!(rows).to_string())
            .execute(&mut self.connection)
            .await
            .map_err(translate)?;
        let ordinal = |row: u64| self.positions.ordinal(row.saturating_sub(1)).unwrap_or(row);
        Ok(found
            .into_values()
            .map(|refused| Refused { ordinal: ordinal(refused.ordinal), other: refused.other.map(ordinal), ..refused })
            .collect())
    }

    async fn complete(&mut self) -> Result<Written, DatabaseError> {
        self.inserter.flush(&mut self.connection).await?;
        let refused = self.prove().await?;
        if !self.spec.reject && !refused.is_empty() {
            run(&mut self.connection, "ROLLBACK").await?;
            return Ok(Written { refused, ..Written::default() });
        }
        let inserted = self.positions.rows().saturating_sub(refused.len() as u64);
        let state = serde_json::json!({
            "road": "bare",
            "counts": { "inserted": inserted, "refused": refused.len() },
        });
        let place = Place { namespace: &self.spec.namespace, run: &self.spec.run, step: self.spec.step };
        self.prints.flush(&mut self.connection, &place).await?;
        checkpoint::remember_refused(&mut self.connection, &place, &refused).await?;
        checkpoint::write(&mut self.connection, &place, 0, (true, state)).await?;
        run(&mut self.connection, "COMMIT").await?;
        Ok(Written { counts: [("inserted", inserted)].into(), refused })
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
        for ordinal in batch.ordinals {
            self.positions.push(ordinal);
        }
        self.spec.allow(Engine::Sqlite, self.positions.rows())?;
        let place = Place { namespace: &self.spec.namespace, run: &self.spec.run, step: self.spec.step };
        for row in rows {
            self.prints.push(&row, &mut self.connection, &place).await?;
            self.inserter.push(row, &mut self.connection).await?;
        }
        Ok(Written::default())
    }

    async fn finish(mut self: Box<Self>) -> Result<Written, DatabaseError> {
        let written = self.complete().await?;
        // Statistics are a courtesy to the queries that follow: the load stands without them.
        if let Err(error) = run(&mut self.connection, "PRAGMA analysis_limit = 1000; PRAGMA optimize").await {
            tracing::warn!(table = self.spec.table, %error, "the table was not analysed");
        }
        self.connection.close().await.map_err(translate)?;
        Ok(written)
    }
}
