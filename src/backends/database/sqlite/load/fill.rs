//! The task that fills an empty table: it owns the connection, so that binding the next statement
//! overlaps with carrying out the last.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::sync::mpsc;

use super::super::Sqlite;
use super::super::error::translate;
use super::super::rebuild::Rebuild;
use super::bare::run;
use super::checkpoint::{self, Place};
use super::insert::{Inserter, Statement};
use super::{prints, probes};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::positions::Positions;
use crate::backends::database::load::search::Search;
use crate::backends::database::load::{LoadSpec, Refused, Written};
use crate::backends::database::quote::{identifier, list};
use crate::model::{Engine, Row};

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
    /// Where the file is, and under which lease.
    database: Sqlite,
    /// A connection of its own, in a transaction: closing it rolls back.
    connection: SqliteConnection,
    /// What is loaded.
    spec: LoadSpec,
    /// What was dropped, and is built at the end.
    rebuild: Rebuild,
    /// Which record each row came from.
    positions: Positions,
    /// Entries of digests written so far.
    entries: u64,
    /// Rows that went in so far.
    rows: u64,
    refused: Vec<Refused>,
}

impl Fill {
    /// Over a connection on which the table is stripped already.
    pub fn of(connection: SqliteConnection, (database, spec): (&Sqlite, &LoadSpec), rebuild: Rebuild) -> Self {
        let (positions, refused) = (Positions::default(), Vec::new());
        let database = database.clone();
        Self { database, connection, spec: spec.clone(), rebuild, positions, entries: 0, rows: 0, refused }
    }

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
                Message::Rows(statement) => self.insert(statement).await?,
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

    /// Carries out an insert, and leaves out what SQLite refuses where bad records are rejected.
    async fn insert(&mut self, mut statement: Statement) -> Result<(), DatabaseError> {
        let rows = std::mem::take(&mut statement.spare);
        let error = match statement.send(&mut self.connection).await {
            Ok(()) => {
                self.rows += rows.len() as u64;
                return Ok(());
            }
            Err(error) if error.is_of_row() && !rows.is_empty() => error,
            Err(error) => return Err(error),
        };
        let mut known = Some(error);
        let mut gone = Vec::new();
        let mut search = Search::over(rows.len());
        while let Some(piece) = search.piece() {
            let tried = rows.get(piece).unwrap_or_default();
            let done = match known.take() {
                Some(error) => Err(error),
                None => self.insert_piece(tried).await,
            };
            match done {
                Ok(()) => search.passed(),
                Err(error) if error.is_of_row() => {
                    let Some(row) = search.failed(None) else { continue };
                    let place = self.rows + row as u64;
                    let ordinal = self.positions.ordinal(place).unwrap_or(place);
                    self.refused.push(Refused::by_database(ordinal, &error, None));
                    gone.push(place);
                }
                Err(error) => return Err(error),
            }
        }
        self.rows += (rows.len() - gone.len()) as u64;
        self.positions.remove(&gone);
        Ok(())
    }

    /// SQLite takes back what one statement did when it fails.
    async fn insert_piece(&mut self, rows: &[Row]) -> Result<(), DatabaseError> {
        let mut inserter = Inserter::into_table(&identifier(&self.spec.table), &self.spec.columns);
        for row in rows {
            if let Some(statement) = inserter.push(row.clone())? {
                statement.send(&mut self.connection).await?;
            }
        }
        match inserter.rest() {
            Some(statement) => statement.send(&mut self.connection).await,
            None => Ok(()),
        }
    }

    /// No probe knows what an index refuses that the model does not have. It is built while the table is empty, and
    /// the rows go in piece by piece.
    async fn insert_again(&mut self, next: usize) -> Result<Vec<Refused>, DatabaseError> {
        let table = identifier(&self.spec.table);
        let names: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)")
            .bind(&self.spec.table)
            .fetch_all(&mut self.connection)
            .await
            .map_err(translate)?;
        let columns = list("", &names);
        let hold = format!(
            "CREATE TEMP TABLE \"_fixtool_held\" AS SELECT rowid - 1 AS \"_fixtool_position\", {columns} FROM {table}; \
             DELETE FROM {table}"
        );
        run(&mut self.connection, &hold).await?;
        for statement in self.rebuild.build.get(next..).unwrap_or_default() {
            run(&mut self.connection, statement).await?;
        }
        let mut refused = Vec::new();
        let mut search = Search::over(usize::try_from(self.positions.rows()).unwrap_or(usize::MAX));
        while let Some(piece) = search.piece() {
            let insert = format!(
                "INSERT INTO {table} (rowid, {columns}) SELECT \"_fixtool_position\" + 1, {columns} FROM temp.\"_fixtool_held\" \
                 WHERE \"_fixtool_position\" >= {} AND \"_fixtool_position\" < {} ORDER BY \"_fixtool_position\"",
                piece.start, piece.end
            );
            match run(&mut self.connection, &insert).await {
                Ok(()) => search.passed(),
                Err(error) if error.is_of_row() => {
                    let Some(row) = search.failed(None).map(|row| row as u64) else { continue };
                    refused.push(Refused::by_database(self.positions.ordinal(row).unwrap_or(row), &error, None));
                }
                Err(error) => return Err(error),
            }
        }
        run(&mut self.connection, "DROP TABLE temp.\"_fixtool_held\"").await?;
        Ok(refused)
    }

    /// Builds the indexes and proves the foreign keys. What they refuse is found by probes and
    /// taken out, if the user wants bad records rejected.
    async fn prove(&mut self) -> Result<Vec<Refused>, DatabaseError> {
        let mut refused = std::mem::take(&mut self.refused);
        let mut next = 0;
        while let Some(statement) = self.rebuild.build.get(next) {
            match run(&mut self.connection, statement).await {
                Ok(()) => next += 1,
                Err(error) if error.is_of_row() => {
                    let found = probes::duplicates_of_bare_table(&mut self.connection, &self.spec).await?;
                    if found.is_empty() {
                        refused.extend(self.insert_again(next).await?);
                        break;
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
        // Rows that never went in have no place among those that did.
        let before = self.refused.len();
        let refused = self.prove().await?;
        if !self.spec.reject && !refused.is_empty() {
            run(&mut self.connection, "ROLLBACK").await?;
            return Ok(Written { refused, ..Written::default() });
        }
        let inserted = self.positions.rows().saturating_sub((refused.len() - before) as u64);
        let state = serde_json::json!({
            "road": "bare",
            "counts": { "inserted": inserted, "refused": refused.len() },
        });
        let place = Place { namespace: &self.spec.namespace, run: &self.spec.run, step: self.spec.step };
        checkpoint::remember_refused(&mut self.connection, &place, &refused).await?;
        checkpoint::write(&mut self.connection, &place, 0, (true, state)).await?;
        self.database.stands().await?;
        run(&mut self.connection, "COMMIT").await?;
        Ok(Written { counts: [("inserted", inserted)].into(), refused })
    }
}
