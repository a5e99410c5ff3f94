//! The state of ranges, condensed by the server in one pass: the number of rows, and the sum of the hashes of
//! the transactions that wrote them.

use std::collections::HashMap;
use std::sync::PoisonError;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::Moment;
use super::condition::{self, Since, WRITTEN_BY};
use crate::backends::database::instant::{KeyBoundary, LinesOf, PageMark, PageRange, RangeMark};
use crate::backends::database::postgres::error::translate;
use crate::backends::database::postgres::operators::Operators;
use crate::backends::database::postgres::plain::Family;
use crate::backends::database::quote::literal;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Of the transactions `x`.
const HASHES: &str = "pg_catalog.sum(pg_catalog.hashint8extended(x, 0))";

/// Ranges of pages that one statement asks for.
const TOGETHER: usize = 256;

/// Hexadecimal digits of a table's identity.
const IDENTITY: usize = 32;

impl Moment {
    pub(super) async fn mark(
        &self,
        what: &LinesOf,
        boundaries: &[KeyBoundary],
    ) -> Result<Vec<RangeMark>, DatabaseError> {
        if let Some(family) = self.other(&what.table) {
            let mark = self.mark_other(family, what).await?;
            // Where the rows of a key lie is not asked: no range of them is known again.
            let unknown = RangeMark { rows: 0, mark: "postgres:unknown".to_owned() };
            return Ok(if boundaries.is_empty() { vec![mark] } else { vec![unknown; boundaries.len() + 1] });
        }
        let mut seat = self.seat().await?;
        let identity = self.identity(seat.connection()?, what).await?;
        let found = self.pass(seat.connection()?, what, boundaries).await?;
        seat.leave();
        Ok(found.into_iter().map(|(state, _)| marked(&identity, state)).collect())
    }

    pub(super) async fn mark_pages(
        &self,
        what: &LinesOf,
        ranges: &[PageRange],
        since: Option<&str>,
    ) -> Result<Vec<PageMark>, DatabaseError> {
        if let Some(family) = self.other(&what.table) {
            let all = self.mark_other(family, what).await?;
            // There is one range, that of all pages.
            return Ok(ranges.iter().map(|_| PageMark { all: all.clone(), older: None }).collect());
        }
        let mut seat = self.seat().await?;
        let identity = self.identity(seat.connection()?, what).await?;
        let since = since.filter(|position| self.same_history(position)).and_then(Since::of);
        let older = since.map(|since| format!(" FILTER (WHERE {})", since.older("x")));
        let mut marks = Vec::with_capacity(ranges.len());
        for some in ranges.chunks(TOGETHER) {
            let sql = self.state_sql(&what.table, some, older.as_deref());
            let found = states(seat.connection()?, sql, (some.len(), older.is_some())).await?;
            marks.extend(found.into_iter().map(|(all, older)| PageMark {
                all: marked(&identity, all),
                older: older.map(|older| marked(&identity, older)),
            }));
        }
        seat.leave();
        Ok(marks)
    }

    /// The state of a table that is not named in a query: what its lines are.
    async fn mark_other(&self, family: &Family, what: &LinesOf) -> Result<RangeMark, DatabaseError> {
        let content = self.content(family, what).await?;
        let mut seat = self.seat().await?;
        let identity = self.identity(seat.connection()?, what).await?;
        seat.leave();
        Ok(marked(&identity, (content.rows, content.mark())))
    }

    fn same_history(&self, position: &str) -> bool {
        position.strip_prefix("postgres:").is_some_and(|rest| rest.starts_with(&format!("{}:", self.about.origin)))
    }

    fn state_sql(&self, table: &str, ranges: &[PageRange], older: Option<&str>) -> String {
        let table = self.table(table);
        let older =
            older.map_or_else(String::new, |older| format!(", pg_catalog.count(*){older}, {HASHES}{older}::text"));
        let one = |(at, range): (usize, &PageRange)| {
            format!(
                "SELECT {at}::pg_catalog.int8 AS place, pg_catalog.count(*), {HASHES}::pg_catalog.text{older} FROM \
                 (SELECT {WRITTEN_BY} AS x FROM {table}{} OFFSET 0) AS r",
                condition::of_pages(*range)
            )
        };
        let each: Vec<String> = ranges.iter().enumerate().map(one).collect();
        each.join(" UNION ALL ")
    }

