//! Rows of a SQLite file as the lines that PostgreSQL would write for them.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::sync::mpsc;

use super::super::rows::{self, Odd};
use super::super::{translate, value};
use crate::backends::database::DatabaseError;
use crate::backends::database::instant::{CHUNK, KeyBoundary, LinesOf, RangeMark};
use crate::backends::database::load::{copy_text, parse_text};
use crate::backends::database::quote::{identifier, list};
use crate::model::{LogicalType, Value};

/// Streams lines in chunks, as long as somebody wants them.
pub(super) async fn stream(
    connection: &mut SqliteConnection,
    what: &LinesOf,
    out: &mpsc::Sender<Bytes>,
) -> Result<u64, DatabaseError> {
    let (sql, arguments) = statement(what)?;
    let mut found = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch(connection);
    let (mut chunk, mut line, mut rows) = (BytesMut::with_capacity(CHUNK), Vec::new(), 0);
    while let Some(row) = found.try_next().await.map_err(translate)? {
        encode(&row, what, &mut line)?;
        chunk.extend_from_slice(&line);
        rows += 1;
        if chunk.len() >= CHUNK {
            let full = std::mem::replace(&mut chunk, BytesMut::with_capacity(CHUNK));
            if out.send(full.freeze()).await.is_err() {
                return Ok(rows);
            }
        }
    }
    if !chunk.is_empty() {
        // Whoever does not want the rest any more does not miss it.
        let _ = out.send(chunk.freeze()).await;
    }
    Ok(rows)
}

/// A hash of the lines and of what they mean.
pub(super) async fn mark(connection: &mut SqliteConnection, what: &LinesOf) -> Result<RangeMark, DatabaseError> {
    let (sql, arguments) = statement(what)?;
    let mut found = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch(connection);
    let mut hasher = blake3::Hasher::new();
    for (name, logical) in &what.columns {
        hasher.update(format!("{name:?} {logical}\n").as_bytes());
    }
    let (mut line, mut rows) = (Vec::new(), 0);
    while let Some(row) = found.try_next().await.map_err(translate)? {
        encode(&row, what, &mut line)?;
        hasher.update(&line);
        rows += 1;
    }
    Ok(RangeMark { rows, mark: format!("lines:{}", hasher.finalize().to_hex()) })
}

fn encode(row: &sqlx::sqlite::SqliteRow, what: &LinesOf, line: &mut Vec<u8>) -> Result<(), DatabaseError> {
    let values = rows::read(row, &what.columns, Odd::Refused)?;
    line.clear();
    copy_text::encode_line(&values, what.columns.iter().map(|(_, logical)| logical), line);
    Ok(())
}

fn statement(what: &LinesOf) -> Result<(String, SqliteArguments), DatabaseError> {
    let mut arguments = SqliteArguments::default();
    let condition = condition(what, &mut arguments)?;
    let order = if what.key.is_empty() { String::new() } else { format!(" ORDER BY {}", list("", &what.key)) };
    Ok((format!("SELECT {} FROM {}{condition}{order}", list("", &what.names()), identifier(&what.table)), arguments))
}

/// `WHERE …` for the range, its values bound; empty for all rows.
pub(super) fn condition(what: &LinesOf, arguments: &mut SqliteArguments) -> Result<String, DatabaseError> {
    let range = what.keys();
    let ends = [(">=", range.and_then(|range| range.from.as_ref())), ("<", range.and_then(|range| range.to.as_ref()))];
    let mut parts = Vec::new();
    for (operator, place) in ends.into_iter().filter_map(|(operator, place)| Some((operator, place?))) {
        let columns: Vec<String> = what.key.iter().take(place.0.len()).cloned().collect();
        let marks = vec!["?"; columns.len()].join(", ");
        parts.push(format!("({}) {operator} ({marks})", list("", &columns)));
        for value in values(what, place) {
            value::bind(value, arguments)?;
        }
    }
    Ok(if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) })
}

/// The values of a place, in the form in which the file holds them.
fn values(what: &LinesOf, place: &KeyBoundary) -> Vec<Value> {
    let logical = |key: &String| what.columns.iter().find(|(name, _)| name == key).map(|(_, logical)| logical);
    what.key
        .iter()
        .zip(&place.0)
        .map(|(key, text)| {
            let logical = logical(key).unwrap_or(&LogicalType::Text);
            parse_text::value(text, logical).unwrap_or_else(|| Value::Text(text.clone()))
        })
        .collect()
}
