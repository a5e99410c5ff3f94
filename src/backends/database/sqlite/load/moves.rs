//! Unique values that go from row to row within one source: a row may take what another one gives up.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::error::translate;
use super::bare::run;
use super::merge::{before_image, execute};
use super::probes::{POSITION, STAGE, key_text, matching};
use super::unload::children_of;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::probed::Holder;
use crate::backends::database::load::{Conflict, LoadSpec};
use crate::backends::database::quote::{identifier, literal};
use crate::model::{LogicalType, Table};

/// Staged rows whose unique value another row of the table has, and what becomes of that one.
pub async fn holders(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    key: &[String],
) -> Result<Vec<(u64, Holder)>, DatabaseError> {
    let fate = if spec.carries_key() {
        let own = matching("t", &spec.key, "s", &spec.key);
        format!(
            "CASE WHEN {} THEN 'loaded' WHEN NOT EXISTS (SELECT 1 FROM {STAGE} s WHERE {own}) THEN 'open' \
             WHEN EXISTS (SELECT 1 FROM {STAGE} s WHERE {own} AND {}) THEN 'moves' ELSE 'stays' END",
            loaded(spec, "t."),
            moved(spec, key)
        )
    } else {
        "'stays'".to_owned()
    };
    let sql = format!(
        "SELECT DISTINCT r.{POSITION}, {fate} FROM {STAGE} r CROSS JOIN {} t ON {}{}{}",
        identifier(&spec.table),
        matching("t", key, "r", key),
        another_row(spec),
        claiming(spec, "r"),
    );
    let found: Vec<(i64, String)> =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
    Ok(found.into_iter().map(|(row, fate)| (row.unsigned_abs(), Holder::parse(Some(&fate)))).collect())
}

/// Whether the load has met a row already.
fn loaded(spec: &LoadSpec, row: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM _fixtool_undo u WHERE u.run = {} AND u.step = {} AND u.key = {})",
        literal(&spec.run),
        spec.step,
        key_text(row, &spec.key)
    )
}

fn another_row(spec: &LoadSpec) -> String {
    if !spec.carries_key() || spec.conflict == Conflict::Error {
        return String::new();
    }
    format!(" AND NOT ({})", matching("t", &spec.key, "r", &spec.key))
}

/// A staged row that would change nothing takes no unique value, as a condition beginning with `AND`.
pub fn claiming(spec: &LoadSpec, row: &str) -> String {
    if spec.conflict == Conflict::Skip && spec.carries_key() {
        return format!(
            " AND NOT EXISTS (SELECT 1 FROM {} o WHERE {})",
            identifier(&spec.table),
            matching("o", &spec.key, row, &spec.key)
        );
    }
    let Some(newest) = spec.definition.newest.as_deref().filter(|_| spec.conflict == Conflict::Newest) else {
        return String::new();
    };
    let name = identifier(newest);
    format!(
        " AND NOT EXISTS (SELECT 1 FROM {} o WHERE {} AND o.{name} IS NOT NULL \
         AND ({row}.{name} IS NOT NULL AND {row}.{name} > o.{name}) IS NOT TRUE)",
        identifier(&spec.table),
        matching("o", &spec.key, row, &spec.key)
    )
}

/// Whether the staged row `s` takes a unique key's value away from the row `t` that it meets.
fn moved(spec: &LoadSpec, key: &[String]) -> String {
    if !spec.moves_values() {
        return "0".to_owned();
    }
    let each = |column: &String| {
        let other =
            format!("({}) IS NOT TRUE", matching("t", std::slice::from_ref(column), "s", std::slice::from_ref(column)));
        match spec.conflict {
            Conflict::Merge => format!("(s.{} IS NOT NULL AND {other})", identifier(column)),
            _ => other,
        }
    };
    let any: Vec<String> = key.iter().map(each).collect();
    let any = format!("({})", any.join(" OR "));
    match spec.definition.newest.as_deref().filter(|_| spec.conflict == Conflict::Newest) {
        Some(newest) => {
            let name = identifier(newest);
            format!("{any} AND s.{name} IS NOT NULL AND (t.{name} IS NULL OR s.{name} > t.{name})")
        }
        None => any,
    }
}

