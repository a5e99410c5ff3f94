//! Checkpoints of a load, written in the transaction of the rows that they speak of.

use sqlx::{Row as _, SqliteConnection};

use super::super::error::translate;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::Refused;
use crate::model::{Checkpoint, Namespace};

/// Whose checkpoint it is.
pub struct Place<'a> {
    /// Where; the connection is to this namespace's file already.
    pub namespace: &'a Namespace,
    /// The run.
    pub run: &'a str,
    /// The step of the run.
    pub step: u32,
}

/// Writes a checkpoint: position, whether the step is finished, and its state.
pub async fn write(
    connection: &mut SqliteConnection,
    place: &Place<'_>,
    position: u64,
    (finished, state): (bool, serde_json::Value),
) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO _fixtool_checkpoint (run, step, position, finished, state, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) \
         ON CONFLICT (run, step) DO UPDATE SET position = excluded.position, \
         finished = excluded.finished, state = excluded.state, updated_at = excluded.updated_at",
    )
    .bind(place.run)
    .bind(i64::from(place.step))
    .bind(i64::try_from(position).unwrap_or(i64::MAX))
    .bind(finished)
    .bind(state.to_string())
    .execute(connection)
    .await
    .map(drop)
    .map_err(translate)
}

/// Notes what the database refused, so that a resumed load can list it again.
pub async fn remember_refused(
    connection: &mut SqliteConnection,
    place: &Place<'_>,
    refused: &[Refused],
) -> Result<(), DatabaseError> {
    for row in refused {
        sqlx::query("INSERT INTO _fixtool_undo (run, step, kind, key, before) VALUES (?1, ?2, 'refused', ?3, ?4)")
            .bind(place.run)
            .bind(i64::from(place.step))
            .bind(row.ordinal.to_string())
            .bind(row.to_json())
            .execute(&mut *connection)
            .await
            .map_err(translate)?;
    }
    Ok(())
}

/// Rows that were refused in durable batches of a step, in order.
pub async fn refused(connection: &mut SqliteConnection, run: &str, step: u32) -> Result<Vec<Refused>, DatabaseError> {
    let lines: Vec<String> = sqlx::query_scalar(
        "SELECT before FROM _fixtool_undo WHERE run = ?1 AND step = ?2 AND kind = 'refused' ORDER BY CAST(key AS INTEGER)",
    )
    .bind(run)
    .bind(i64::from(step))
    .fetch_all(connection)
    .await
    .map_err(translate)?;
    Ok(lines.iter().filter_map(|line| Refused::from_json(line)).collect())
}

/// The checkpoint of one step of one run.
pub async fn read(connection: &mut SqliteConnection, place: &Place<'_>) -> Result<Option<Checkpoint>, DatabaseError> {
    let row = sqlx::query("SELECT position, finished, state FROM _fixtool_checkpoint WHERE run = ?1 AND step = ?2")
        .bind(place.run)
        .bind(i64::from(place.step))
        .fetch_optional(connection)
        .await
        .map_err(translate)?;
    row.map(|row| {
        let position: i64 = row.try_get(0).map_err(translate)?;
        let state: String = row.try_get(2).map_err(translate)?;
        Ok(Checkpoint {
            run: place.run.to_owned(),
            step: place.step,
            position: position.unsigned_abs(),
            finished: row.try_get(1).map_err(translate)?,
            state: serde_json::from_str(&state).unwrap_or_default(),
        })
    })
    .transpose()
}
