//! Set-based probes: one query a constraint finds every row that it would refuse.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::super::error::translate;
use super::gaps::incomplete;
use super::merge::drop_rows;
use super::moves;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::probed::{Holder, Probes, refuse};
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
    for key in spec.carried_keys() {
        for (row, first) in duplicates(connection, (&identifier(&spec.table), "rowid"), &key, "").await? {
            found.entry(row).or_insert_with(|| {
                refuse(row.unsigned_abs(), RefusedReason::Duplicate, &key, Some(first.unsigned_abs()))
            });
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
            found
                .entry(row)
                .or_insert_with(|| refuse(row.unsigned_abs(), RefusedReason::Reference, &key.columns, None));
        }
    }
    Ok(found)
}

/// What SQLite says of the rows that it has staged.
pub struct Staged<'a> {
    /// The connection of the transaction.
    pub connection: &'a mut SqliteConnection,
    /// The load.
    pub spec: &'a LoadSpec,
}

fn positions(found: Vec<i64>) -> Vec<u64> {
    found.into_iter().map(i64::unsigned_abs).collect()
}

#[async_trait]
impl Probes for Staged<'_> {
    fn spec(&self) -> &LoadSpec {
        self.spec
    }

    async fn loaded_before(&mut self) -> Result<Vec<u64>, DatabaseError> {
        loaded_before(self.connection, self.spec).await.map(positions)
    }

    async fn existing(&mut self) -> Result<Vec<u64>, DatabaseError> {
        existing(self.connection, self.spec).await.map(positions)
    }

    async fn holders(&mut self, key: &[String]) -> Result<Vec<(u64, Holder)>, DatabaseError> {
        moves::holders(self.connection, self.spec, key).await
    }

    async fn incomplete(&mut self) -> Result<Vec<(u64, Vec<String>)>, DatabaseError> {
        incomplete(self.connection, self.spec).await
    }

    async fn orphans(&mut self, key: &ForeignKey, beside: bool) -> Result<Vec<u64>, DatabaseError> {
        orphans(self.connection, self.spec, (STAGE, POSITION), (key, beside)).await.map(positions)
    }

    async fn duplicates(&mut self, key: &[String]) -> Result<Vec<(u64, u64)>, DatabaseError> {
        let found = duplicates(self.connection, (STAGE, POSITION), key, &claims(self.spec, key)).await?;
        Ok(found.into_iter().map(|(row, first)| (row.unsigned_abs(), first.unsigned_abs())).collect())
    }

    async fn take_out(&mut self, refused: &[Refused]) -> Result<(), DatabaseError> {
        drop_rows(self.connection, refused).await
    }
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
