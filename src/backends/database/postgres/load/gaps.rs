//! What staged rows leave out: filled from the rows that they meet, refused where a new row needs it.

use sqlx::{AssertSqlSafe, PgConnection};

use super::super::as_owner::Hand;
use super::super::error::translate;
use super::super::operators::text_of;
use super::Target;
use super::probes::{POSITION, STAGE, TEXTS};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::Conflict;
use crate::backends::database::load::gaps::{CARRIED, GAPS, Gaps, Group, NEEDED};
use crate::backends::database::quote::{identifier, qualified};

/// Staged rows by what of them only the database can make.
pub async fn groups(connection: &mut PgConnection, spec: &Target) -> Result<Vec<Group>, DatabaseError> {
    if !spec.is_partial() || spec.server_made().next().is_none() {
        return Ok(vec![Group::whole(spec)]);
    }
    let sql = format!("SELECT DISTINCT COALESCE({GAPS}, ''::pg_catalog.text) FROM {STAGE}");
    let found = spec.hand.texts::<1>(connection, &sql, &[]).await?;
    let found: Vec<String> = found.into_iter().flatten().flatten().collect();
    Ok(Group::of(spec, &found, carried))
}

/// Whether the staged row `s` carries the column at a place.
fn carried(place: usize) -> String {
    format!(
        "(s.{GAPS} IS NULL OR pg_catalog.substr(s.{GAPS}, {}, 1) OPERATOR(pg_catalog.=) '{CARRIED}'::pg_catalog.text)",
        place + 1
    )
}

/// What the records of rows that are there leave out becomes what these rows hold, so that all
/// that follows (probes, strategies, before-images) sees whole rows. They are held until the batch
/// is durable, so that nobody's change between is lost.
pub async fn fill(connection: &mut PgConnection, spec: &Target) -> Result<(), DatabaseError> {
    if !spec.is_partial() || !spec.carries_key() || spec.conflict == Conflict::Error {
        return Ok(());
    }
    let table = spec.full_name();
    let met = format!("s.{GAPS} IS NOT NULL AND {}", spec.operators.matching("t", &spec.key, "s", &spec.key));
    let lock = if spec.conflict == Conflict::Skip { "" } else { " FOR NO KEY UPDATE OF t" };
    let hold = format!(
        "SELECT pg_catalog.count(*)::pg_catalog.text \
         FROM (SELECT 1 FROM {table} t JOIN {STAGE} s ON {met}{lock}) AS held"
    );
    if spec.hand.number(connection, &hold, &[]).await? == 0 {
        return Ok(());
    }
    let filled: Vec<(usize, &String)> =
        spec.columns.iter().enumerate().filter(|(_, column)| !spec.key.contains(column)).collect();
    if filled.is_empty() {
        return Ok(());
    }
    if let Hand::Owner(_) = spec.hand {
        return as_texts(connection, spec, (&filled, &met)).await;
    }
    let fill = |(place, column): &(usize, &String)| {
        let name = identifier(column);
        format!("{name} = CASE WHEN {} THEN s.{name} ELSE t.{name} END", carried(*place))
    };
    let fills: Vec<String> = filled.iter().map(fill).collect();
    let sql = format!("UPDATE {STAGE} s SET {} FROM {table} t WHERE {met}", fills.join(", "));
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(drop).map_err(translate)
}

/// The role of the tenant says what its rows hold, as texts; we write them beside what was sent.
async fn as_texts(
    connection: &mut PgConnection,
    spec: &Target,
    (filled, met): (&[(usize, &String)], &str),
) -> Result<(), DatabaseError> {
    let held: Vec<String> = filled.iter().map(|(_, c)| text_of(&format!("t.{}", identifier(c)))).collect();
    let sql = format!(
        "SELECT s.{POSITION}::pg_catalog.text, pg_catalog.jsonb_build_array({})::pg_catalog.text \
         FROM {} t JOIN {STAGE} s ON {met}",
        held.join(", "),
        spec.full_name()
    );
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for [row, held] in spec.hand.texts::<2>(connection, &sql, &[]).await? {
        rows.push(row);
        values.push(held);
    }
    let fill = |(at, (place, column)): (usize, &(usize, &String))| {
        let name = identifier(column);
        format!(
            "{name} = CASE WHEN {} THEN s.{name} ELSE pg_catalog.jsonb_array_element_text(u.held, {at}) END",
            carried(*place)
        )
    };
    let fills: Vec<String> = filled.iter().enumerate().map(fill).collect();
    let sql = format!(
        "UPDATE {TEXTS} s SET {} FROM (SELECT r::pg_catalog.int8 AS row, h::pg_catalog.jsonb AS held \
         FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS n (r, h)) u \
         WHERE s.{POSITION} OPERATOR(pg_catalog.=) u.row",
        fills.join(", ")
    );
    sqlx::query(AssertSqlSafe(sql)).bind(rows).bind(values).execute(connection).await.map(drop).map_err(translate)
}

/// New rows whose records leave out what a new row needs, with those columns.
pub async fn incomplete(
    connection: &mut PgConnection,
    spec: &Target,
) -> Result<Vec<(u64, Vec<String>)>, DatabaseError> {
    if !spec.is_partial() {
        return Ok(Vec::new());
    }
    let unless_known = if spec.conflict == Conflict::Error || !spec.carries_key() {
        String::new()
    } else {
        let table = qualified(&spec.namespace, &spec.table);
        let on = spec.operators.matching("t", &spec.key, "s", &spec.key);
        format!(" AND NOT EXISTS (SELECT 1 FROM {table} t WHERE {on})")
    };
    let sql = format!(
        "SELECT s.{POSITION}::pg_catalog.text, s.{GAPS} FROM {STAGE} s \
         WHERE pg_catalog.strpos(s.{GAPS}, '{NEEDED}'::pg_catalog.text) OPERATOR(pg_catalog.>) 0{unless_known}"
    );
    let found = spec.hand.texts::<2>(connection, &sql, &[]).await?;
    let needed = |[row, gaps]: [Option<String>; 2]| {
        let row = row.and_then(|row| row.parse().ok())?;
        Some((row, Gaps::parse(&gaps?).needed(&spec.columns)))
    };
    Ok(found.into_iter().filter_map(needed).collect())
}
