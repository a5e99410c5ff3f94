//! Cuts a table into key ranges of the same number of rows, by counting through the key's index.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::rows::{self, Odd};
use super::super::translate;
use super::lines::condition;
use crate::backends::database::DatabaseError;
use crate::backends::database::instant::{KeyBoundary, KeyRange, LinesOf, Range};
use crate::backends::database::load::parse_text;
use crate::backends::database::quote::{identifier, list, literal};
use crate::model::LogicalType;

/// Rows of a table for each reader at least.
const ROWS_A_PIECE: u64 = 4096;

/// Places that cut the table; none if it is to be read as a whole.
pub(super) async fn places(
    connection: &mut SqliteConnection,
    what: &LinesOf,
    pieces: usize,
) -> Result<Vec<KeyBoundary>, DatabaseError> {
    let columns: Option<Vec<(String, LogicalType)>> =
        what.key.iter().map(|key| what.columns.iter().find(|(name, _)| name == key).cloned()).collect();
    let Some(columns) = columns.filter(|columns| !columns.is_empty() && pieces > 1) else { return Ok(Vec::new()) };
    if !is_required(connection, what).await? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT count(*) FROM {}", identifier(&what.table));
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(translate)?;
    let most = usize::try_from(rows.unsigned_abs() / ROWS_A_PIECE).unwrap_or(usize::MAX);
    let pieces = pieces.min(most).max(1);
    let step = rows.unsigned_abs().div_ceil(pieces as u64);
    let mut places: Vec<KeyBoundary> = Vec::new();
    while places.len() + 1 < pieces {
        let Some(next) = after(connection, (what, &columns), places.last(), step).await? else { break };
        places.push(next);
    }
    Ok(places)
}

/// The key so many rows behind a place.
async fn after(
    connection: &mut SqliteConnection,
    (what, columns): (&LinesOf, &[(String, LogicalType)]),
    place: Option<&KeyBoundary>,
    step: u64,
) -> Result<Option<KeyBoundary>, DatabaseError> {
    let behind = LinesOf { range: Some(Range::Keys(KeyRange { from: place.cloned(), to: None })), ..what.clone() };
    let mut arguments = SqliteArguments::default();
    let condition = condition(&behind, &mut arguments)?;
    let key = list("", &what.key);
    let sql = format!("SELECT {key} FROM {}{condition} ORDER BY {key} LIMIT 1 OFFSET {step}", identifier(&what.table));
    let row = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_optional(connection).await.map_err(translate)?;
    let Some(row) = row else { return Ok(None) };
    let texts: Option<Vec<String>> = rows::read(&row, columns, Odd::Refused)?.iter().map(parse_text::text_of).collect();
    Ok(texts.map(KeyBoundary))
}

/// Whether no column of the key takes NULL: such a row would lie in no range.
async fn is_required(connection: &mut SqliteConnection, what: &LinesOf) -> Result<bool, DatabaseError> {
    let names: Vec<String> = what.key.iter().map(|key| literal(&key.to_lowercase())).collect();
    let sql = format!(
        "SELECT count(*) FROM pragma_table_info(?1) WHERE lower(name) IN ({}) \
         AND (\"notnull\" = 1 OR (pk = 1 AND lower(type) = 'integer'))",
        names.join(", ")
    );
    let required: i64 =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(&what.table).fetch_one(connection).await.map_err(translate)?;
    Ok(required.unsigned_abs() == what.key.len() as u64)
}
