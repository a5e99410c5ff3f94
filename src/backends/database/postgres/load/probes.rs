//! Set-based probes: one query a constraint finds every row that it would refuse.
//!
//! Measured on 100,000 rows of which 200 are bad: probes 2.0 s, a savepoint a row 27 s, bisecting
//! the COPY 127 s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
use crate::backends::database::load::{Conflict, Probed, Refused, RefusedReason, certain};
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
    for key in keys(spec) {
        for (at, first) in duplicates(connection, spec, rows, key).await? {
            found.entry(at).or_insert_with(|| (RefusedReason::Duplicate, shared(key), Some(first)));
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
        "SELECT r.at::text, r.n FROM (SELECT ctid AS at, pg_catalog.row_number() OVER (ORDER BY ctid) - 1 AS n FROM {table}) r \
         JOIN pg_catalog.unnest($1::text[]::tid[]) AS wanted (at) ON wanted.at = r.at"
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

/// Takes rows out of the staging table that the table's keys would refuse. `last` says that nothing more comes.
pub async fn of_stage(connection: &mut PgConnection, spec: &Target, last: bool) -> Result<Probed, DatabaseError> {
    let mut probed = Probed::default();
    let found = standing(connection, spec, (&mut probed, last)).await?;
    take_out(connection, spec, (found, &mut probed)).await?;
    take_out_dependents(connection, spec, (&mut probed, last)).await?;
    loop {
        let pairs = pairs(connection, spec).await?;
        if pairs.is_empty() {
            return Ok(probed);
        }
        let hanging = if spec.may_wait() { hanging(connection, spec).await? } else { BTreeSet::new() };
        let found = certain(&pairs, &hanging);
        take_out(connection, spec, (found, &mut probed)).await?;
        take_out_dependents(connection, spec, (&mut probed, last)).await?;
    }
}

/// Rows with a key that an earlier row has, each with the first one.
async fn pairs(connection: &mut PgConnection, spec: &Target) -> Result<Vec<Refused>, DatabaseError> {
    let mut pairs = Vec::new();
    for key in keys(spec) {
        for (row, first) in duplicates(connection, spec, STAGED, key).await? {
            pairs.push(refuse(staged(&row)?, RefusedReason::Duplicate, key, Some(staged(&first)?)));
        }
    }
    Ok(pairs)
}

/// Rows that need another staged one: one that they point at, or one that gives a unique value up.
async fn hanging(connection: &mut PgConnection, spec: &Target) -> Result<BTreeSet<u64>, DatabaseError> {
    let mut found = BTreeSet::new();
    for key in spec.definition.all_foreign_keys().iter().filter(|key| key.table == spec.table) {
        for row in orphans(connection, spec, STAGED, (key, false)).await? {
            found.insert(staged(&row)?);
        }
    }
    for key in keys(spec).into_iter().filter(|key| *key != spec.key) {
        let held = moves::holders(connection, spec, key).await?;
        found.extend(held.into_iter().map(|(row, _)| row));
    }
    Ok(found)
}

fn refuse(ordinal: u64, reason: RefusedReason, columns: &[String], other: Option<u64>) -> Refused {
    Refused { ordinal, reason, columns: shared(columns), other, message: None }
}

async fn take_out(
    connection: &mut PgConnection,
    spec: &Target,
    (found, probed): (Vec<Refused>, &mut Probed),
) -> Result<(), DatabaseError> {
    drop_rows(connection, spec.staged(), &found).await?;
    probed.refused.extend(found);
    Ok(())
}

/// Rows that rested on one that was taken out go as well, as long as there are any.
async fn take_out_dependents(
    connection: &mut PgConnection,
    spec: &Target,
    (probed, last): (&mut Probed, bool),
) -> Result<(), DatabaseError> {
    while spec.may_wait() && !probed.refused.is_empty() {
        let mut found = BTreeMap::new();
        held_by_others(connection, spec, (&mut found, probed, last)).await?;
        if spec.points_at_itself() {
            let orphans = orphans_of_stage(connection, spec).await?;
            found.extend(orphans.into_iter().map(|refused| (refused.ordinal, refused)));
        }
        if found.is_empty() {
            return Ok(());
        }
        take_out(connection, spec, (found.into_values().collect(), probed)).await?;
    }
    Ok(())
}

/// Rows whose unique value another row of the table has and keeps.
async fn held_by_others(
    connection: &mut PgConnection,
    spec: &Target,
    (found, probed, last): (&mut BTreeMap<u64, Refused>, &mut Probed, bool),
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
    connection: &mut PgConnection,
    spec: &Target,
    (probed, last): (&mut Probed, bool),
) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<u64, Refused> = BTreeMap::new();
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
        found.entry(refused.ordinal).or_insert(refused);
    }
    for column in spec.filled.identities.iter().filter(|c| spec.columns.contains(c) && !spec.key.contains(c)) {
        for row in renumbered(connection, spec, column).await? {
            let message =
                format!("the row's '{column}' is another; it is GENERATED ALWAYS, and PostgreSQL changes none");
            let refused = refuse(row, RefusedReason::Database, std::slice::from_ref(column), None);
            found.entry(row).or_insert(Refused { message: Some(message.into()), ..refused });
        }
    }
    Ok(found.into_values().collect())
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

/// Rows of the staging table that point at no row.
pub async fn orphans_of_stage(connection: &mut PgConnection, spec: &Target) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<u64, Refused> = BTreeMap::new();
    for key in spec.definition.all_foreign_keys() {
        for row in orphans(connection, spec, STAGED, (&key, true)).await? {
            let (ordinal, columns) = (staged(&row)?, shared(&key.columns));
            let reason = RefusedReason::Reference;
            found.entry(ordinal).or_insert(Refused { ordinal, reason, columns, other: None, message: None });
        }
    }
    Ok(found.into_values().collect())
}

/// The primary key and all unique keys whose columns the source carries.
fn keys(spec: &Target) -> Vec<&[String]> {
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
         WHERE {}{} GROUP BY {columns} HAVING pg_catalog.count(*) > 1) \
         SELECT r.{position}::pg_catalog.text, d.\"_fixtool_first\"::pg_catalog.text FROM {rows} r JOIN twice d ON {} \
         WHERE r.{position} > d.\"_fixtool_first\"{}",
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
    let sql = format!(
        "SELECT r.{POSITION}::pg_catalog.text FROM {STAGE} r JOIN {} u ON u.run = $1 AND u.step = $2 AND u.key = {}",
        qualified(&spec.namespace, "_fixtool_undo"),
        key_text("r.", &spec.key)
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
    let sql = format!("DELETE FROM {table} WHERE ctid = ANY($1::text[]::tid[])");
    sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(connection).await.map(drop).map_err(translate)
}
