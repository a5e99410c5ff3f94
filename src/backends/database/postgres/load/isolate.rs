//! When the database refuses a batch for a reason that the model does not know (a trigger, an
//! exclusion constraint, a domain), halves of it are tried until only the rows at fault are left.

use std::ops::Range;

use sqlx::{AssertSqlSafe, PgConnection};

use super::super::as_owner::Hand;
use super::super::error::translate;
use super::Target;
use super::merge::{Counts, stage_into_table};
use super::probes::{POSITION, STAGE, Staged};
use super::staged::reading;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::Refused;
use crate::backends::database::load::probed::orphans;
use crate::backends::database::load::search::Search;

/// All rows that are tried; under the staging table's name there is a view of a piece of them meanwhile, so that no
/// try has to copy its rows.
pub const HELD: &str = "pg_temp.\"_fixtool_held\"";

/// What a row that points at a row of its own table gets when that one is not there.
const FOREIGN_KEY: &str = "23503";

/// What a row gets whose unique value another one has, which may give it up.
pub const UNIQUE: &str = "23505";

/// What is tried with a piece.
pub enum Work<'a> {
    /// All that a batch needs.
    Merge,
    /// One statement.
    Statement(&'a str),
}

/// Moves what is staged into the table. Rows that the database refuses are added to `refused`: all of them, or the
/// first if the load ends with it. Also says whether they had to be looked for.
pub async fn merge(
    connection: &mut PgConnection,
    spec: &Target,
    refused: &mut Vec<Refused>,
) -> Result<(Counts, bool), DatabaseError> {
    run(connection, "SAVEPOINT whole").await?;
    match stage_into_table(connection, spec).await {
        Ok(counts) => Ok((counts, false)),
        Err(error) if error.is_of_row() => {
            run(connection, "ROLLBACK TO SAVEPOINT whole").await?;
            if let Hand::Owner(_) = spec.hand {
                run(connection, &format!("DROP VIEW {STAGE}")).await?;
            }
            let hold = format!("ALTER TABLE {} RENAME TO \"_fixtool_held\"", spec.staged());
            run(connection, &hold).await?;
            let counts = one_by_one(connection, spec, &Work::Merge, refused).await?;
            if refused.is_empty() { Err(error) } else { Ok((counts, true)) }
        }
        Err(error) => Err(error),
    }
}

/// Does the work with all held rows but those that the database refuses.
pub async fn one_by_one(
    connection: &mut PgConnection,
    spec: &Target,
    work: &Work<'_>,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    let bound = |name: &str| format!("pg_catalog.current_setting('fixtool.{name}')::pg_catalog.int8");
    let show = format!(
        "CREATE INDEX ON {HELD} ({POSITION}); ANALYZE {HELD}; \
         CREATE TEMPORARY VIEW \"_fixtool_stage\" AS SELECT {} FROM {HELD} \
         WHERE {POSITION} OPERATOR(pg_catalog.>=) {} AND {POSITION} OPERATOR(pg_catalog.<=) {}",
        reading(connection, spec).await?,
        bound("first"),
        bound("last")
    );
    run(connection, &show).await?;
    spec.hand.show(connection, STAGE).await?;
    let mut totals = Counts::new();
    loop {
        let rows: Vec<i64> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT {POSITION} FROM {HELD} ORDER BY {POSITION}")))
                .fetch_all(&mut *connection)
                .await
                .map_err(translate)?;
        let mut round = Round { spec, work, rows: &rows, totals: &mut totals, refused, waiting: Vec::new() };
        round.carry_out(connection).await?;
        let waiting = round.waiting;
        if waiting.is_empty() || (!spec.reject && !refused.is_empty()) {
            return Ok(totals);
        }
        if waiting.len() == rows.len() {
            refused.extend(waiting.into_iter().map(|(_, refused)| refused));
            return Ok(totals);
        }
        // What they point at may be there by this time; what points at a refused row goes out for good.
        let kept: Vec<i64> = waiting.iter().map(|(row, _)| *row).collect();
        let sql = format!("DELETE FROM {HELD} WHERE {POSITION} OPERATOR(pg_catalog.<>) ALL ($1)");
        sqlx::query(AssertSqlSafe(sql)).bind(kept).execute(&mut *connection).await.map_err(translate)?;
        run(connection, &show_rows((i64::MIN, i64::MAX))).await?;
        take_out_orphans(connection, spec, HELD, refused).await?;
    }
}

