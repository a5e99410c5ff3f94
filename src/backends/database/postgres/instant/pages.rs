//! Tables as ranges of the pages of their files.

use sqlx::Row as _;

use super::Moment;
use crate::backends::database::DatabaseError;
use crate::backends::database::instant::{PAGES, PageRange};
use crate::backends::database::postgres::error::translate;

/// The first version that reads a range of pages without reading all before it.
const TID_RANGE_SCAN: u32 = 140_000;

/// Pages of ordinary tables whose rows all lie in one file.
const SIZES: &str = "\
SELECT pg_catalog.pg_relation_size(c.oid, 'main'), pg_catalog.current_setting('block_size')::pg_catalog.int8
FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS w (name, place)
LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) c.relam)
  ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(w.name) AND c.relkind OPERATOR(pg_catalog.=) 'r' AND a.amname OPERATOR(pg_catalog.=) 'heap' AND NOT c.relhassubclass
ORDER BY w.place";

impl Moment {
    /// The moment is older than the question: whatever it sees lies in pages that are there now.
    pub(super) async fn grids(&self, tables: &[String]) -> Result<Vec<Option<Vec<PageRange>>>, DatabaseError> {
        let capabilities = &self.database.capabilities;
        let whole = |table: &String| self.other(table).map(|_| PageRange::grid(1, 1));
        // Citus keeps the rows of a distributed table elsewhere.
        if capabilities.version_number < TID_RANGE_SCAN || capabilities.citus {
            return Ok(tables.iter().map(whole).collect());
        }
        let names: Vec<String> = tables.iter().map(|table| self.table(table)).collect();
        let mut seat = self.seat().await?;
        let rows = sqlx::query(SIZES).bind(&names).fetch_all(seat.connection()?).await.map_err(translate)?;
        seat.leave();
        let grid = |(table, row): (&String, &sqlx::postgres::PgRow)| {
            if let Some(whole) = whole(table) {
                return Ok(Some(whole));
            }
            let bytes: Option<i64> = row.try_get(0).map_err(translate)?;
            let page = row.try_get::<i64, _>(1).map_err(translate)?.unsigned_abs().max(1);
            Ok(bytes.map(|bytes| PageRange::grid(bytes.unsigned_abs().div_ceil(page), PAGES / page)))
        };
        tables.iter().zip(&rows).map(grid).collect()
    }
}
