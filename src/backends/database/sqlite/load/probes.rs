//! Set-based probes: one query a constraint finds every row that it would refuse.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::super::error::translate;
use super::gaps::incomplete;
use super::merge::drop_rows;
use super::moves;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::{Conflict, LoadSpec, Probed, Refused, RefusedReason, certain};
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
        for (row, first) in duplicates(connection, (&identifier(&spec.table), "rowid"), key, "").await? {
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
        for row in orphans(connection, spec, (&identifier(&spec.table), "rowid"), (&key, true)).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Reference, &key.columns, None));
        }
    }
    Ok(found)
}

/// Takes rows out of the staging table that the table's keys would refuse. `last` says that nothing more comes.
pub async fn of_stage(connection: &mut SqliteConnection, spec: &LoadSpec, last: bool) -> Result<Probed, DatabaseError> {
    let mut probed = Probed::default();
    let found = standing(connection, spec, (&mut probed, last)).await?;
    take_out(connection, (found, &mut probed)).await?;
    take_out_dependents(connection, spec, (&mut probed, last)).await?;
    loop {
        let pairs = pairs(connection, spec).await?;
        if pairs.is_empty() {
            return Ok(probed);
        }
        let hanging = if spec.may_wait() { hanging(connection, spec).await? } else { BTreeSet::new() };
        let found = certain(&pairs, &hanging);
        take_out(connection, (found, &mut probed)).await?;
        take_out_dependents(connection, spec, (&mut probed, last)).await?;
    }
}

/// Rows with a key that an earlier row has, each with the first one.
async fn pairs(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<Vec<Refused>, DatabaseError> {
    let mut pairs = Vec::new();
    for key in keys(spec) {
        for (row, first) in duplicates(connection, (STAGE, POSITION), key, &claims(spec, key)).await? {
            pairs.push(refuse(row, RefusedReason::Duplicate, key, Some(first)));
        }
    }
    Ok(pairs)
}

/// Rows that need another staged one: one that they point at, or one that gives a unique value up.
async fn hanging(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<BTreeSet<u64>, DatabaseError> {
    let mut found = BTreeSet::new();
    for key in spec.definition.all_foreign_keys().iter().filter(|key| key.table == spec.table) {
        for row in orphans(connection, spec, (STAGE, POSITION), (key, false)).await? {
            found.insert(row.unsigned_abs());
        }
    }
    for key in keys(spec).into_iter().filter(|key| *key != spec.key) {
        let held = moves::holders(connection, spec, key).await?;
        found.extend(held.into_iter().map(|(row, _)| row.unsigned_abs()));
    }
    Ok(found)
}

async fn take_out(
    connection: &mut SqliteConnection,
    (found, probed): (Vec<Refused>, &mut Probed),
) -> Result<(), DatabaseError> {
    drop_rows(connection, &found).await?;
    probed.refused.extend(found);
    Ok(())
}

/// Rows that rested on one that was taken out go as well, as long as there are any.
async fn take_out_dependents(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    (probed, last): (&mut Probed, bool),
) -> Result<(), DatabaseError> {
    while spec.may_wait() && !probed.refused.is_empty() {
        let mut found = BTreeMap::new();
        held_by_others(connection, spec, (&mut found, probed, last)).await?;
        if spec.points_at_itself() {
            let orphans = orphans_of_stage(connection, spec).await?;
            found.extend(orphans.into_iter().map(|refused| (place(&refused), refused)));
        }
        if found.is_empty() {
            return Ok(());
        }
        take_out(connection, (found.into_values().collect(), probed)).await?;
    }
    Ok(())
}

/// Rows whose unique value another row of the table has and keeps.
async fn held_by_others(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    (found, probed, last): (&mut BTreeMap<i64, Refused>, &mut Probed, bool),
) -> Result<(), DatabaseError> {
    for key in keys(spec).into_iter().filter(|key| *key != spec.key) {
        for (row, holder) in moves::holders(connection, spec, key).await? {
            if let Some(reason) = probed.refusal(holder, !last && spec.moves_values()) {
                found.entry(row).or_insert_with(|| refuse(row, reason, key, None));
            }
        }
    }
    Ok(())
}

/// Rows that are refused whatever becomes of the others.
async fn standing(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    (probed, last): (&mut Probed, bool),
) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<i64, Refused> = BTreeMap::new();
    if keys(spec).contains(&spec.key.as_slice()) {
        for row in loaded_before(connection, spec).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Duplicate, &spec.key, None));
        }
        for row in existing(connection, spec).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Exists, &spec.key, None));
        }
    }
    held_by_others(connection, spec, (&mut found, probed, last)).await?;
    for (row, columns) in incomplete(connection, spec).await? {
        found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Incomplete, &columns, None));
    }
    for refused in orphans_of_stage(connection, spec).await? {
        let of_itself = |key: &ForeignKey| key.table == spec.table && key.columns[..] == refused.columns[..];
        probed.waits |= !last && spec.definition.all_foreign_keys().iter().any(of_itself);
        found.entry(place(&refused)).or_insert(refused);
    }
    Ok(found.into_values().collect())
}

