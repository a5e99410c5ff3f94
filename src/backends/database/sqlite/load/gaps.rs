//! What staged rows leave out: filled from the rows that they meet, refused where a new row needs it.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::error::translate;
use super::merge::execute;
use super::probes::{POSITION, STAGE, matching};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::gaps::{CARRIED, GAPS, Gaps, Group, NEEDED};
use crate::backends::database::load::{Conflict, LoadSpec};
use crate::backends::database::quote::identifier;

/// Staged rows by what of them only the database can make.
pub async fn groups(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<Vec<Group>, DatabaseError> {
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
pub async fn fill(connection: &mut SqliteConnection, spec: &LoadSpec) -> Result<(), DatabaseError> {
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

/// New rows whose records leave out what a new row needs, with those columns.
pub async fn incomplete(
    connection: &mut SqliteConnection,
    spec: &LoadSpec,
) -> Result<Vec<(u64, Vec<String>)>, DatabaseError> {
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
    Ok(found.into_iter().map(|(row, gaps)| (row.unsigned_abs(), Gaps::parse(&gaps).needed(&spec.columns))).collect())
}
