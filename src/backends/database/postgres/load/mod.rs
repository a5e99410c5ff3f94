//! Bulk loading into PostgreSQL: the bare road for an empty table, the staged one for a filled one.

pub mod bare;
pub mod checkpoint;
pub mod copying;
pub mod gaps;
pub mod isolate;
pub mod merge;
pub mod moves;
pub mod probes;
pub mod staged;
pub mod unload;

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::Postgres;
use super::as_owner::Hand;
use super::counters::Filled;
use super::error::translate;
use super::operators::Operators;
use crate::backends::database::load::{LoadSession, LoadSpec, MissingSpec, Refused, UnloadSpec, Unloaded, Written};
use crate::backends::database::quote::qualified;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Namespace};

/// A table that is loaded, and what the server says of it.
#[derive(Debug, Clone)]
pub struct Target {
    spec: LoadSpec,
    /// How its columns are compared.
    pub operators: Operators,
    /// Who carries out what reads and writes it, in the transaction of the moment.
    pub hand: Hand,
    /// Columns that are not written like others.
    pub filled: Filled,
    /// Whether unique values go from row to row in what is staged.
    pub parks: bool,
}

impl Target {
    /// The table that holds what was sent.
    fn staged(&self) -> &'static str {
        if self.hand == Hand::Ours { probes::STAGE } else { probes::TEXTS }
    }

    fn full_name(&self) -> String {
        qualified(&self.spec.namespace, &self.spec.table)
    }
}

impl std::ops::Deref for Target {
    type Target = LoadSpec;

    fn deref(&self) -> &LoadSpec {
        &self.spec
    }
}

/// Begins to load one table.
pub(super) async fn begin(database: &Postgres, spec: LoadSpec) -> Result<Box<dyn LoadSession>, DatabaseError> {
    let mut transaction = database.begin(&spec.namespace).await?;
    let operators = Operators::of(&mut transaction, &spec.namespace, &spec.table).await?;
    let filled = Filled::of(&mut transaction, &spec.namespace, &spec.table).await?;
    transaction.rollback().await.map_err(translate)?;
    let spec = Target { spec, operators, hand: Hand::Ours, filled, parks: false };
    if spec.bare
        && spec.resume.is_none()
        && let Some(load) = bare::begin(database, &spec).await?
    {
        return Ok(Box::new(load));
    }
    Ok(Box::new(staged::StagedLoad::begin(database, &spec)))
}

/// Takes back what a step loaded.
pub(super) async fn unload(database: &Postgres, spec: &UnloadSpec) -> Result<Option<Unloaded>, DatabaseError> {
    let mut transaction = database.begin(&spec.namespace).await?;
    let place = checkpoint::Place { namespace: &spec.namespace, run: &spec.run, step: spec.step };
    let Some(checkpoint) = checkpoint::read(&mut transaction, &place).await? else {
        return unload::taken_back(&mut transaction, spec).await;
    };
    let unloaded = unload::unload(&mut transaction, spec, &checkpoint).await?;
    database.commit(transaction).await?;
    Ok(Some(unloaded))
}

/// Deletes what a source did not hold.
pub(super) async fn delete_missing(database: &Postgres, spec: &MissingSpec) -> Result<u64, DatabaseError> {
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
    database: &Postgres,
    namespace: &Namespace,
    run: &str,
    step: u32,
) -> Result<Vec<Refused>, DatabaseError> {
    let sql = format!(
        "SELECT before FROM {} WHERE run OPERATOR(pg_catalog.=) $1 AND step OPERATOR(pg_catalog.=) $2 AND kind OPERATOR(pg_catalog.=) 'refused' ORDER BY key::pg_catalog.int8",
        qualified(namespace, "_fixtool_undo")
    );
    let mut transaction = database.begin_reading(namespace, &["_fixtool_undo"]).await?;
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(run)
        .bind(i64::from(step))
        .fetch_all(&mut *transaction)
        .await
        .map_err(translate)?;
    Ok(lines.iter().filter_map(|line| Refused::from_json(line)).collect())
}

/// What a load's task answers when it ends.
async fn joined(task: &mut tokio::task::JoinHandle<Result<Written, DatabaseError>>) -> Result<Written, DatabaseError> {
    task.await.unwrap_or_else(|error| {
        Err(DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, format!("the load's task failed: {error}")))
    })
}

/// Rows came in a form that this session did not ask for.
pub fn wrong_form() -> DatabaseError {
    DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, "rows were not encoded as COPY text")
}

/// Columns shared by every refusal that one key caused.
pub fn shared(columns: &[String]) -> Arc<[String]> {
    columns.to_vec().into()
}
