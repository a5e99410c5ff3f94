//! Set-based probes: one query a constraint finds every row that it would refuse.
//!
//! Measured on 100,000 rows of which 200 are bad: probes 2.0 s, a savepoint a row 27 s, bisecting
//! the COPY 127 s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::super::as_owner::Bound;
use super::super::error::translate;
use super::super::operators::differ;
use super::Target;
use super::gaps::incomplete;
use super::isolate::drop_rows;
use super::moves;
use super::shared;
use crate::backends::database::load::positions::Positions;
use crate::backends::database::load::probed::{Holder, Probes, refuse};
use crate::backends::database::load::{Conflict, LoadSpec, Refused, RefusedReason};
use crate::backends::database::quote::{identifier, list, qualified};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, ForeignKey};

/// The temporary table through which a filled table is loaded.
pub const STAGE: &str = "pg_temp.\"_fixtool_stage\"";

/// What was sent, where a role of the tenant carries out the load: then the staging table is a view on it, in which the
/// role reads the texts as what they are.
pub const TEXTS: &str = "pg_temp.\"_fixtool_texts\"";

/// The column of the staging table that holds a record's position.
pub const POSITION: &str = "\"_fixtool_position\"";

/// A row of a freshly filled table that a key would refuse.
#[derive(Debug)]
pub struct RefusedRow {
    /// Its place in the table, from zero.
    pub row: u64,
    /// Where it lies, as PostgreSQL writes a `ctid`.
    pub at: String,
    /// Which record it came from, and what is wrong with it.
    pub refused: Refused,
}

/// Why, by which columns, and the row that this one repeats.
type Fault = (RefusedReason, Arc<[String]>, Option<String>);

/// Rows of a freshly filled table that its keys would refuse.
pub async fn of_bare_table(
    connection: &mut PgConnection,
    spec: &Target,
    positions: &Positions,
) -> Result<Vec<RefusedRow>, DatabaseError> {
    let table = qualified(&spec.namespace, &spec.table);
    let rows = (table.as_str(), "ctid");
    let mut found: BTreeMap<String, Fault> = BTreeMap::new();
    for key in spec.carried_keys() {
        for (at, first) in duplicates(connection, spec, rows, &key).await? {
            found.entry(at).or_insert_with(|| (RefusedReason::Duplicate, shared(&key), Some(first)));
        }
    }
    for key in spec.definition.all_foreign_keys() {
        for at in orphans(connection, spec, rows, (&key, true)).await? {
            found.entry(at).or_insert_with(|| (RefusedReason::Reference, shared(&key.columns), None));
        }
    }
    let places = places(connection, &table, &found).await?;
    let place = |at: &String| places.get(at).copied().ok_or_else(|| no_position(at));
    let ordinal = |row: u64| positions.ordinal(row).unwrap_or(row);
    let refused = |(at, (reason, columns, first)): (String, Fault)| {
        let row = place(&at)?;
        let other = first.as_ref().map(place).transpose()?.map(ordinal);
        Ok(RefusedRow { row, at, refused: Refused { ordinal: ordinal(row), reason, columns, other, message: None } })
    };
    found.into_iter().map(refused).collect()
}

/// The place in the table of the rows found and of those that they repeat.
async fn places(
    connection: &mut PgConnection,
    table: &str,
    found: &BTreeMap<String, Fault>,
) -> Result<BTreeMap<String, u64>, DatabaseError> {
    let wanted: BTreeSet<&String> =
        found.iter().flat_map(|(at, (_, _, first))| std::iter::once(at).chain(first)).collect();
    let wanted: Vec<String> = wanted.into_iter().cloned().collect();
    let sql = format!(
        "SELECT r.at::pg_catalog.text, r.n FROM (SELECT ctid AS at, pg_catalog.row_number() OVER (ORDER BY ctid) OPERATOR(pg_catalog.-) 1 AS n \
         FROM {table}) r \
         JOIN pg_catalog.unnest($1::pg_catalog.text[]::pg_catalog.tid[]) AS wanted (at) ON wanted.at OPERATOR(pg_catalog.=) r.at"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(wanted).fetch_all(connection).await.map_err(translate)?;
    rows.iter().map(|row| Ok((row.try_get(0).map_err(translate)?, position(row, 1)?))).collect()
}

fn no_position(found: &str) -> DatabaseError {
    DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, format!("a row without a place: {found}"))
}

/// The staging table's rows, and what tells one from another.
const STAGED: (&str, &str) = (STAGE, POSITION);

