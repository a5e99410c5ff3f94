//! Checkpoints of a load, written in the transaction of the rows that they speak of.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::super::error::translate;
use super::super::session::hold_tables;
use super::Target;
use crate::backends::database::DatabaseError;
use crate::backends::database::quote::qualified;
use crate::model::{Checkpoint, Namespace};

/// Writes the first and last checkpoint of a bare load. Its rows are known by the id of this
/// transaction, or of its parts, which the server stores in each of them.
pub async fn finish_bare(
    connection: &mut PgConnection,
    spec: &Target,
    mut state: serde_json::Value,
) -> Result<(), DatabaseError> {
    // Rows that went in after a savepoint bear the id of their part of the transaction.
    let sql = if spec.reject {
        format!("SELECT DISTINCT t.xmin::pg_catalog.text FROM {} t", qualified(&spec.namespace, &spec.table))
    } else {
        "SELECT (pg_catalog.txid_current() OPERATOR(pg_catalog.%) 4294967296::pg_catalog.int8)::pg_catalog.text"
            .to_owned()
    };
    let ids: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.map_err(translate)?;
    if let Some(fields) = state.as_object_mut() {
        match ids.as_slice() {
            [id] => fields.insert("xmin".to_owned(), id.clone().into()),
            ids => fields.insert("xmins".to_owned(), ids.to_vec().into()),
        };
    }
    let place = Place { namespace: &spec.namespace, run: &spec.run, step: spec.step };
    write(connection, &place, 0, (true, state)).await
}

/// Whose checkpoint it is.
pub struct Place<'a> {
    /// Where.
    pub namespace: &'a Namespace,
    /// The run.
    pub run: &'a str,
    /// The step of the run.
    pub step: u32,
}

/// Writes a checkpoint: position, whether the step is finished, and its state.
pub async fn write(
    connection: &mut PgConnection,
    place: &Place<'_>,
    position: u64,
    (finished, state): (bool, serde_json::Value),
) -> Result<(), DatabaseError> {
    let sql = format!(
        "INSERT INTO {} AS c (run, step, position, finished, state, updated_at) \
         VALUES ($1, $2, $3, $4, $5, now()) ON CONFLICT (run, step) DO UPDATE SET position = excluded.position, \
         finished = excluded.finished, state = excluded.state, updated_at = excluded.updated_at",
        qualified(place.namespace, "_fixtool_checkpoint")
    );
    sqlx::query(AssertSqlSafe(sql))
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

/// The checkpoint of one step of one run.
pub async fn read(connection: &mut PgConnection, place: &Place<'_>) -> Result<Option<Checkpoint>, DatabaseError> {
    let sql = format!(
        "SELECT position, finished, state FROM {} WHERE run OPERATOR(pg_catalog.=) $1 AND step OPERATOR(pg_catalog.=) $2",
        qualified(place.namespace, "_fixtool_checkpoint")
    );
    hold_tables(connection, &[qualified(place.namespace, "_fixtool_checkpoint")]).await?;
    let row = sqlx::query(AssertSqlSafe(sql))
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
