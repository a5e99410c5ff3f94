//! Lines into a SQLite file, and what stands around them afterwards.

use sqlx::{Connection, Row as _, SqliteConnection};
use tokio::sync::mpsc;

use super::load::checkpoint::{self, Place};
use super::load::insert::Inserter;
use super::load::run;
use super::{Sqlite, translate};
use crate::backends::database::ddl::Stages;
use crate::backends::database::load::parse_text;
use crate::backends::database::quote::identifier;
use crate::backends::database::refill::{Refill, RefillSpec, Tally, broken_off, damaged};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Namespace};

impl Sqlite {
    /// Inserts lines into a table, in one transaction.
    pub(super) async fn fill_with(
        &self,
        spec: &RefillSpec,
        mut lines: mpsc::Receiver<Refill>,
    ) -> Result<u64, DatabaseError> {
        // Whatever goes wrong, the connection is closed, which takes everything back.
        let mut connection = self.unchecked(&spec.namespace).await?;
        let table = identifier(&spec.table);
        if spec.alone {
            run(&mut connection, &format!("DELETE FROM {table}")).await?;
        }
        let mut insertion = Insertion::into(spec, &table);
        loop {
            match lines.recv().await {
                Some(Refill::Lines(bytes)) => insertion.push(&mut connection, &bytes).await?,
                Some(Refill::End) => break,
                None => return Err(broken_off(Engine::Sqlite, spec)),
            }
        }
        let rows = insertion.finish(&mut connection).await?;
        if let Some(checkpoint) = &spec.checkpoint {
            let place = Place { namespace: &spec.namespace, run: &checkpoint.run, step: checkpoint.step };
            let state = (checkpoint.finished, checkpoint.state.clone());
            checkpoint::write(&mut connection, &place, checkpoint.position, state).await?;
        }
        self.stands().await?;
        run(&mut connection, "COMMIT").await?;
        connection.close().await.map_err(translate)?;
        Ok(rows)
    }

    /// Builds keys, proves foreign keys, and gathers statistics.
    pub(super) async fn finish(
        &self,
        namespace: &Namespace,
        stages: &Stages,
        _at_once: usize,
    ) -> Result<(), DatabaseError> {
        let mut connection = self.unchecked(namespace).await?;
        let built = stages.keys.iter().chain(&stages.indexes).flat_map(|(_, statements)| statements);
        for statement in built.chain(&stages.foreign) {
            match run(&mut connection, statement).await {
                Err(error) if error.message.contains("already exists") => {}
                other => other?,
            }
        }
        prove_foreign_keys(&mut connection).await?;
        self.stands().await?;
        run(&mut connection, "COMMIT").await?;
        run(&mut connection, "PRAGMA analysis_limit = 1000; ANALYZE").await?;
        connection.close().await.map_err(translate)
    }

    /// A connection of its own, in a transaction that does not check foreign keys row by row: the
    /// pragma has no effect inside one.
    async fn unchecked(&self, namespace: &Namespace) -> Result<SqliteConnection, DatabaseError> {
        let mut connection = self.pool(namespace).await?.acquire().await.map_err(translate)?.detach();
        run(&mut connection, "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -32768; PRAGMA threads = 2").await?;
        run(&mut connection, "BEGIN IMMEDIATE").await?;
        Ok(connection)
    }
}

async fn prove_foreign_keys(connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
    let sql = "SELECT \"table\", \"parent\" FROM pragma_foreign_key_check LIMIT 1";
    let Some(orphan) = sqlx::query(sql).fetch_optional(connection).await.map_err(translate)? else { return Ok(()) };
    let (child, parent): (String, String) =
        (orphan.try_get(0).map_err(translate)?, orphan.try_get(1).map_err(translate)?);
    let message = format!("a row of '{child}' points at no row of '{parent}'");
    Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Constraint, message))
}

/// Lines on their way into a table.
struct Insertion<'s> {
    spec: &'s RefillSpec,
    inserter: Inserter,
    tally: Tally,
    rows: u64,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
}

impl<'s> Insertion<'s> {
    fn into(spec: &'s RefillSpec, table: &str) -> Self {
        let names: Vec<String> = spec.columns.iter().map(|(name, _)| name.clone()).collect();
        let inserter = Inserter::into_table(table, &names);
        Self { spec, inserter, tally: Tally::default(), rows: 0, begun: Vec::new() }
    }

    async fn push(&mut self, connection: &mut SqliteConnection, bytes: &[u8]) -> Result<(), DatabaseError> {
        self.tally.push(bytes);
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            if self.begun.is_empty() {
                self.line(connection, head).await?;
            } else {
                let mut line = std::mem::take(&mut self.begun);
                line.extend_from_slice(head);
                self.line(connection, &line).await?;
            }
        }
        self.begun.extend_from_slice(rest);
        Ok(())
    }

    async fn line(&mut self, connection: &mut SqliteConnection, line: &[u8]) -> Result<(), DatabaseError> {
        self.rows += 1;
        let row = parse_text::row(line, self.spec.columns.iter().map(|(_, logical)| logical))
            .map_err(|what| damaged(Engine::Sqlite, self.spec, &format!("line {} is {what}", self.rows)))?;
        match self.inserter.push(row)? {
            Some(statement) => statement.send(connection).await,
            None => Ok(()),
        }
    }

    async fn finish(mut self, connection: &mut SqliteConnection) -> Result<u64, DatabaseError> {
        if let Some(statement) = self.inserter.rest() {
            statement.send(connection).await?;
        }
        self.tally.prove(self.spec, Engine::Sqlite, self.rows)
    }
}