/// Whether the record gives the column a value, as a condition beginning with `AND`: a merge keeps what it gives none.
fn replaced(spec: &LoadSpec, column: &str) -> String {
    if spec.conflict == Conflict::Merge { format!(" AND s.{} IS NOT NULL", identifier(column)) } else { String::new() }
}

/// Rows that give a unique value up stand aside, since SQLite looks at each row of an update by itself.
pub async fn park(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<(), DatabaseError> {
    for key in spec.secondary_keys() {
        let Some((column, _)) = aside(&spec.definition, &key) else { continue };
        let replaced = replaced(spec, column);
        let rows = format!(
            "EXISTS (SELECT 1 FROM {STAGE} s WHERE {} AND {}{replaced}) AND EXISTS (SELECT 1 FROM {STAGE} r WHERE {}{})",
            matching("t", &spec.key, "s", &spec.key),
            moved(spec, &key),
            matching("t", &key, "r", &key),
            another_row(spec),
        );
        stand_aside(connection, (&spec.table, &spec.definition), &key, &rows).await?;
    }
    Ok(())
}

/// Gives rows `t` of the table, by a condition, another value in a unique key: NULL, or one that no row has.
pub async fn stand_aside(
    connection: &mut SqliteConnection,
    (name, table): (&str, &Table),
    key: &[String],
    rows: &str,
) -> Result<(), DatabaseError> {
    let Some((column, aside)) = aside(table, key) else { return Ok(()) };
    // The value is gone before the transaction ends.
    run(connection, "PRAGMA ignore_check_constraints = ON").await?;
    let sql = format!("UPDATE {} AS t SET {} = {aside} WHERE {rows}", identifier(name), identifier(column));
    let done = execute(connection, sql).await;
    run(connection, "PRAGMA ignore_check_constraints = OFF").await?;
    done.map(drop)
}

fn aside<'k>(table: &Table, key: &'k [String]) -> Option<(&'k String, &'static str)> {
    let of = |column: &String| table.columns.get(column);
    if let Some(column) = key.iter().find(|c| of(c).is_some_and(|of| !of.required) && !table.primary_key.contains(c)) {
        return Some((column, "NULL"));
    }
    let made = |column: &'k String| match of(column)?.logical {
        LogicalType::Int | LogicalType::BigInt => Some((column, "-abs(random() / 2)")),
        LogicalType::Float | LogicalType::Bool | LogicalType::Bytes => None,
        _ => Some((column, "hex(randomblob(16))")),
    };
    key.iter().filter(|column| !table.primary_key.contains(column)).find_map(made)
}

/// Deletes rows that the complete source does not hold and whose unique value a staged row takes; only those that no
/// row points at, since a deletion may take others along. The answer is their number.
pub async fn release(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<u64, DatabaseError> {
    let children = children_of(connection, (&spec.table, &spec.definition), true).await?;
    let unless_referenced: Vec<String> = children
        .iter()
        .map(|(child, on)| format!(" AND NOT EXISTS (SELECT 1 FROM {} c WHERE {on})", identifier(child)))
        .collect();
    let unless_referenced = unless_referenced.concat();
    let table = identifier(&spec.table);
    let mut released = 0;
    for key in spec.secondary_keys() {
        let gone = format!(
            "EXISTS (SELECT 1 FROM {STAGE} r WHERE {}{}) AND NOT EXISTS (SELECT 1 FROM {STAGE} s WHERE {}) \
             AND NOT {}{unless_referenced}",
            matching("t", &key, "r", &key),
            another_row(spec),
            matching("t", &spec.key, "s", &spec.key),
            loaded(spec, "t."),
        );
        let remember = format!(
            "INSERT INTO _fixtool_undo (run, step, kind, key, before) SELECT {}, {}, 'delete', {}, {} FROM {table} t WHERE {gone}",
            literal(&spec.run),
            spec.step,
            key_text("t.", &spec.key),
            before_image(&spec.definition)
        );
        if execute(connection, remember).await? > 0 {
            let of_the_step = format!(
                "{} IN (SELECT u.key FROM _fixtool_undo u WHERE u.run = {} AND u.step = {} AND u.kind = 'delete')",
                key_text("t.", &spec.key),
                literal(&spec.run),
                spec.step
            );
            released += execute(connection, format!("DELETE FROM {table} AS t WHERE {of_the_step}")).await?;
        }
    }
    Ok(released)
}
