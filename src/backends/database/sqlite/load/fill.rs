//! The task that fills an empty table: it owns the connection, so that binding the next statement
//! overlaps with carrying out the last.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::sync::mpsc;

use super::super::error::translate;
use super::super::rebuild::Rebuild;
use super::bare::run;
use super::checkpoint::{self, Place};
use super::insert::Statement;
use super::{prints, probes};
use crate::backends::database::load::positions::Positions;
use crate::backends::database::load::{LoadSpec, Refused, Written};
use crate::backends::database::quote::identifier;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// What the session tells the task.
pub enum Message {
    /// Positions in the source of rows that follow.
    Positions(Vec<u64>),
    /// Rows.
    Rows(Statement),
    /// Digests of the rows' keys.
    Prints(Vec<u8>),
    /// All rows were sent.
    Finish,
}

/// The table that is filled.
pub struct Fill {
    /// A connection of its own, in a transaction: closing it rolls back.
    pub connection: SqliteConnection,
    /// What is loaded.
    pub spec: LoadSpec,
    /// What was dropped, and is built at the end.
    pub rebuild: Rebuild,
    /// Which record each row came from.
    pub positions: Positions,
    /// Entries of digests written so far.
    pub entries: u64,
}

impl Fill {
    /// Carries out what the session says; nothing is durable unless it says that all was sent.
    pub async fn carry_out(mut self, mut receiver: mpsc::Receiver<Message>) -> Result<Written, DatabaseError> {
        let mut complete = false;
        while let Some(message) = receiver.recv().await {
            match message {
                Message::Positions(ordinals) => {
                    for ordinal in ordinals {
                        self.positions.push(ordinal);
                    }
                    self.spec.allow(Engine::Sqlite, self.positions.rows())?;
                }
                Message::Rows(statement) => statement.send(&mut self.connection).await?,
                Message::Prints(entry) => {
                    let place = Place { namespace: &self.spec.namespace, run: &self.spec.run, step: self.spec.step };
                    prints::write(&mut self.connection, &place, (self.entries, entry)).await?;
                    self.entries += 1;
                }
                Message::Finish => {
                    complete = true;
                    break;
                }
            }
        }
        let written = if complete { self.complete().await? } else { Written::default() };
        if complete {
            // Statistics are a courtesy to the queries that follow: the load stands without them.
            let optimize = run(&mut self.connection, "PRAGMA analysis_limit = 1000; PRAGMA optimize").await;
            if let Err(error) = optimize {
                tracing::warn!(table = self.spec.table, %error, "the table was not analysed");
            }
        }
        self.connection.close().await.map_err(translate)?;
        Ok(written)
    }

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
            // Rows that were taken out may have been what others of the same table point at.
            let chained = self.spec.definition.all_foreign_keys().iter().any(|key| key.table == self.spec.table);
            if !self.spec.reject || !chained {
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
        checkpoint::remember_refused(&mut self.connection, &place, &refused).await?;
        checkpoint::write(&mut self.connection, &place, 0, (true, state)).await?;
        run(&mut self.connection, "COMMIT").await?;
        Ok(Written { counts: [("inserted", inserted)].into(), refused })
    }
}