fn show_rows((first, last): (i64, i64)) -> String {
    format!(
        "SELECT pg_catalog.set_config('fixtool.first', '{first}', true), pg_catalog.set_config('fixtool.last', '{last}', true)"
    )
}

/// One search over the held rows.
struct Round<'a> {
    spec: &'a Target,
    work: &'a Work<'a>,
    rows: &'a [i64],
    totals: &'a mut Counts,
    refused: &'a mut Vec<Refused>,
    /// Rows that may go through when others have.
    waiting: Vec<(i64, Refused)>,
}

impl Round<'_> {
    async fn carry_out(&mut self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let may_wait = |code: Option<&str>| match code {
            Some(FOREIGN_KEY) => self.spec.points_at_itself(),
            Some(UNIQUE) => self.spec.parks,
            _ => false,
        };
        let mut search = Search::over(self.rows.len());
        let mut before = "SAVEPOINT attempt";
        while let Some(piece) = search.piece() {
            match self.attempt(connection, before, piece).await {
                Ok(counts) => {
                    search.passed();
                    before = "RELEASE SAVEPOINT attempt; SAVEPOINT attempt";
                    for (name, amount) in counts {
                        *self.totals.entry(name).or_default() += amount;
                    }
                }
                Err(error) if error.is_of_row() => {
                    before = "ROLLBACK TO SAVEPOINT attempt";
                    let Some(row) = search.failed(None).and_then(|row| self.rows.get(row)) else { continue };
                    let refused = Refused::by_database(row.unsigned_abs(), &error, None);
                    if may_wait(error.code.as_deref()) {
                        self.waiting.push((*row, refused));
                        continue;
                    }
                    self.refused.push(refused);
                    if !self.spec.reject {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if before.starts_with("SAVEPOINT") {
            return Ok(());
        }
        if before.starts_with("ROLLBACK") {
            run(connection, before).await?;
        }
        run(connection, "RELEASE SAVEPOINT attempt").await
    }

    async fn attempt(
        &self,
        connection: &mut PgConnection,
        before: &str,
        piece: Range<usize>,
    ) -> Result<Counts, DatabaseError> {
        let rows = self.rows.get(piece).unwrap_or_default();
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Counts::new()) };
        run(connection, &format!("{before}; {}", show_rows((*first, *last)))).await?;
        match self.work {
            Work::Merge => stage_into_table(connection, self.spec).await,
            Work::Statement(sql) => run(connection, sql).await.map(|()| Counts::new()),
        }
    }
}

/// Takes rows out of the staging table that point at no row, as long as there are any: the row that another one points
/// at may have been taken out before.
pub async fn take_out_orphans(
    connection: &mut PgConnection,
    spec: &Target,
    staged: &str,
    refused: &mut Vec<Refused>,
) -> Result<(), DatabaseError> {
    if !spec.points_at_itself() {
        return Ok(());
    }
    loop {
        let found = orphans(&mut Staged { connection, spec }).await?;
        if found.is_empty() {
            return Ok(());
        }
        drop_rows(connection, staged, &found).await?;
        refused.extend(found);
    }
}

/// Takes refused rows out of the staging table.
pub async fn drop_rows(connection: &mut PgConnection, staged: &str, refused: &[Refused]) -> Result<(), DatabaseError> {
    if refused.is_empty() {
        return Ok(());
    }
    let rows: Vec<i64> = refused.iter().map(|r| i64::try_from(r.ordinal).unwrap_or(i64::MAX)).collect();
    let sql = format!("DELETE FROM {staged} WHERE {POSITION} OPERATOR(pg_catalog.=) ANY ($1)");
    sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(connection).await.map(drop).map_err(translate)
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop).map_err(translate)
}
