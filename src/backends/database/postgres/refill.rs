//! Lines into PostgreSQL, and what stands around them afterwards.

use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::PgConnection;
use tokio::sync::mpsc;

use super::as_owner::Hand;
use super::code::Effect;
use super::error::translate;
use super::load::checkpoint::{self, Place};
use super::load::copying::wires;
use super::load::probes::TEXTS;
use super::load::staged::column_types;
use super::rows::{Unfinished, run};
use super::{Postgres, counters};
use crate::backends::database::ddl::Stages;
use crate::backends::database::load::copy_binary;
use crate::backends::database::load::copy_lines::{self, Lines};
use crate::backends::database::quote::{identifier, list, qualified};
use crate::backends::database::refill::{Refill, RefillSpec, Tally, broken_off, damaged};
use crate::backends::database::{DatabaseError, DatabaseErrorKind, own_tables};
use crate::model::{Engine, Namespace};

/// What PostgreSQL answers where a table, a key or a primary key is there already.
const EXISTS: [&str; 3] = ["42P07", "42710", "42P16"];

/// Bytes of one message.
const SENT: usize = 1 << 20;

impl Postgres {
    /// Sends lines to a table, in one transaction.
    pub(super) async fn fill_with(
        &self,
        spec: &RefillSpec,
        lines: mpsc::Receiver<Refill>,
    ) -> Result<u64, DatabaseError> {
        // Whatever goes wrong, the connection is closed, and the server takes everything back.
        let mut open = Unfinished(Some(self.acquire(&spec.namespace).await?));
        let Some(connection) = open.0.as_deref_mut() else { return Ok(0) };
        run(connection, self.begin_sql()).await?;
        let table = qualified(&spec.namespace, &spec.table);
        // The table is ours, but its columns may have types of the tenant's making.
        let tables = std::slice::from_ref(&table);
        let hand = Hand::for_tables(connection, &spec.namespace, (tables, Effect::Writes)).await?;
        let rows = match hand {
            Hand::Ours => self.copy_in(connection, spec, (&table, true), lines).await?,
            Hand::Owner(_) => {
                run(connection, texts_of(spec)).await?;
                let rows = self.copy_in(connection, spec, (TEXTS, false), lines).await?;
                moved(connection, spec, (&hand, &table), rows).await?
            }
        };
        if let Some(checkpoint) = &spec.checkpoint {
            let place = Place { namespace: &spec.namespace, run: &checkpoint.run, step: checkpoint.step };
            let state = (checkpoint.finished, checkpoint.state.clone());
            checkpoint::write(connection, &place, checkpoint.position, state).await?;
        }
        self.stands().await?;
        run(connection, "COMMIT".to_owned()).await?;
        drop(open.0.take());
        Ok(rows)
    }

    async fn copy_in(
        &self,
        connection: &mut PgConnection,
        spec: &RefillSpec,
        (table, itself): (&str, bool),
        mut lines: mpsc::Receiver<Refill>,
    ) -> Result<u64, DatabaseError> {
        let mut binary = if itself { binary(connection, spec, table).await? } else { None };
        let format = if binary.is_some() { "binary" } else { "text" };
        let mut options = format!("FORMAT {format}, ENCODING 'UTF8'");
        if spec.alone && itself {
            run(connection, format!("TRUNCATE {table}")).await?;
            // Rows of a table that was emptied in the same transaction may be written as old ones:
            // nobody has to read and mark them a second time.
            if !self.capabilities.citus {
                options.push_str(", FREEZE");
            }
        }
        let names: Vec<String> = spec.columns.iter().map(|(name, _)| name.clone()).collect();
        let statement = format!("COPY {table} ({}) FROM STDIN WITH ({options})", list("", &names));
        let mut copy = connection.copy_in_raw(&statement).await.map_err(translate)?;
        let mut tally = Tally::default();
        let mut rows = Vec::new();
        if binary.is_some() {
            rows.extend_from_slice(copy_binary::HEADER);
        }
        loop {
            match lines.recv().await {
                Some(Refill::Lines(bytes)) => {
                    tally.push(&bytes);
                    // The driver copies what it sends: a whole part would be in memory twice.
                    for start in (0..bytes.len()).step_by(SENT) {
                        let piece = bytes.slice(start..bytes.len().min(start + SENT));
                        let Some(binary) = &mut binary else {
                            copy.send(piece).await.map_err(translate)?;
                            continue;
                        };
                        if let Err(wrong) = binary.encode(&piece, &mut rows) {
                            copy.abort("a line is damaged").await.map_err(translate)?;
                            return Err(damaged(Engine::Postgres, spec, &wrong));
                        }
                        copy.send(rows.as_slice()).await.map_err(translate)?;
                        rows.clear();
                    }
                }
                Some(Refill::End) => break,
                None => {
                    copy.abort("the lines broke off").await.map_err(translate)?;
                    return Err(broken_off(Engine::Postgres, spec));
                }
            }
        }
        if binary.is_some() {
            rows.extend_from_slice(copy_binary::TRAILER);
            copy.send(rows.as_slice()).await.map_err(translate)?;
        }
        let rows = copy.finish().await.map_err(translate)?;
        tally.prove(spec, Engine::Postgres, rows)
    }

