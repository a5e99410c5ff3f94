//! From the staging table into the table: what is new is inserted, what is known is treated as the
//! conflict strategy says, and the undo journal learns how it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::error::translate;
use super::bare::run;
use super::probes::{POSITION, STAGE, Staged, key_text, matching};
use super::{gaps, moves};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::gaps::Group;
use crate::backends::database::load::probed::orphans;
use crate::backends::database::load::search::Search;
use crate::backends::database::load::{Conflict, LoadSpec, Refused};
use crate::backends::database::quote::{identifier, list, literal};
use crate::model::{Engine, LogicalType, Table};

/// Staged rows by what became of them.
pub type Counts = BTreeMap<&'static str, u64>;

/// What is staged, and how.
pub struct Batch<'a> {
    /// The load.
    pub spec: &'a LoadSpec,
    /// Whether unique values go from row to row.
    pub parks: bool,
}

const HELD: &str = "temp.\"_fixtool_held\"";

/// Moves what is staged into the table; rows that SQLite refuses for a reason that the model does
/// not know (a trigger, a CHECK) are found by halves and added to `refused`: all of them, or the first if the load ends
/// with it.
pub async fn merge(
    connection: &mut SqliteConnection,
    staged: &Batch<'_>,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    match attempt(connection, staged).await {
        Err(error) if error.is_of_row() => {
            let counts = by_halves(connection, staged, refused).await?;
            if refused.is_empty() { Err(error) } else { Ok(counts) }
        }
        other => other,
    }
}

async fn attempt(connection: &mut SqliteConnection, staged: &Batch<'_>) -> Result<Counts, DatabaseError> {
    run(connection, "SAVEPOINT attempt").await?;
    let done = stage_into_table(connection, staged).await;
    if done.is_err() {
        run(connection, "ROLLBACK TO attempt").await?;
    }
    run(connection, "RELEASE attempt").await?;
    done
}

/// What SQLite says of a row that points at no row.
const FOREIGN_KEY: &str = "787";

/// What it says of a row whose unique value another one has.
pub const UNIQUE: &str = "2067";

