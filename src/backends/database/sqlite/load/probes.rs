//! Set-based probes: one query a constraint finds every row that it would refuse.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::super::error::translate;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::gaps::{GAPS, Gaps, NEEDED};
use crate::backends::database::load::{Conflict, LoadSpec, Refused, RefusedReason};
use crate::backends::database::quote::{identifier, list, literal};
use crate::model::ForeignKey;

/// The temporary table through which a filled table is loaded.
pub const STAGE: &str = "temp.\"_fixtool_stage\"";

/// The column of the staging table that holds a record's position.
pub const POSITION: &str = "\"_fixtool_position\"";

/// Rows with a key that an earlier row has, by row id; positions in the answer are row ids, too.
pub async fn duplicates_of_bare_table(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
) -> Result<BTreeMap<i64, Refused>, DatabaseError> {
    let mut found = BTreeMap::new();
    for key in keys(spec) {
        for (row, first) in duplicates(connection, &identifier(&spec.table), "rowid", key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Duplicate, key, Some(first)));
        }
    }
    Ok(found)
}

/// Rows that point at nothing, by row id; positions in the answer are row ids, too.
pub async fn orphans_of_bare_table(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
) -> Result<BTreeMap<i64, Refused>, DatabaseError> {
    let mut found = BTreeMap::new();
    for key in spec.definition.all_foreign_keys() {
        for row in orphans(connection, spec, (&identifier(&spec.table), "rowid"), &key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Reference, &key.columns, None));
        }
    }
    Ok(found)
}

/// Rows of the staging table that the table's keys would refuse.
pub async fn of_stage(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<i64, Refused> = BTreeMap::new();
    for key in keys(spec) {
        for (row, first) in duplicates(connection, STAGE, POSITION, key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Duplicate, key, Some(first)));
        }
        for row in loaded_before(connection, spec, key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Duplicate, key, None));
        }
        for row in existing(connection, spec, key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Exists, key, None));
        }
    }
    for (row, columns) in incomplete(connection, spec).await? {
        found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Incomplete, &columns, None));
    }
    for refused in orphans_of_stage(connection, spec).await? {
        found.entry(i64::try_from(refused.ordinal).unwrap_or(i64::MAX)).or_insert(refused);
    }
    Ok(found.into_values().collect())
}

/// Rows of the staging table that point at no row.
pub async fn orphans_of_stage(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<i64, Refused> = BTreeMap::new();
    for key in spec.definition.all_foreign_keys() {
        for row in orphans(connection, spec, (STAGE, POSITION), &key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Reference, &key.columns, None));
        }
    }
    Ok(found.into_values().collect())
}

fn refuse(row: i64, reason: RefusedReason, columns: &[String], other: Option<i64>) -> Refused {
    Refused {
        ordinal: row.unsigned_abs(),
        reason,
        columns: columns.to_vec().into(),
        other: other.map(i64::unsigned_abs),
        message: None,
    }
}

/// The primary key and all unique keys whose columns the source carries.
fn keys(spec: &LoadSpec) -> Vec<&[String]> {
    let carried = |key: &&[String]| !key.is_empty() && key.iter().all(|c| spec.columns.contains(c));
    let unique = spec.definition.columns.iter().filter(|(_, c)| c.unique);
    let single = unique.filter_map(|(name, _)| spec.columns.iter().find(|c| *c == name)).map(std::slice::from_ref);
    std::iter::once(spec.definition.primary_key.as_slice())
        .chain(single)
        .chain(spec.definition.unique.iter().map(Vec::as_slice))
        .filter(carried)
        .collect()
}

fn not_null(prefix: &str, columns: &[String]) -> String {
    let tests: Vec<String> = columns.iter().map(|c| format!("{prefix}{} IS NOT NULL", identifier(c))).collect();
    tests.join(" AND ")
}

/// `a."x" = b."y" AND …`.
pub fn matching(a: &str, left: &[String], b: &str, right: &[String]) -> String {
    let pairs: Vec<String> =
        left.iter().zip(right).map(|(l, r)| format!("{a}.{} = {b}.{}", identifier(l), identifier(r))).collect();
    pairs.join(" AND ")
}

/// A key as text, as the undo journal stores it.
pub fn key_text(prefix: &str, key: &[String]) -> String {
    format!("json_array({})", list(prefix, key))
}

