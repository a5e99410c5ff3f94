//! Cuts a table into key ranges of about the same size.
//!
//! Where the server has statistics of the key's first column, their histogram gives the places for
//! nothing. Otherwise the index is counted through once.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::{Moment, condition};
use crate::backends::database::DatabaseError;
use crate::backends::database::instant::{KeyBoundary, KeyRange, LinesOf};
use crate::backends::database::postgres::error::translate;
use crate::backends::database::postgres::operators::{Operators, text_of};
use crate::backends::database::quote::{identifier, list, literal};

/// Bytes of a table for each reader at least.
const BYTES_A_PIECE: u64 = 1 << 20;

/// A column without values that are more common than others has a histogram of all its values.
const HISTOGRAM: &str = "\
SELECT s.histogram_bounds::pg_catalog.text::pg_catalog.text[] FROM pg_catalog.pg_stats s
WHERE s.schemaname OPERATOR(pg_catalog.=) $1 AND s.tablename OPERATOR(pg_catalog.=) $2 AND s.attname OPERATOR(pg_catalog.=) $3 AND NOT s.inherited
  AND s.most_common_vals IS NULL AND s.histogram_bounds IS NOT NULL";

impl Moment {
    pub(super) async fn cut(&self, what: &LinesOf, pieces: usize) -> Result<Vec<KeyRange>, DatabaseError> {
        if pieces <= 1 || what.key.is_empty() || self.other(&what.table).is_some() {
            return Ok(vec![KeyRange::default()]);
        }
        let mut seat = self.seat().await?;
        let places = self.places(seat.connection()?, what, pieces).await?;
        seat.leave();
        Ok(KeyRange::between(&places))
    }

    async fn places(
        &self,
        connection: &mut PgConnection,
        what: &LinesOf,
        pieces: usize,
    ) -> Result<Vec<KeyBoundary>, DatabaseError> {
        let table = self.table(&what.table);
        let names: Vec<String> = what.key.iter().map(|column| literal(column)).collect();
        let sql = format!(
            "SELECT pg_catalog.pg_table_size({0}::pg_catalog.regclass), (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute \
             WHERE attrelid OPERATOR(pg_catalog.=) {0}::pg_catalog.regclass AND attnotnull AND attname OPERATOR(pg_catalog.=) ANY (ARRAY[{1}]::pg_catalog.name[]))",
            literal(&table),
            names.join(", ")
        );
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(translate)?;
        let (bytes, required): (i64, i64) = (row.try_get(0).map_err(translate)?, row.try_get(1).map_err(translate)?);
        let most = usize::try_from(bytes.unsigned_abs() / BYTES_A_PIECE).unwrap_or(usize::MAX);
        let pieces = pieces.min(most);
        // A key with NULL in it would lie in no range.
        if pieces <= 1 || required.unsigned_abs() != what.key.len() as u64 {
            return Ok(Vec::new());
        }
        if let Some(bounds) = self.histogram(connection, what).await?
            && bounds.len() > pieces
        {
            return Ok(of_histogram(&bounds, pieces));
        }
        let operators = self.operators(connection, &what.table).await?;
        counted(connection, (&table, &operators, &what.key), pieces).await
    }

    async fn histogram(
        &self,
        connection: &mut PgConnection,
        what: &LinesOf,
    ) -> Result<Option<Vec<String>>, DatabaseError> {
        let Some(first) = what.key.first() else { return Ok(None) };
        let found: Option<Option<Vec<String>>> = sqlx::query_scalar(HISTOGRAM)
            .bind(self.namespace.as_str())
            .bind(&what.table)
            .bind(first)
            .fetch_optional(connection)
            .await
            .map_err(translate)?;
        Ok(found.flatten())
    }
}

/// Bounds that lie as far from each other as there are pieces.
fn of_histogram(bounds: &[String], pieces: usize) -> Vec<KeyBoundary> {
    let mut chosen: Vec<KeyBoundary> = (1..pieces)
        .filter_map(|piece| bounds.get(piece * (bounds.len() - 1) / pieces))
        .map(|bound| KeyBoundary(vec![bound.clone()]))
        .collect();
    chosen.dedup();
    chosen
}

async fn counted(
    connection: &mut PgConnection,
    (table, operators, key): (&str, &Operators, &[String]),
    pieces: usize,
) -> Result<Vec<KeyBoundary>, DatabaseError> {
    let sql = format!("SELECT pg_catalog.count(*) FROM {table}");
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(translate)?;
    let rows: i64 = row.try_get(0).map_err(translate)?;
    let step = rows.unsigned_abs().div_ceil(pieces as u64).max(1);
    let texts: Vec<String> = key.iter().map(|column| text_of(&identifier(column))).collect();
    let mut places: Vec<KeyBoundary> = Vec::new();
    while places.len() + 1 < pieces {
        let behind = KeyRange { from: places.last().cloned(), to: None };
        let sql = format!(
            "SELECT ARRAY[{}] FROM {table}{} ORDER BY {} OFFSET {step} LIMIT 1",
            texts.join(", "),
            condition::of_range((operators, key), Some(&behind)),
            list("", key)
        );
        let next = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_optional(&mut *connection).await.map_err(translate)?;
        let Some(next) = next else { break };
        places.push(KeyBoundary(next.try_get(0).map_err(translate)?));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cut_evenly() {
        let bounds: Vec<String> = (0..=100).map(|at| at.to_string()).collect();
        let places: Vec<String> = of_histogram(&bounds, 4).into_iter().map(|place| place.0.concat()).collect();
        assert_eq!(places, ["25", "50", "75"]);
        assert_eq!(of_histogram(&["a".into(), "a".into(), "a".into(), "b".into()], 3).len(), 1);
    }
}
