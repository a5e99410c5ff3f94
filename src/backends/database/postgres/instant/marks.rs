//! The state of key ranges, condensed by the server in one pass.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::{Moment, condition};
use crate::backends::database::instant::{KeyBoundary, LinesOf, RangeMark};
use crate::backends::database::postgres::error::translate;
use crate::backends::database::quote::literal;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Hexadecimal digits of a table's identity.
const IDENTITY: usize = 32;

impl Moment {
    pub(super) async fn mark(
        &self,
        what: &LinesOf,
        boundaries: &[KeyBoundary],
    ) -> Result<Vec<RangeMark>, DatabaseError> {
        let mut seat = self.seat().await?;
        let identity = self.identity(seat.connection()?, what).await?;
        let found = self.pass(seat.connection()?, what, boundaries).await?;
        seat.leave();
        Ok(found
            .into_iter()
            .map(|(rows, sum)| RangeMark { rows, mark: format!("postgres:{identity}:{sum}") })
            .collect())
    }

    /// What a row's `xmin` does not tell: which table it is, in which history, and how its stored rows
    /// are read. A column that is added with a default changes no row, and every line.
    async fn identity(&self, connection: &mut PgConnection, what: &LinesOf) -> Result<String, DatabaseError> {
        let table = literal(&self.table(&what.table));
        let sql = format!(
            "SELECT c.oid::text || '.' || COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0)::text || '.' || \
             (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', a.attnum, a.attname, a.atttypid, a.atttypmod, \
              a.attmissingval::text, (SELECT pg_catalog.string_agg(e.enumlabel::text, ',' ORDER BY e.enumsortorder) \
              FROM pg_catalog.pg_enum e WHERE e.enumtypid = a.atttypid)), ';' ORDER BY a.attnum) \
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) \
             FROM pg_catalog.pg_class c WHERE c.oid = {table}::regclass"
        );
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(connection).await.map_err(translate)?;
        let structure: Option<String> = row.try_get(0).map_err(translate)?;
        let mut hasher = blake3::Hasher::new();
        for part in [&self.about.origin, &structure.unwrap_or_default(), &what.names().join("\t")] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Ok(hasher.finalize().to_hex().chars().take(IDENTITY).collect())
    }

    async fn pass(
        &self,
        connection: &mut PgConnection,
        what: &LinesOf,
        boundaries: &[KeyBoundary],
    ) -> Result<Vec<(u64, String)>, DatabaseError> {
        let sql = format!(
            "SELECT {}::int8 AS place, pg_catalog.count(*), \
             pg_catalog.sum(pg_catalog.hashtextextended(xmin::text, 0))::text FROM {} GROUP BY 1",
            condition::number_of_range(&what.key, boundaries, 0),
            self.table(&what.table)
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
        let mut found = vec![(0, "0".to_owned()); boundaries.len() + 1];
        for row in &rows {
            let place: i64 = row.try_get(0).map_err(translate)?;
            let (count, sum): (i64, String) = (row.try_get(1).map_err(translate)?, row.try_get(2).map_err(translate)?);
            let slot = usize::try_from(place).ok().and_then(|place| found.get_mut(place)).ok_or_else(|| {
                DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, "the server named a range that is none")
            })?;
            *slot = (count.unsigned_abs(), sum);
        }
        Ok(found)
    }
}