    /// What a row's `xmin` does not tell: which table it is, in which history, and how its stored rows
    /// are read. A column that is added with a default changes no row, and every line.
    async fn identity(&self, connection: &mut PgConnection, what: &LinesOf) -> Result<String, DatabaseError> {
        let columns = what.names().join("\t");
        let known = |all: &mut HashMap<_, _>| all.get(&(what.table.clone(), columns.clone())).cloned();
        let found: Option<String> = known(&mut self.identities.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(found) = found {
            return Ok(found);
        }
        let table = literal(&self.table(&what.table));
        let sql = format!(
            "SELECT c.oid::pg_catalog.text OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0)::pg_catalog.text OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) \
             (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(',', a.attnum, a.attname, a.atttypid, a.atttypmod, \
              a.attmissingval::pg_catalog.text, (SELECT pg_catalog.string_agg(e.enumlabel::pg_catalog.text, ',' ORDER BY e.enumsortorder) \
              FROM pg_catalog.pg_enum e WHERE e.enumtypid OPERATOR(pg_catalog.=) a.atttypid)), ';' ORDER BY a.attnum) \
              FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped) \
             FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) {table}::pg_catalog.regclass"
        );
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(connection).await.map_err(translate)?;
        let structure: Option<String> = row.try_get(0).map_err(translate)?;
        let mut hasher = blake3::Hasher::new();
        for part in [&self.about.origin, &structure.unwrap_or_default(), &columns] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let identity: String = hasher.finalize().to_hex().chars().take(IDENTITY).collect();
        let mut all = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((what.table.clone(), columns), identity.clone());
        Ok(identity)
    }

    async fn pass(
        &self,
        connection: &mut PgConnection,
        what: &LinesOf,
        boundaries: &[KeyBoundary],
    ) -> Result<Vec<(State, Option<State>)>, DatabaseError> {
        let operators = match boundaries {
            [] => Operators::default(),
            _ => self.operators(connection, &what.table).await?,
        };
        let sql = format!(
            "SELECT place, pg_catalog.count(*), {HASHES}::pg_catalog.text FROM \
             (SELECT {}::pg_catalog.int8 AS place, {WRITTEN_BY} AS x FROM {} OFFSET 0) AS r GROUP BY 1",
            condition::number_of_range((&operators, &what.key), boundaries, 0),
            self.table(&what.table)
        );
        states(connection, sql, (boundaries.len() + 1, false)).await
    }
}

/// Rows, and the sum of hashes.
type State = (u64, String);

fn marked(identity: &str, (rows, sum): State) -> RangeMark {
    RangeMark { rows, mark: format!("postgres:{identity}:{sum}") }
}

/// The states that a statement gives, each under its place.
async fn states(
    connection: &mut PgConnection,
    sql: String,
    (places, older): (usize, bool),
) -> Result<Vec<(State, Option<State>)>, DatabaseError> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)?;
    let none = || (0, "0".to_owned());
    let mut found = vec![(none(), older.then(none)); places];
    let state = |row: &PgRow, at: usize| -> Result<State, DatabaseError> {
        let rows: i64 = row.try_get(at).map_err(translate)?;
        let sum: Option<String> = row.try_get(at + 1).map_err(translate)?;
        Ok((rows.unsigned_abs(), sum.unwrap_or_else(|| "0".to_owned())))
    };
    for row in &rows {
        let place: i64 = row.try_get(0).map_err(translate)?;
        let slot = usize::try_from(place).ok().and_then(|place| found.get_mut(place)).ok_or_else(|| {
            DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, "the server named a range that is none")
        })?;
        *slot = (state(row, 1)?, if older { Some(state(row, 3)?) } else { None });
    }
    Ok(found)
}
