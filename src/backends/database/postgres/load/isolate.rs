//! When the database refuses a batch for a reason that the model does not know (a trigger, an
//! exclusion constraint, a domain), halves of it are tried until only the rows at fault are left.

use sqlx::{AssertSqlSafe, PgConnection};

use super::super::error::translate;
use super::Target;
use super::bare::shared;
use super::merge::{Counts, stage_into_table};
use super::probes::POSITION;
use crate::backends::database::load::{Refused, RefusedReason};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};

const HELD: &str = "pg_temp.\"_fixtool_held\"";

/// Moves what is staged into the table; rows that the database refuses are added to `refused` if
/// the user wants bad records rejected, and are an error otherwise.
pub async fn merge(
    connection: &mut PgConnection,
    spec: &Target,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    run(connection, "SAVEPOINT piece").await?;
    match stage_into_table(connection, spec).await {
        Err(error) if error.kind == DatabaseErrorKind::Constraint && spec.reject => {
            run(connection, "ROLLBACK TO SAVEPOINT piece").await?;
            by_halves(connection, spec, refused).await
        }
        other => other,
    }
}

async fn by_halves(
    connection: &mut PgConnection,
    spec: &Target,
    refused: &mut Vec<Refused>,
) -> Result<Counts, DatabaseError> {
    let hold = format!("CREATE TEMPORARY TABLE \"_fixtool_held\" ON COMMIT DROP AS SELECT * FROM {}", spec.staged());
    run(connection, &hold).await?;
    let positions: Vec<i64> =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT {POSITION} FROM {HELD} ORDER BY {POSITION}")))
            .fetch_all(&mut *connection)
            .await
            .map_err(translate)?;
    let mut totals = Counts::new();
    let mut pieces: Vec<&[i64]> = vec![&positions];
    while let Some(piece) = pieces.pop() {
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { continue };
        match attempt(connection, spec, (*first, *last)).await {
            Ok(counts) => counts.into_iter().for_each(|(name, amount)| *totals.entry(name).or_default() += amount),
            Err(error) if error.kind == DatabaseErrorKind::Constraint && piece.len() == 1 => {
                refused.push(unknown_reason(*first, &error));
            }
            Err(error) if error.kind == DatabaseErrorKind::Constraint => {
                let (left, right) = piece.split_at(piece.len() / 2);
                pieces.extend([right, left]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(totals)
}

async fn attempt(
    connection: &mut PgConnection,
    spec: &Target,
    (first, last): (i64, i64),
) -> Result<Counts, DatabaseError> {
    run(connection, &format!("DELETE FROM {}", spec.staged())).await?;
    let fill =
        format!("INSERT INTO {} SELECT * FROM {HELD} WHERE {POSITION} BETWEEN {first} AND {last}", spec.staged());
    run(connection, &fill).await?;
    run(connection, "SAVEPOINT attempt").await?;
    match stage_into_table(connection, spec).await {
        Ok(counts) => {
            run(connection, "RELEASE SAVEPOINT attempt").await?;
            Ok(counts)
        }
        Err(error) => {
            run(connection, "ROLLBACK TO SAVEPOINT attempt").await?;
            Err(error)
        }
    }
}

fn unknown_reason(position: i64, error: &DatabaseError) -> Refused {
    Refused {
        ordinal: position.unsigned_abs(),
        reason: RefusedReason::Database,
        columns: shared(&[]),
        other: None,
        message: Some(error.message.clone().into_boxed_str()),
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop).map_err(translate)
}