fn place(refused: &Refused) -> i64 {
    i64::try_from(refused.ordinal).unwrap_or(i64::MAX)
}

/// Rows of the staging table that point at no row.
pub async fn orphans_of_stage(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<i64, Refused> = BTreeMap::new();
    for key in spec.definition.all_foreign_keys() {
        for row in orphans(connection, spec, (STAGE, POSITION), (&key, true)).await? {
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

/// Stands for a row's name in [`claims`].
const ROW: &str = "{row}";

/// Only rows that are written can be each other's duplicates, as a condition beginning with `AND`: what is skipped takes
/// no value.
fn claims(spec: &LoadSpec, key: &[String]) -> String {
    if key == spec.key && spec.conflict != Conflict::Skip { String::new() } else { moves::claiming(spec, ROW) }
}

async fn duplicates(
    connection: &mut SqliteConnection,
    (rows, position): (&str, &str),
    key: &[String],
    claims: &str,
) -> Result<Vec<(i64, i64)>, DatabaseError> {
    // Grouping carries only the key through the sort; a window would carry every row.
    let sql = format!(
        "WITH twice AS MATERIALIZED (SELECT {columns}, min({position}) AS \"_fixtool_first\" FROM {rows} f \
         WHERE {}{} GROUP BY {columns} HAVING count(*) > 1) \
         SELECT r.{position}, d.\"_fixtool_first\" FROM {rows} r JOIN twice d ON {} \
         WHERE r.{position} > d.\"_fixtool_first\"{}",
        not_null("", key),
        claims.replace(ROW, "f"),
        matching("d", key, "r", key),
        claims.replace(ROW, "r"),
        columns = list("", key),
    );
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
    found.iter().map(|row| Ok((row.try_get(0).map_err(translate)?, row.try_get(1).map_err(translate)?))).collect()
}

/// Rows that point at no row of the table, nor, where `beside` is set, at one that is staged.
async fn orphans(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
    (rows, position): (&str, &str),
    (key, beside): (&ForeignKey, bool),
) -> Result<Vec<i64>, DatabaseError> {
    if !key.columns.iter().all(|c| spec.columns.contains(c)) {
        return Ok(Vec::new());
    }
    let same_source = if beside && key.table == spec.table && rows == STAGE {
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

/// Rows whose key an earlier batch of the same load has met.
async fn loaded_before(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<Vec<i64>, DatabaseError> {
    let sql = loaded_before_sql((&spec.run, spec.step), &spec.key);
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

/// Rows whose key a row of the table has, where that is not borne.
async fn existing(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<Vec<i64>, DatabaseError> {
    if spec.conflict != Conflict::Error {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT r.{POSITION} FROM {STAGE} r CROSS JOIN {} t ON {}",
        identifier(&spec.table),
        matching("t", &spec.key, "r", &spec.key)
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)
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