async fn duplicates(
    connection: &mut SqliteConnection,
    rows: &str,
    position: &str,
    key: &[String],
) -> Result<Vec<(i64, i64)>, DatabaseError> {
    // Grouping carries only the key through the sort; a window would carry every row.
    let sql = format!(
        "WITH twice AS MATERIALIZED (SELECT {columns}, min({position}) AS \"_fixtool_first\" FROM {rows} \
         WHERE {} GROUP BY {columns} HAVING count(*) > 1) \
         SELECT r.{position}, d.\"_fixtool_first\" FROM {rows} r JOIN twice d ON {} \
         WHERE r.{position} > d.\"_fixtool_first\"",
        not_null("", key),
        matching("d", key, "r", key),
        columns = list("", key),
    );
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
    found.iter().map(|row| Ok((row.try_get(0).map_err(translate)?, row.try_get(1).map_err(translate)?))).collect()
}

async fn orphans(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    (rows, position): (&str, &str),
    key: &ForeignKey,
) -> Result<Vec<i64>, DatabaseError> {
    if !key.columns.iter().all(|c| spec.columns.contains(c)) {
        return Ok(Vec::new());
    }
    let same_source = if key.table == spec.table && rows == STAGE {
        format!(" AND NOT EXISTS (SELECT 1 FROM {STAGE} o WHERE {})", matching("o", &key.to, "r", &key.columns))
    } else {
        String::new()
    };
    let sql = format!(
        "SELECT r.{position} FROM {rows} r WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {}){same_source}",
        not_null("r.", &key.columns),
        identifier(&key.table),
        matching("p", &key.to, "r", &key.columns)
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)
}

/// Rows whose key an earlier batch of the same load has inserted or updated.
async fn loaded_before(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    key: &[String],
) -> Result<Vec<i64>, DatabaseError> {
    if key != spec.key {
        return Ok(Vec::new());
    }
    let sql = loaded_before_sql((&spec.run, spec.step), key);
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)
}

/// `CROSS JOIN` keeps the order of the tables: without it SQLite walks the whole journal for each
/// staged row, and the load takes the square of its records.
fn loaded_before_sql((run, step): (&str, u32), key: &[String]) -> String {
    format!(
        "SELECT DISTINCT r.{POSITION} FROM {STAGE} r CROSS JOIN _fixtool_undo u \
         ON u.run = {} AND u.step = {step} AND u.key = {} AND u.kind IN ('insert', 'update', 'seen')",
        literal(run),
        key_text("r.", key)
    )
}

/// Rows that would collide with a row of the table.
async fn existing(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    key: &[String],
) -> Result<Vec<i64>, DatabaseError> {
    let its_own_row = key == spec.key && spec.conflict != Conflict::Error;
    if its_own_row {
        return Ok(Vec::new());
    }
    let other_row = if key == spec.key || spec.key.is_empty() || spec.conflict == Conflict::Error {
        String::new()
    } else {
        format!(" AND NOT ({})", matching("t", &spec.key, "r", &spec.key))
    };
    let sql = format!(
        "SELECT DISTINCT r.{POSITION} FROM {STAGE} r CROSS JOIN {} t ON {}{other_row}",
        identifier(&spec.table),
        matching("t", key, "r", key)
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)
}

/// New rows whose records leave out what a new row needs, with those columns.
async fn incomplete(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
) -> Result<Vec<(i64, Vec<String>)>, DatabaseError> {
    if !spec.is_partial() {
        return Ok(Vec::new());
    }
    let unless_known = if spec.conflict == Conflict::Error || !spec.carries_key() {
        String::new()
    } else {
        let on = matching("t", &spec.key, "s", &spec.key);
        format!(" AND NOT EXISTS (SELECT 1 FROM {} t WHERE {on})", identifier(&spec.table))
    };
    let sql =
        format!("SELECT s.{POSITION}, s.{GAPS} FROM {STAGE} s WHERE instr(s.{GAPS}, '{NEEDED}') > 0{unless_known}");
    let found: Vec<(i64, String)> =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
    Ok(found.into_iter().map(|(row, gaps)| (row, Gaps::parse(&gaps).needed(&spec.columns))).collect())
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;
    use crate::backends::database::own_tables;
    use crate::model::{Engine, Namespace};

    #[tokio::test]
    async fn the_journal_is_searched_by_key_for_each_staged_row() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let mut statements = own_tables::create(Engine::Sqlite, &Namespace("tenant_a".to_owned()));
        statements.push(format!("CREATE TEMP TABLE \"_fixtool_stage\" ({POSITION}, id TEXT)"));
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        let sql = format!("EXPLAIN QUERY PLAN {}", loaded_before_sql(("run", 0), &["id".to_owned()]));
        let plan = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get::<String, _>("detail")).collect();
        assert_eq!(plan[0], "SCAN r", "{plan:?}");
        assert!(plan[1].contains("(run=? AND step=? AND key=?)"), "{plan:?}");
    }
}