async fn by_halves(
    connection: &mut SqliteConnection,
    staged: &Batch<'_>,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    let spec = staged.spec;
    run(connection, &format!("CREATE TEMP TABLE \"_fixtool_held\" AS SELECT * FROM {STAGE}")).await?;
    let mut totals = Counts::new();
    loop {
        let rows: Vec<i64> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT {POSITION} FROM {HELD} ORDER BY {POSITION}")))
                .fetch_all(&mut *connection)
                .await
                .map_err(translate)?;
        let waiting = round(connection, staged, &rows, (&mut totals, refused)).await?;
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
    staged: &Batch<'_>,
    rows: &[i64],
    (totals, refused): (&mut Counts, &mut Vec<Refused>),
) -> Result<Vec<Refused>, DatabaseError> {
    let spec = staged.spec;
    let may_wait = |code: Option<&str>| match code {
        Some(FOREIGN_KEY) => spec.points_at_itself(),
        Some(UNIQUE) => staged.parks,
        _ => false,
    };
    let mut waiting = Vec::new();
    let mut search = Search::over(rows.len());
    while let Some(piece) = search.piece() {
        let piece = rows.get(piece).unwrap_or_default();
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { continue };
        let fill = format!(
            "DELETE FROM {STAGE}; INSERT INTO {STAGE} SELECT * FROM {HELD} WHERE {POSITION} BETWEEN {first} AND {last}"
        );
        run(connection, &fill).await?;
        match attempt(connection, staged).await {
            Ok(counts) => {
                search.passed();
                for (name, amount) in counts {
                    *totals.entry(name).or_default() += amount;
                }
            }
            Err(error) if error.is_of_row() => {
                let Some(row) = search.failed(None).and_then(|row| rows.get(row)) else { continue };
                let row = Refused::by_database(row.unsigned_abs(), &error, None);
                if may_wait(error.code.as_deref()) {
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
    if !spec.points_at_itself() {
        return Ok(());
    }
    loop {
        let found = orphans(&mut Staged { connection, spec }).await?;
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

async fn stage_into_table(connection: &mut SqliteConnection, whole: &Batch<'_>) -> Result<Counts, DatabaseError> {
    let spec = whole.spec;
    let mut counts = Counts::new();
    let table = identifier(&spec.table);
    let staged = number(connection, format!("SELECT count(*) FROM {STAGE}")).await?;
    if spec.remember_keys {
        execute(connection, journal(spec, "seen", &format!("{}, NULL FROM {STAGE} s", key_text("s.", &spec.key))))
            .await?;
    }
    let mut matched = 0;
    let mut inserted = None;
    if !spec.key.is_empty() && spec.conflict != Conflict::Error {
        let on = matching("t", &spec.key, "s", &spec.key);
        matched = number(connection, format!("SELECT count(*) FROM {STAGE} s CROSS JOIN {table} t ON {on}")).await?;
        if spec.conflict == Conflict::Skip {
            counts.insert("skipped", matched);
        } else {
            let image = before_image(&spec.definition);
            let key = key_text("t.", &spec.key);
            let met = format!("FROM {STAGE} s CROSS JOIN {table} t ON {on}");
            let changes = would_change(spec);
            if !spec.remember_keys {
                // Another record of the source with the key of a row that stays as it is is a duplicate in a later batch too.
                let seen = format!("{key}, NULL {met} WHERE ({changes}) IS NOT TRUE");
                execute(connection, journal(spec, "seen", &seen)).await?;
            }
            execute(connection, journal(spec, "update", &format!("{key}, {image} {met} WHERE {changes}"))).await?;
            if whole.parks {
                moves::park(connection, spec).await?;
            }
            if spec.points_at_itself() {
                // A row that is there may point at a new one.
                inserted = Some(insert_new(connection, spec).await?);
            }
            let updated = match update(spec, &on) {
                Some(sql) => execute(connection, sql).await?,
                None => 0,
            };
            counts.insert("updated", updated);
            counts.insert("unchanged", matched.saturating_sub(updated));
        }
    }
    let inserted = match inserted {
        Some(inserted) => inserted,
        None => insert_new(connection, spec).await?,
    };
    counts.insert("inserted", inserted);
    if spec.most_rows.is_some() && inserted > 0 {
        let rows = number(connection, format!("SELECT count(*) FROM {table}")).await?;
        spec.allow(Engine::Sqlite, rows)?;
    }
    *counts.entry("skipped").or_default() += staged.saturating_sub(matched + inserted);
    Ok(counts)
}

async fn insert_new(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<u64, DatabaseError> {
    if spec.continues.is_some() {
        // Its rows are there, or somebody has removed them since.
        return Ok(0);
    }
    let mut inserted = 0;
    for group in gaps::groups(connection, spec).await? {
        inserted += insert(connection, spec, &group).await?;
    }
    Ok(inserted)
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

/// Forgets which rows were met and stayed as they are.
pub async fn forget_seen(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<(), DatabaseError> {
    let (run, step) = (literal(&spec.run), spec.step);
    let sql = format!("DELETE FROM _fixtool_undo WHERE run = {run} AND step = {step} AND kind = 'seen'");
    execute(connection, sql).await.map(drop)
}

fn journal(spec: &LoadSpec, kind: &str, rest: &str) -> String {
    let (run, step) = (literal(&spec.run), spec.step);
    format!("INSERT INTO _fixtool_undo (run, step, kind, key, before) SELECT {run}, {step}, '{kind}', {rest}")
}

/// Runs a statement; the rows that it changed.
pub async fn execute(connection: &mut SqliteConnection, sql: String) -> Result<u64, DatabaseError> {
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
    // A row that was inserted just now may hold a default where the record has nothing.
    let known = if spec.points_at_itself() {
        let (run, key) = (literal(&spec.run), key_text("t.", &spec.key));
        format!(
            " AND EXISTS (SELECT 1 FROM _fixtool_undo k WHERE k.run = {run} AND k.step = {} AND k.key = {key} \
             AND k.kind = 'update')",
            spec.step
        )
    } else {
        String::new()
    };
    (!assignments.is_empty()).then(|| {
        format!(
            "UPDATE {} AS t SET {} FROM {STAGE} s WHERE {on} AND {}{known}",
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
