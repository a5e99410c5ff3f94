//! A namespace beside the living ones, into which a snapshot is brought.

use super::bring::Bring;
use super::configuration;
use super::error::SnapshotError;
use crate::backends::database::ddl::{self, Stages, Target};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Model, Namespace, Table};

/// Writes a table's rule as SQL of an engine: the room of rules does it, and the caller brings it here.
pub type CheckSql = fn(Engine, &Table, &str) -> Result<String, String>;

/// The name of a namespace that belongs to a run. Run ids end in random digits.
pub fn namespace(kind: &str, run: &str) -> Namespace {
    let digits: String = run.chars().filter(char::is_ascii_alphanumeric).collect();
    let last = digits.get(digits.len().saturating_sub(12)..).unwrap_or(&digits).to_owned();
    Namespace(format!("fixtool_{kind}_{last}"))
}

/// The statements that make the tables of a model.
///
/// # Errors
/// If the engine has no words for something of it.
pub fn stages(
    (engine, namespace): (Engine, &Namespace),
    model: &Model,
    checks: CheckSql,
) -> Result<Stages, DatabaseError> {
    let rendered = |table: &Table, rule: &str| {
        let refuse = |reason| DatabaseError::new(engine, DatabaseErrorKind::Unsupported, reason);
        checks(engine, table, rule).map_err(refuse)
    };
    ddl::stages(Target { engine, namespace }, model, &rendered)
}

fn stages_of(bring: &Bring, checks: CheckSql) -> Result<Stages, DatabaseError> {
    stages((bring.database.engine(), &bring.namespace), &bring.source.manifest().model, checks)
}

/// Makes the namespace with its tables, without rows and keys. A second try finds what the first one made.
///
/// # Errors
/// If the database refuses it.
pub async fn make_room(bring: &Bring, checks: CheckSql) -> Result<(), SnapshotError> {
    make_tables(bring, &stages_of(bring, checks)?).await?;
    configuration::write(&bring.source.manifest().configuration, &bring.database, &bring.namespace).await
}

async fn make_tables(bring: &Bring, stages: &Stages) -> Result<(), SnapshotError> {
    bring.database.create_namespace(&bring.namespace).await?;
    // The script is one transaction: either nothing of it is there, or all.
    if bring.database.introspect(&bring.namespace).await?.tables.is_empty() {
        bring.database.execute(&bring.namespace, &stages.tables).await?;
    }
    Ok(())
}

/// Gives the tables their keys, indexes and foreign keys.
///
/// # Errors
/// If the database refuses it.
pub async fn finish(bring: &Bring, checks: CheckSql, at_once: usize) -> Result<(), SnapshotError> {
    Ok(bring.database.finish_refill(&bring.namespace, &stages_of(bring, checks)?, at_once).await?)
}

/// Brings everything, table after table; false when the user stopped it.
///
/// # Errors
/// If the database or the store fails, or what is stored is damaged.
pub async fn whole(bring: &Bring, checks: CheckSql, run: &str) -> Result<bool, SnapshotError> {
    make_room(bring, checks).await?;
    if !fill(bring, run).await? {
        return Ok(false);
    }
    finish(bring, checks, 1).await?;
    Ok(true)
}

/// Brings the rows of every table; false when the user stopped it.
///
/// # Errors
/// If the database or the store fails, or what is stored is damaged.
pub async fn fill(bring: &Bring, run: &str) -> Result<bool, SnapshotError> {
    for (place, table) in (0_u32..).zip(&bring.source.manifest().tables) {
        if bring.fill(&table.name, (run, place)).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Brings these tables alone, without references to others, and compares them; false when the user stopped it.
///
/// # Errors
/// If the database or the store fails, or what is stored is damaged.
pub async fn some(bring: &Bring, checks: CheckSql, (tables, run): (&[String], &str)) -> Result<bool, SnapshotError> {
    let mut model = bring.source.manifest().model.clone();
    model.tables.retain(|name, _| tables.contains(name));
    for table in model.tables.values_mut() {
        table.foreign_keys.clear();
        table.columns.values_mut().for_each(|column| column.references = None);
    }
    let stages = stages((bring.database.engine(), &bring.namespace), &model, checks)?;
    make_tables(bring, &stages).await?;
    for (place, table) in (0_u32..).zip(tables) {
        if bring.fill(table, (run, place)).await?.is_none() {
            return Ok(false);
        }
    }
    bring.database.finish_refill(&bring.namespace, &stages, 1).await?;
    for table in tables {
        bring.compare(table).await?;
    }
    Ok(true)
}
