//! From the staging table into the table: what is new is inserted, what is known is treated as the
//! conflict strategy says, and the undo journal learns how it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::error::translate;
use super::bare::run;
use super::probes::{POSITION, STAGE, key_text, matching};
use crate::backends::database::load::{Conflict, LoadSpec, Refused, RefusedReason};
use crate::backends::database::quote::{identifier, list, literal};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, LogicalType, Table};

/// Staged rows by what became of them.
pub type Counts = BTreeMap<&'static str, u64>;

const HELD: &str = "temp.\"_fixtool_held\"";

/// Moves what is staged into the table; rows that SQLite refuses for a reason that the model does
/// not know (a trigger, a CHECK) are found by halves and added to `refused`, if the user wants bad
/// records rejected.
pub async fn merge(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    match attempt(connection, spec).await {
        Err(error) if error.kind == DatabaseErrorKind::Constraint && spec.reject => {
            by_halves(connection, spec, refused).await
        }
        other => other,
    }
}

async fn attempt(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<Counts, DatabaseError> {
    run(connection, "SAVEPOINT attempt").await?;
    let done = stage_into_table(connection, spec).await;
    if done.is_err() {
        run(connection, "ROLLBACK TO attempt").await?;
    }
    run(connection, "RELEASE attempt").await?;
    done
}

async fn by_halves(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    run(connection, &format!("CREATE TEMP TABLE \"_fixtool_held\" AS SELECT * FROM {STAGE}")).await?;
    let positions: Vec<i64> =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT {POSITION} FROM {HELD} ORDER BY {POSITION}")))
            .fetch_all(&mut *connection)
            .await
            .map_err(translate)?;
    let mut totals = Counts::new();
    let mut pieces: Vec<&[i64]> = vec![&positions];
    while let Some(piece) = pieces.pop() {
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { continue };
        run(connection, &format!("DELETE FROM {STAGE}")).await?;
        let fill = format!("INSERT INTO {STAGE} SELECT * FROM {HELD} WHERE {POSITION} BETWEEN {first} AND {last}");
        run(connection, &fill).await?;
        match attempt(connection, spec).await {
            Ok(counts) => counts.into_iter().for_each(|(name, amount)| *totals.entry(name).or_default() += amount),
            Err(error) if error.kind == DatabaseErrorKind::Constraint && piece.len() == 1 => refused.push(Refused {
                ordinal: first.unsigned_abs(),
                reason: RefusedReason::Database,
                columns: Vec::new().into(),
                other: None,
                message: Some(error.message.into_boxed_str()),
            }),
            Err(error) if error.kind == DatabaseErrorKind::Constraint => {
                let (left, right) = piece.split_at(piece.len() / 2);
                pieces.extend([right, left]);
            }
            Err(error) => return Err(error),
        }
    }
    run(connection, &format!("DROP TABLE {HELD}")).await?;
    Ok(totals)
}

async fn stage_into_table(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<Counts, DatabaseError> {
    let mut counts = Counts::new();
    let table = identifier(&spec.table);
    let staged = number(connection, format!("SELECT count(*) FROM {STAGE}")).await?;
    if spec.remember_keys {
        execute(connection, journal(spec, "seen", &format!("{}, NULL FROM {STAGE} s", key_text("s.", &spec.key))))
            .await?;
    }
    let mut matched = 0;
    if !spec.key.is_empty() && spec.conflict != Conflict::Error {
        let on = matching("t", &spec.key, "s", &spec.key);
        matched = number(connection, format!("SELECT count(*) FROM {STAGE} s CROSS JOIN {table} t ON {on}")).await?;
        if spec.conflict == Conflict::Skip {
            counts.insert("skipped", matched);
        } else {
            let image = before_image(&spec.definition);
            let from = format!(
                "{}, {image} FROM {STAGE} s CROSS JOIN {table} t ON {on} WHERE {}",
                key_text("t.", &spec.key),
                would_change(spec)
            );
            execute(connection, journal(spec, "update", &from)).await?;
            let updated = match update(spec, &on) {
                Some(sql) => execute(connection, sql).await?,
                None => 0,
            };
            counts.insert("updated", updated);
            counts.insert("unchanged", matched.saturating_sub(updated));
        }
    }
    // A key that the source does not carry comes from its default: no row can have it already.
    let fresh = if spec.carries_key() {
        format!("NOT EXISTS (SELECT 1 FROM {table} t WHERE {})", matching("t", &spec.key, "s", &spec.key))
    } else {
        "1".to_owned()
    };
    if spec.carries_key() {
        let from = format!("{}, NULL FROM {STAGE} s WHERE {fresh}", key_text("s.", &spec.key));
        execute(connection, journal(spec, "insert", &from)).await?;
    }
    let by_default = !spec.key.is_empty() && !spec.carries_key();
    let last =
        if by_default { number(connection, format!("SELECT coalesce(max(rowid), 0) FROM {table}")).await? } else { 0 };
    let columns = list("", &spec.columns);
    let insert =
        format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {STAGE} s WHERE {fresh} ORDER BY {POSITION}");
    let inserted = execute(connection, insert).await?;
    if by_default {
        let from = format!("{}, NULL FROM {table} t WHERE t.rowid > {last}", key_text("t.", &spec.key));
        execute(connection, journal(spec, "insert", &from)).await?;
    }
    counts.insert("inserted", inserted);
    if spec.most_rows.is_some() && inserted > 0 {
        let rows = number(connection, format!("SELECT count(*) FROM {table}")).await?;
        spec.allow(Engine::Sqlite, rows)?;
    }
    *counts.entry("skipped").or_default() += staged.saturating_sub(matched + inserted);
    Ok(counts)
}

fn journal(spec: &LoadSpec, kind: &str, rest: &str) -> String {
    let (run, step) = (literal(&spec.run), spec.step);
    format!("INSERT INTO _fixtool_undo (run, step, kind, key, before) SELECT {run}, {step}, '{kind}', {rest}")
}

async fn execute(connection: &mut SqliteConnection, sql: String) -> Result<u64, DatabaseError> {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(|done| done.rows_affected()).map_err(translate)
}

async fn number(connection: &mut SqliteConnection, sql: String) -> Result<u64, DatabaseError> {
    let value: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.map_err(translate)?;
    Ok(value.unsigned_abs())
}

/// Rows that the strategy would change, as a condition over the row `t` and the staged row `s`.
fn would_change(spec: &LoadSpec) -> String {
    let differs: Vec<String> = spec
        .columns
        .iter()
        .filter(|c| !spec.key.contains(c))
        .map(|c| {
            let name = identifier(c);
            let given =
                if spec.conflict == Conflict::Merge { format!("s.{name} IS NOT NULL AND ") } else { String::new() };
            format!("({given}t.{name} IS NOT s.{name})")
        })
        .collect();
    if differs.is_empty() {
        return "0".to_owned();
    }
    let mut condition = format!("({})", differs.join(" OR "));
    if let (Conflict::Newest, Some(newest)) = (spec.conflict, &spec.definition.newest) {
        let name = identifier(newest);
        // Writing to a string cannot fail.
        let _ = write!(condition, " AND s.{name} IS NOT NULL AND (t.{name} IS NULL OR s.{name} > t.{name})");
    }
    condition
}

fn update(spec: &LoadSpec, on: &str) -> Option<String> {
    let assignments: Vec<String> = spec
        .columns
        .iter()
        .filter(|c| !spec.key.contains(c))
        .map(|c| {
            let name = identifier(c);
            if spec.conflict == Conflict::Merge {
                format!("{name} = COALESCE(s.{name}, t.{name})")
            } else {
                format!("{name} = s.{name}")
            }
        })
        .collect();
    (!assignments.is_empty()).then(|| {
        format!(
            "UPDATE {} AS t SET {} FROM {STAGE} s WHERE {on} AND {}",
            identifier(&spec.table),
            assignments.join(", "),
            would_change(spec)
        )
    })
}

/// A row `t` as a JSON array in the order of the model's columns, from which it can be brought back exactly.
///
/// A float is written with 17 digits, since JSON's own rendering in SQLite has 15; bytes as hex.
pub fn before_image(table: &Table) -> String {
    let cells: Vec<String> = table
        .columns
        .iter()
        .map(|(name, column)| {
            let cell = format!("t.{}", identifier(name));
            match column.logical {
                LogicalType::Float => {
                    format!("CASE typeof({cell}) WHEN 'real' THEN printf('%!.17g', {cell}) ELSE {cell} END")
                }
                LogicalType::Bytes => format!("CASE WHEN {cell} IS NULL THEN NULL ELSE hex({cell}) END"),
                _ => cell,
            }
        })
        .collect();
    format!("json_array({})", cells.join(", "))
}

/// The cell of a before-image at a place, as the value it was.
pub fn restored(logical: &LogicalType, place: usize) -> String {
    let cell = format!("json_extract(u.before, '$[{place}]')");
    match logical {
        LogicalType::Float => format!(
            "CASE {cell} WHEN 'Inf' THEN 9e999 WHEN '-Inf' THEN -9e999 WHEN 'NaN' THEN 'NaN' \
             ELSE CASE WHEN {cell} IS NULL THEN NULL ELSE CAST({cell} AS REAL) END END"
        ),
        LogicalType::Bytes => format!("unhex({cell})"),
        _ => cell,
    }
}
