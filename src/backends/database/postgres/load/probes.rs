//! Set-based probes: one query a constraint finds every row that it would refuse.
//!
//! Measured on 100,000 rows of which 200 are bad: probes 2.0 s, a savepoint a row 27 s, bisecting
//! the COPY 127 s.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::super::error::translate;
use super::bare::shared;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::positions::Positions;
use crate::backends::database::load::{Conflict, LoadSpec, Refused, RefusedReason};
use crate::backends::database::quote::{identifier, list, qualified};
use crate::model::ForeignKey;

/// The temporary table through which a filled table is loaded.
pub const STAGE: &str = "pg_temp.\"_fixtool_stage\"";

/// The column of the staging table that holds a record's position.
pub const POSITION: &str = "\"_fixtool_position\"";

/// Rows of a freshly filled table that its keys would refuse, each with its place in the table.
pub async fn of_bare_table(
    connection: &mut PgConnection,
    spec: &LoadSpec,
    positions: &Positions,
) -> Result<Vec<(u64, Refused)>, DatabaseError> {
    let table = qualified(&spec.namespace, &spec.table);
    let rows = format!("(SELECT *, row_number() OVER (ORDER BY ctid) - 1 AS {POSITION} FROM {table})");
    let mut found: BTreeMap<u64, Refused> = BTreeMap::new();
    let ordinal = |row: u64| positions.ordinal(row).unwrap_or(row);
    for key in keys(spec) {
        for (row, first) in duplicates(connection, &rows, key).await? {
            found.entry(row).or_insert_with(|| Refused {
                ordinal: ordinal(row),
                reason: RefusedReason::Duplicate,
                columns: shared(key),
                other: Some(ordinal(first)),
                message: None,
            });
        }
    }
    for key in spec.definition.all_foreign_keys() {
        for row in orphans(connection, spec, &rows, &key).await? {
            found.entry(row).or_insert_with(|| Refused {
                ordinal: ordinal(row),
                reason: RefusedReason::Reference,
                columns: shared(&key.columns),
                other: None,
                message: None,
            });
        }
    }
    Ok(found.into_iter().collect())
}

/// Rows of the staging table that the table's keys would refuse.
pub async fn of_stage(connection: &mut PgConnection, spec: &LoadSpec) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<u64, Refused> = BTreeMap::new();
    let refuse = |ordinal, reason, columns: &[String], other| Refused {
        ordinal,
        reason,
        columns: shared(columns),
        other,
        message: None,
    };
    for key in keys(spec) {
        for (row, first) in duplicates(connection, STAGE, key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Duplicate, key, Some(first)));
        }
        for row in loaded_before(connection, spec, key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Duplicate, key, None));
        }
        for row in existing(connection, spec, key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Exists, key, None));
        }
    }
    for key in spec.definition.all_foreign_keys() {
        for row in orphans(connection, spec, STAGE, &key).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Reference, &key.columns, None));
        }
    }
    Ok(found.into_values().collect())
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

async fn duplicates(
    connection: &mut PgConnection,
    rows: &str,
    key: &[String],
) -> Result<Vec<(u64, u64)>, DatabaseError> {
    let columns = list("r.", key);
    let sql = format!(
        "SELECT p, first FROM (SELECT r.{POSITION} AS p, \
         row_number() OVER w AS n, min(r.{POSITION}) OVER w AS first \
         FROM {rows} r WHERE {} WINDOW w AS (PARTITION BY {columns} ORDER BY r.{POSITION})) d WHERE n > 1",
        not_null("r.", key)
    );
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
    found.iter().map(|row| Ok((position(row, 0)?, position(row, 1)?))).collect()
}

async fn orphans(
    connection: &mut PgConnection,
    spec: &LoadSpec,
    rows: &str,
    key: &ForeignKey,
) -> Result<Vec<u64>, DatabaseError> {
    if !key.columns.iter().all(|c| spec.columns.contains(c)) {
        return Ok(Vec::new());
    }
    let parent = qualified(&spec.namespace, &key.table);
    let same_source = if key.table == spec.table && rows == STAGE {
        format!(" AND NOT EXISTS (SELECT 1 FROM {STAGE} o WHERE {})", matching("o", &key.to, "r", &key.columns))
    } else {
        String::new()
    };
    let sql = format!(
        "SELECT r.{POSITION} FROM {rows} r WHERE {} AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {}){same_source}",
        not_null("r.", &key.columns),
        matching("p", &key.to, "r", &key.columns)
    );
    positions_of(connection, sql).await
}

/// Rows whose key an earlier batch of the same load has inserted or updated.
async fn loaded_before(
    connection: &mut PgConnection,
    spec: &LoadSpec,
    key: &[String],
) -> Result<Vec<u64>, DatabaseError> {
    if key != spec.key {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT r.{POSITION} FROM {STAGE} r JOIN {} u ON u.run = $1 AND u.step = $2 AND u.key = {}",
        qualified(&spec.namespace, "_fixtool_undo"),
        key_text("r.", key)
    );
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(&spec.run)
        .bind(i64::from(spec.step))
        .fetch_all(connection)
        .await
        .map_err(translate)?;
    found.iter().map(|row| position(row, 0)).collect()
}

/// A key as text, as the undo journal stores it.
pub fn key_text(prefix: &str, key: &[String]) -> String {
    format!("jsonb_build_array({})::text", list(prefix, key))
}

/// Rows that would collide with a row of the table.
async fn existing(connection: &mut PgConnection, spec: &LoadSpec, key: &[String]) -> Result<Vec<u64>, DatabaseError> {
    let table = qualified(&spec.namespace, &spec.table);
    let same_row = if key == spec.key {
        if spec.conflict != Conflict::Error {
            return Ok(Vec::new());
        }
        String::new()
    } else if spec.key.is_empty() || spec.conflict == Conflict::Error {
        String::new()
    } else {
        format!(" AND NOT ({})", matching("t", &spec.key, "r", &spec.key))
    };
    let sql = format!(
        "SELECT DISTINCT r.{POSITION} FROM {STAGE} r JOIN {table} t ON {}{same_row}",
        matching("t", key, "r", key)
    );
    positions_of(connection, sql).await
}

async fn positions_of(connection: &mut PgConnection, sql: String) -> Result<Vec<u64>, DatabaseError> {
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
    found.iter().map(|row| position(row, 0)).collect()
}

fn position(row: &sqlx::postgres::PgRow, column: usize) -> Result<u64, DatabaseError> {
    let value: i64 = row.try_get(column).map_err(translate)?;
    Ok(value.unsigned_abs())
}

/// Deletes rows by their place in a freshly filled table.
pub async fn delete_rows(connection: &mut PgConnection, table: &str, rows: &[u64]) -> Result<(), DatabaseError> {
    let rows: Vec<i64> = rows.iter().map(|row| i64::try_from(*row).unwrap_or(i64::MAX)).collect();
    let sql = format!(
        "DELETE FROM {table} WHERE ctid IN (SELECT at FROM \
         (SELECT ctid AS at, row_number() OVER (ORDER BY ctid) - 1 AS n FROM {table}) r WHERE n = ANY($1))"
    );
    sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(connection).await.map(drop).map_err(translate)
}