fn staged(position: &str) -> Result<u64, DatabaseError> {
    position.parse().map_err(|_| no_position(position))
}

/// What PostgreSQL says of the rows that it has staged.
pub struct Staged<'a> {
    /// The connection of the transaction.
    pub connection: &'a mut PgConnection,
    /// The load.
    pub spec: &'a Target,
}

#[async_trait]
impl Probes for Staged<'_> {
    fn spec(&self) -> &LoadSpec {
        self.spec
    }

    async fn loaded_before(&mut self) -> Result<Vec<u64>, DatabaseError> {
        loaded_before(self.connection, self.spec).await
    }

    async fn existing(&mut self) -> Result<Vec<u64>, DatabaseError> {
        existing(self.connection, self.spec).await
    }

    async fn holders(&mut self, key: &[String]) -> Result<Vec<(u64, Holder)>, DatabaseError> {
        moves::holders(self.connection, self.spec, key).await
    }

    async fn incomplete(&mut self) -> Result<Vec<(u64, Vec<String>)>, DatabaseError> {
        incomplete(self.connection, self.spec).await
    }

    async fn orphans(&mut self, key: &ForeignKey, beside: bool) -> Result<Vec<u64>, DatabaseError> {
        let found = orphans(self.connection, self.spec, STAGED, (key, beside)).await?;
        found.iter().map(|row| staged(row)).collect()
    }

    async fn duplicates(&mut self, key: &[String]) -> Result<Vec<(u64, u64)>, DatabaseError> {
        let found = duplicates(self.connection, self.spec, STAGED, key).await?;
        found.iter().map(|(row, first)| Ok((staged(row)?, staged(first)?))).collect()
    }

    async fn refused_here(&mut self) -> Result<Vec<Refused>, DatabaseError> {
        let spec = self.spec;
        let mut found = Vec::new();
        for column in spec.filled.identities.iter().filter(|c| spec.columns.contains(c) && !spec.key.contains(c)) {
            for row in renumbered(self.connection, spec, column).await? {
                let message =
                    format!("the row's '{column}' is another; it is GENERATED ALWAYS, and PostgreSQL changes none");
                let refused = refuse(row, RefusedReason::Database, std::slice::from_ref(column), None);
                found.push(Refused { message: Some(message.into()), ..refused });
            }
        }
        Ok(found)
    }

    async fn take_out(&mut self, refused: &[Refused]) -> Result<(), DatabaseError> {
        drop_rows(self.connection, self.spec.staged(), refused).await
    }
}

/// Rows of the staging table that would update a row, and give it another identity.
async fn renumbered(connection: &mut PgConnection, spec: &Target, column: &String) -> Result<Vec<u64>, DatabaseError> {
    if !spec.carries_key() || matches!(spec.conflict, Conflict::Error | Conflict::Skip) {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT r.{POSITION}::pg_catalog.text FROM {STAGE} r JOIN {} t ON {} WHERE r.{} IS NOT NULL AND {}",
        qualified(&spec.namespace, &spec.table),
        spec.operators.matching("t", &spec.key, "r", &spec.key),
        identifier(column),
        differ("t", "r", &[column])
    );
    positions_of(spec.hand.texts::<1>(connection, &sql, &[]).await?)
}

fn not_null(prefix: &str, columns: &[String]) -> String {
    let tests: Vec<String> = columns.iter().map(|c| format!("{prefix}{} IS NOT NULL", identifier(c))).collect();
    tests.join(" AND ")
}

async fn duplicates(
    connection: &mut PgConnection,
    spec: &Target,
    (rows, position): (&str, &str),
    key: &[String],
) -> Result<Vec<(String, String)>, DatabaseError> {
    let columns = list("", key);
    let claims = if rows == STAGE { claims(spec, key) } else { String::new() };
    // Grouping carries only the key through the sort; a window would carry every row.
    let sql = format!(
        "WITH twice AS MATERIALIZED (SELECT {columns}, pg_catalog.min({position}) AS \"_fixtool_first\" FROM {rows} f \
         WHERE {}{} GROUP BY {columns} HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1) \
         SELECT r.{position}::pg_catalog.text, d.\"_fixtool_first\"::pg_catalog.text FROM {rows} r JOIN twice d ON {} \
         WHERE r.{position} OPERATOR(pg_catalog.>) d.\"_fixtool_first\"{}",
        not_null("", key),
        claims.replace(ROW, "f"),
        spec.operators.matching("d", key, "r", key),
        claims.replace(ROW, "r"),
    );
    let found = spec.hand.texts::<2>(connection, &sql, &[]).await?;
    Ok(found.into_iter().filter_map(|[row, first]| Some((row?, first?))).collect())
}

