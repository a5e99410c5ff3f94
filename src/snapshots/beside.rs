//! A namespace beside the living ones, into which a snapshot is brought.

use super::bring::Bring;
use super::configuration;
use super::error::SnapshotError;
use super::room::{Checks, Room};
use crate::model::Namespace;

/// The name of a namespace that belongs to a run. Run ids end in random digits.
pub fn namespace(kind: &str, run: &str) -> Namespace {
    let digits: String = run.chars().filter(char::is_ascii_alphanumeric).collect();
    let last = digits.get(digits.len().saturating_sub(12)..).unwrap_or(&digits).to_owned();
    Namespace(format!("fixtool_{kind}_{last}"))
}

fn room(bring: &Bring, checks: Checks) -> Room<'_> {
    let model = &bring.source.manifest().model;
    Room { database: &bring.database, namespace: &bring.namespace, model, checks }
}

/// Makes the namespace with its tables, without rows and keys. A second try finds what the first one made.
///
/// # Errors
/// If the database refuses it.
pub async fn make_room(bring: &Bring, checks: Checks) -> Result<(), SnapshotError> {
    room(bring, checks).make().await?;
    configuration::write(&bring.source.manifest().configuration, &bring.database, &bring.namespace).await
}

/// Gives the tables their keys, indexes and foreign keys.
///
/// # Errors
/// If the database refuses it.
pub async fn finish(bring: &Bring, checks: Checks, at_once: usize) -> Result<(), SnapshotError> {
    room(bring, checks).finish(at_once).await
}

/// Brings the rows of one table, gives it its keys, and compares it; `None` when the user stopped it.
///
/// # Errors
/// If the database or the store fails, or what is stored is damaged, or what came of it differs.
pub async fn table(
    bring: &Bring,
    checks: Checks,
    (name, run, step): (&str, &str, u32),
) -> Result<Option<u64>, SnapshotError> {
    let Some(filled) = bring.fill(name, (run, step)).await? else { return Ok(None) };
    let room = room(bring, checks);
    room.key(name).await?;
    // Two readers and the server's own workers: neither keeps all processors busy alone.
    let ((), rows) = tokio::try_join!(room.index(name), bring.compare_filled(name, &filled))?;
    Ok(Some(rows))
}

/// Gives tables that were brought one by one their foreign keys.
///
/// # Errors
/// If the database refuses it.
pub async fn refer(bring: &Bring, checks: Checks) -> Result<(), SnapshotError> {
    room(bring, checks).refer().await
}

/// Brings everything, table after table; false when the user stopped it.
///
/// # Errors
/// If the database or the store fails, or what is stored is damaged.
pub async fn whole(bring: &Bring, checks: Checks, run: &str) -> Result<bool, SnapshotError> {
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
pub async fn some(bring: &Bring, checks: Checks, (tables, run): (&[String], &str)) -> Result<bool, SnapshotError> {
    let mut model = bring.source.manifest().model.clone();
    model.tables.retain(|name, _| tables.contains(name));
    for table in model.tables.values_mut() {
        table.foreign_keys.clear();
        table.columns.values_mut().for_each(|column| column.references = None);
    }
    let room = Room { model: &model, ..room(bring, checks) };
    room.make().await?;
    for (place, table) in (0_u32..).zip(tables) {
        if bring.fill(table, (run, place)).await?.is_none() {
            return Ok(false);
        }
    }
    room.finish(1).await?;
    for table in tables {
        bring.compare(table).await?;
    }
    Ok(true)
}
