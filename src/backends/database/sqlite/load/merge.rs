//! From the staging table into the table: what is new is inserted, what is known is treated as the
//! conflict strategy says, and the undo journal learns how it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::error::translate;
use super::bare::run;
use super::probes::{self, POSITION, STAGE, key_text, matching};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::gaps::{CARRIED, GAPS, Group};
use crate::backends::database::load::search::Search;
use crate::backends::database::load::{Conflict, LoadSpec, Refused};
use crate::backends::database::quote::{identifier, list, literal};
use crate::model::{Engine, LogicalType, Table};

/// Staged rows by what became of them.
pub type Counts = BTreeMap<&'static str, u64>;

const HELD: &str = "temp.\"_fixtool_held\"";

/// Moves what is staged into the table; rows that SQLite refuses for a reason that the model does
/// not know (a trigger, a CHECK) are found by halves and added to `refused`: all of them, or the first if the load ends
/// with it.
pub async fn merge(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    match attempt(connection, spec).await {
        Err(error) if error.is_of_row() => {
            let counts = by_halves(connection, spec, refused).await?;
            if refused.is_empty() { Err(error) } else { Ok(counts) }
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

/// What SQLite says of a row that points at no row.
const FOREIGN_KEY: &str = "787";

async fn by_halves(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    run(connection, &format!("CREATE TEMP TABLE \"_fixtool_held\" AS SELECT * FROM {STAGE}")).await?;
    let mut totals = Counts::new();
    loop {
        let rows: Vec<i64> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT {POSITION} FROM {HELD} ORDER BY {POSITION}")))
                .fetch_all(&mut *connection)
                .await
                .map_err(translate)?;
        let waiting = round(connection, spec, &rows, (&mut totals, refused)).await?;
        if waiting.is_empty() || (!spec.reject && !refused.is_empty()) {
            break;
        }
        if waiting.len() == rows.len() {
            refused.extend(waiting);
            break;
        }
        // What they point at may be there by this time; what points at a refused row goes out for good.
        let kept: Vec<u64> = waiting.iter().map(|row| row.ordinal).collect();
        let sql = format!("DELETE FROM {HELD} WHERE {POSITION} NOT IN (SELECT value FROM json_each(?1))");
        let kept = serde_json::json!(kept).to_string();
        sqlx::query(AssertSqlSafe(sql)).bind(kept).execute(&mut *connection).await.map_err(translate)?;
        run(connection, &format!("DELETE FROM {STAGE}; INSERT INTO {STAGE} SELECT * FROM {HELD}")).await?;
        take_out_orphans(connection, spec, refused).await?;
        run(connection, &format!("DELETE FROM {HELD}; INSERT INTO {HELD} SELECT * FROM {STAGE}")).await?;
    }
    run(connection, &format!("DROP TABLE {HELD}")).await?;
    Ok(totals)
}

/// One search over the held rows. The answer is those that may go through when others have.
async fn round(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    rows: &[i64],
    (totals, refused): (&mut Counts, &mut Vec<Refused>),
) -> Result<Vec<Refused>, DatabaseError> {
    let points_at_itself = spec.definition.all_foreign_keys().iter().any(|key| key.table == spec.table);
    let mut waiting = Vec::new();
    let mut search = Search::over(rows.len());
    while let Some(piece) = search.piece() {
        let piece = rows.get(piece).unwrap_or_default();
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { continue };
        let fill = format!(
            "DELETE FROM {STAGE}; INSERT INTO {STAGE} SELECT * FROM {HELD} WHERE {POSITION} BETWEEN {first} AND {last}"
        );
        run(connection, &fill).await?;
        match attempt(connection, spec).await {
            Ok(counts) => {
                search.passed();
                for (name, amount) in counts {
                    *totals.entry(name).or_default() += amount;
                }
            }
            Err(error) if error.is_of_row() => {
                let Some(row) = search.failed(None).and_then(|row| rows.get(row)) else { continue };
                let row = Refused::by_database(row.unsigned_abs(), &error, None);
                if points_at_itself && error.code.as_deref() == Some(FOREIGN_KEY) {
                    waiting.push(row);
                    continue;
                }
                refused.push(row);
                if !spec.reject {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(waiting)
}

/// Takes rows out of the staging table that point at no row, as long as there are any: the row that another one points
/// at may have been taken out before.
pub async fn take_out_orphans(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    refused: &mut Vec<Refused>,
) -> Result<(), DatabaseError> {
    if !spec.definition.all_foreign_keys().iter().any(|key| key.table == spec.table) {
        return Ok(());
    }
    loop {
        let found = probes::orphans_of_stage(connection, spec).await?;
        if found.is_empty() {
            return Ok(());
        }
        drop_rows(connection, &found).await?;
        refused.extend(found);
    }
}

/// Takes refused rows out of the staging table.
pub async fn drop_rows(connection: &mut SqliteConnection, refused: &[Refused]) -> Result<(), DatabaseError> {
    if refused.is_empty() {
        return Ok(());
    }
    let rows: Vec<u64> = refused.iter().map(|r| r.ordinal).collect();
    let sql = format!("DELETE FROM {STAGE} WHERE {POSITION} IN (SELECT value FROM json_each(?1))");
    sqlx::query(AssertSqlSafe(sql))
        .bind(serde_json::json!(rows).to_string())
        .execute(connection)
        .await
        .map(drop)
        .map_err(translate)
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
    let mut inserted = 0;
    for group in groups(connection, spec).await? {
        inserted += insert(connection, spec, &group).await?;
    }
    counts.insert("inserted", inserted);
    if spec.most_rows.is_some() && inserted > 0 {
        let rows = number(connection, format!("SELECT count(*) FROM {table}")).await?;
        spec.allow(Engine::Sqlite, rows)?;
    }
    *counts.entry("skipped").or_default() += staged.saturating_sub(matched + inserted);
    Ok(counts)
}

async fn groups(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<Vec<Group>, DatabaseError> {
    if !spec.is_partial() || spec.server_made().next().is_none() {
        return Ok(vec![Group::whole(spec)]);
    }
    let sql = format!("SELECT DISTINCT coalesce({GAPS}, '') FROM {STAGE}");
    let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
    Ok(Group::of(spec, &found, carried))
}

/// Whether the staged row `s` carries the column at a place.
fn carried(place: usize) -> String {
    format!("(s.{GAPS} IS NULL OR substr(s.{GAPS}, {}, 1) = '{CARRIED}')", place + 1)
}

/// What the records of rows that are there leave out becomes what these rows hold, so that all
/// that follows (probes, strategies, before-images) sees whole rows.
pub async fn fill_gaps(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<(), DatabaseError> {
    if !spec.is_partial() || !spec.carries_key() || spec.conflict == Conflict::Error {
        return Ok(());
    }
    let fill = |(place, column): (usize, &String)| {
        let name = identifier(column);
        format!("{name} = CASE WHEN {} THEN s.{name} ELSE t.{name} END", carried(place))
    };
    let fills = spec.columns.iter().enumerate().filter(|(_, c)| !spec.key.contains(c)).map(fill);
    let fills = fills.collect::<Vec<_>>().join(", ");
    if fills.is_empty() {
        return Ok(());
    }
    let on = matching("t", &spec.key, "s", &spec.key);
    let table = identifier(&spec.table);
    let sql = format!("UPDATE {STAGE} AS s SET {fills} FROM {table} t WHERE s.{GAPS} IS NOT NULL AND {on}");
    execute(connection, sql).await.map(drop)
}

/// Inserts what is new of a group, and tells the journal.
async fn insert(connection: &mut SqliteConnection, spec: &LoadSpec, group: &Group) -> Result<u64, DatabaseError> {
    let (table, rows) = (identifier(&spec.table), &group.rows);
    // A key that the source does not carry comes from its default: no row can have it already.
    let carries_key = spec.carries_key() && spec.key.iter().all(|column| group.columns.contains(column));
    let fresh = if carries_key {
        format!("{rows} AND NOT EXISTS (SELECT 1 FROM {table} t WHERE {})", matching("t", &spec.key, "s", &spec.key))
    } else {
        rows.clone()
    };
    if carries_key {
        let from = format!("{}, NULL FROM {STAGE} s WHERE {fresh}", key_text("s.", &spec.key));
        execute(connection, journal(spec, "insert", &from)).await?;
    }
    let by_default = !spec.key.is_empty() && !carries_key;
    let last =
        if by_default { number(connection, format!("SELECT coalesce(max(rowid), 0) FROM {table}")).await? } else { 0 };
    let columns = list("", &group.columns);
    let insert =
        format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {STAGE} s WHERE {fresh} ORDER BY {POSITION}");
    let inserted = execute(connection, insert).await?;
    if by_default {
        let from = format!("{}, NULL FROM {table} t WHERE t.rowid > {last}", key_text("t.", &spec.key));
        execute(connection, journal(spec, "insert", &from)).await?;
    }
    Ok(inserted)
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