/// Stands for a row's name in [`claims`].
const ROW: &str = "{row}";

/// Only rows that are written can be each other's duplicates, as a condition beginning with `AND`: what is skipped takes
/// no value.
fn claims(spec: &Target, key: &[String]) -> String {
    if key == spec.key && spec.conflict != Conflict::Skip { String::new() } else { moves::claiming(spec, ROW) }
}

/// Rows that point at no row of the table, nor, where `beside` is set, at one that is staged.
async fn orphans(
    connection: &mut PgConnection,
    spec: &Target,
    (rows, position): (&str, &str),
    (key, beside): (&ForeignKey, bool),
) -> Result<Vec<String>, DatabaseError> {
    if !key.columns.iter().all(|c| spec.columns.contains(c)) {
        return Ok(Vec::new());
    }
    let parent = qualified(&spec.namespace, &key.table);
    let same_source = if beside && key.table == spec.table && rows == STAGE {
        format!(
            " AND NOT EXISTS (SELECT 1 FROM {STAGE} o WHERE {})",
            spec.operators.matching("o", &key.to, "r", &key.columns)
        )
    } else {
        String::new()
    };
    let sql = format!(
        "SELECT r.{position}::pg_catalog.text FROM {rows} r WHERE {} \
         AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {}){same_source}",
        not_null("r.", &key.columns),
        spec.operators.matching("p", &key.to, "r", &key.columns)
    );
    let found = spec.hand.texts::<1>(connection, &sql, &[]).await?;
    Ok(found.into_iter().filter_map(|[row]| row).collect())
}

/// Rows whose key an earlier batch of the same load has met.
async fn loaded_before(connection: &mut PgConnection, spec: &Target) -> Result<Vec<u64>, DatabaseError> {
    let journal = qualified(&spec.namespace, "_fixtool_undo");
    // The journal has the keys as the table has them: two that its index takes for one may differ in their texts.
    let (row, text) = if spec.operators.are_builtin(&spec.key) {
        (String::new(), key_text("r.", &spec.key))
    } else {
        let on = spec.operators.matching("t", &spec.key, "r", &spec.key);
        (format!("JOIN {} t ON {on} ", spec.full_name()), key_text("t.", &spec.key))
    };
    let sql = format!(
        "SELECT DISTINCT r.{POSITION}::pg_catalog.text FROM {STAGE} r {row}JOIN {journal} u \
         ON u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) $2 AND u.key OPERATOR(pg_catalog.=) {text}"
    );
    let values = [Bound::Text(&spec.run), Bound::Number(i64::from(spec.step))];
    positions_of(spec.hand.texts::<1>(connection, &sql, &values).await?)
}

/// A key as text, as the undo journal stores it.
pub fn key_text(prefix: &str, key: &[String]) -> String {
    format!("pg_catalog.jsonb_build_array({})::pg_catalog.text", list(prefix, key))
}

/// Rows whose key a row of the table has, where that is not borne.
async fn existing(connection: &mut PgConnection, spec: &Target) -> Result<Vec<u64>, DatabaseError> {
    if spec.conflict != Conflict::Error {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT r.{POSITION}::pg_catalog.text FROM {STAGE} r JOIN {} t ON {}",
        spec.full_name(),
        spec.operators.matching("t", &spec.key, "r", &spec.key)
    );
    positions_of(spec.hand.texts::<1>(connection, &sql, &[]).await?)
}

fn positions_of(found: Vec<[Option<String>; 1]>) -> Result<Vec<u64>, DatabaseError> {
    found.into_iter().flatten().flatten().map(|text| staged(&text)).collect()
}

fn position(row: &sqlx::postgres::PgRow, column: usize) -> Result<u64, DatabaseError> {
    let value: i64 = row.try_get(column).map_err(translate)?;
    Ok(value.unsigned_abs())
}

/// Deletes rows by where they lie.
pub async fn delete_rows(connection: &mut PgConnection, table: &str, rows: Vec<String>) -> Result<(), DatabaseError> {
    let sql =
        format!("DELETE FROM {table} WHERE ctid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.text[]::pg_catalog.tid[])");
    sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(connection).await.map(drop).map_err(translate)
}
