//! Bulk loading into SQLite: the bare road for an empty table, the staged one for a filled one.

pub mod bare;
pub mod checkpoint;
pub mod fill;
pub mod gaps;
pub mod insert;
pub mod merge;
pub mod moves;
pub mod prints;
pub mod probes;
pub mod staged;
pub mod unload;

pub(super) use bare::run;

use super::Sqlite;
use super::error::translate;
use crate::backends::database::load::{LoadSession, LoadSpec, MissingSpec, Refused, UnloadSpec, Unloaded};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Namespace};

/// Begins to load one table.
pub(super) async fn begin(database: &Sqlite, spec: LoadSpec) -> Result<Box<dyn LoadSession>, DatabaseError> {
    if spec.bare
        && spec.resume.is_none()
        && let Some(load) = bare::begin(database, &spec).await?
    {
        return Ok(Box::new(load));
    }
    Ok(Box::new(staged::StagedLoad::begin(database, &spec).await?))
}

/// Takes back what a step loaded.
pub(super) async fn unload(database: &Sqlite, spec: &UnloadSpec) -> Result<Option<Unloaded>, DatabaseError> {
    let mut transaction = database.begin(&spec.namespace).await?;
    let unloaded = unload::unload(&mut transaction, spec).await?;
    database.commit(transaction).await?;
    Ok(unloaded)
}

/// Deletes what a source did not hold.
pub(super) async fn delete_missing(database: &Sqlite, spec: &MissingSpec) -> Result<u64, DatabaseError> {
    let mut transaction = database.begin(&spec.namespace).await?;
    let deleted = unload::delete_missing(&mut transaction, spec).await?;
    let place = checkpoint::Place { namespace: &spec.namespace, run: &spec.run, step: spec.step };
    let state = serde_json::json!({ "road": "staged", "counts": { "deleted": deleted } });
    checkpoint::write(&mut transaction, &place, 0, (true, state)).await?;
    database.commit(transaction).await?;
    Ok(deleted)
}

/// Rows that were refused in durable batches.
pub(super) async fn refused(
    database: &Sqlite,
    namespace: &Namespace,
    run: &str,
    step: u32,
) -> Result<Vec<Refused>, DatabaseError> {
    let mut connection = database.pool(namespace).await?.acquire().await.map_err(translate)?;
    checkpoint::refused(&mut connection, run, step).await
}

/// Rows came in a form that the session did not ask for.
fn wrong_form() -> DatabaseError {
    DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Other, "rows were not encoded as values")
}