    /// Builds keys, foreign keys, counters and statistics.
    pub(super) async fn finish(
        &self,
        namespace: &Namespace,
        stages: &Stages,
        at_once: usize,
    ) -> Result<(), DatabaseError> {
        let at_once = at_once.max(1);
        for each in [&stages.keys, &stages.indexes] {
            let built: Vec<_> = each.iter().map(|(_, statements)| self.build(namespace, statements)).collect();
            side_by_side(built, at_once).await?;
        }
        // Statistics are wanted of what is finished.
        let mut tables: Vec<String> = stages.indexes.iter().map(|(table, _)| table.clone()).collect();
        let analyze = |table: &String| format!("ANALYZE {}", qualified(namespace, table));
        let gather: Vec<_> = tables.iter().map(|table| self.execute_one(namespace, analyze(table))).collect();
        side_by_side(gather, at_once).await?;
        // Each of them locks two tables: side by side they would wait for each other.
        self.build(namespace, &stages.foreign).await?;
        tables.extend(own_tables::NAMES.map(str::to_owned));
        self.count_on(namespace, &tables).await
    }

    async fn build(&self, namespace: &Namespace, statements: &[String]) -> Result<(), DatabaseError> {
        for statement in statements {
            // Sorting for the index in one pass; the default of 64 MB spills a million e-mail addresses.
            let sql = format!("SET LOCAL maintenance_work_mem = '256MB'; {statement}");
            match self.execute_one(namespace, sql).await {
                Err(error) if error.code.as_deref().is_some_and(|code| EXISTS.contains(&code)) => {}
                other => other?,
            }
        }
        Ok(())
    }

    async fn execute_one(&self, namespace: &Namespace, sql: String) -> Result<(), DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        run(&mut transaction, sql).await?;
        self.commit(transaction).await
    }

    /// What counts by itself goes on behind the last row.
    async fn count_on(&self, namespace: &Namespace, tables: &[String]) -> Result<(), DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        for table in tables {
            counters::advance((&mut transaction, &Hand::Ours), (namespace, table), None, &qualified(namespace, table))
                .await?;
        }
        self.commit(transaction).await
    }
}

/// A statement that makes a table of texts for the lines.
fn texts_of(spec: &RefillSpec) -> String {
    let columns: Vec<String> =
        spec.columns.iter().map(|(name, _)| format!("{} pg_catalog.text", identifier(name))).collect();
    format!("CREATE TEMPORARY TABLE \"_fixtool_texts\" ({}) ON COMMIT DROP", columns.join(", "))
}

/// Lets a role of the tenant read the lines as what they are, and write them to the table.
async fn moved(
    connection: &mut PgConnection,
    spec: &RefillSpec,
    (hand, table): (&Hand, &str),
    rows: u64,
) -> Result<u64, DatabaseError> {
    if spec.alone {
        run(connection, format!("TRUNCATE {table}")).await?;
    }
    let types = column_types(connection, table).await?;
    let names: Vec<String> = spec.columns.iter().map(|(name, _)| name.clone()).collect();
    let read = |name: &String| {
        let full = types.get(name).map_or("pg_catalog.text", String::as_str);
        format!("s.{}::{full}", identifier(name))
    };
    let values: Vec<String> = names.iter().map(read).collect();
    let sql = format!("INSERT INTO {table} ({}) SELECT {} FROM {TEXTS} s", list("", &names), values.join(", "));
    let lent = hand.lend(connection, (&spec.namespace, table)).await?;
    hand.show(connection, TEXTS).await?;
    let written = hand.execute(connection, &sql, &[]).await?;
    run(connection, lent.join("; ")).await?;
    hand.dismiss(connection).await?;
    if written == rows {
        return Ok(rows);
    }
    let message = format!("{table}: {rows} rows were sent and {written} arrived");
    Err(DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, message))
}

/// The lines as rows in binary, where they need no parsing.
async fn binary(connection: &mut PgConnection, spec: &RefillSpec, table: &str) -> Result<Option<Lines>, DatabaseError> {
    let known = spec.columns.iter().all(|(_, logical)| copy_lines::is_known(logical));
    if !known || spec.written_by != Some(Engine::Postgres) {
        return Ok(None);
    }
    let typed: Vec<_> = spec.columns.iter().map(|(name, logical)| (name.as_str(), logical)).collect();
    let wires = wires(connection, table, &typed).await?;
    let columns = |wires| spec.columns.iter().map(|(_, logical)| logical.clone()).zip::<Vec<_>>(wires).collect();
    Ok(wires.map(|wires| Lines::of(columns(wires))))
}

/// Does several things at once, and stops at the first error.
async fn side_by_side(
    work: Vec<impl Future<Output = Result<(), DatabaseError>>>,
    at_once: usize,
) -> Result<(), DatabaseError> {
    stream::iter(work).buffer_unordered(at_once).try_collect::<Vec<()>>().await.map(drop)
}
