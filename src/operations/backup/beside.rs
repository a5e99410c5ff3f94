//! A namespace beside the living ones, into which a snapshot is brought.

use super::BackupError;
use crate::backends::database::ddl::{self, Stages, Target};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Namespace, Table};
use crate::rules::check_sql;
use crate::snapshots::bring::Bring;
use crate::snapshots::configuration;

/// The name of a namespace that belongs to a run. Run ids end in random digits.
pub fn namespace(kind: &str, run: &str) -> Namespace {
    let digits: String = run.chars().filter(char::is_ascii_alphanumeric).collect();
    let last = digits.get(digits.len().saturating_sub(12)..).unwrap_or(&digits).to_owned();
    Namespace(format!("fixtool_{kind}_{last}"))
}

fn stages(bring: &Bring) -> Result<Stages, BackupError> {
    let engine = bring.database.engine();
    let target = Target { engine, namespace: &bring.namespace };
    Ok(ddl::stages(target, &bring.source.manifest().model, &|table, rule| rendered(engine, table, rule))?)
}

fn rendered(engine: Engine, table: &Table, rule: &str) -> Result<String, DatabaseError> {
    check_sql(engine, table, rule).map_err(|reason| DatabaseError::new(engine, DatabaseErrorKind::Unsupported, reason))
}

/// Makes the namespace with its tables, without rows and keys. A second try finds what the first one made.
pub async fn make_room(bring: &Bring) -> Result<(), BackupError> {
    bring.database.create_namespace(&bring.namespace).await?;
    // The script is one transaction: either nothing of it is there, or all.
    if bring.database.introspect(&bring.namespace).await?.tables.is_empty() {
        bring.database.execute(&bring.namespace, &stages(bring)?.tables).await?;
    }
    configuration::write(&bring.source.manifest().configuration, &bring.database, &bring.namespace).await?;
    Ok(())
}

/// Gives the tables their keys, indexes and foreign keys.
pub async fn finish(bring: &Bring, at_once: usize) -> Result<(), BackupError> {
    Ok(bring.database.finish_refill(&bring.namespace, &stages(bring)?, at_once).await?)
}

/// Brings everything, table after table; false when the user stopped it.
pub async fn whole(bring: &Bring, run: &str) -> Result<bool, BackupError> {
    make_room(bring).await?;
    for (place, table) in (0_u32..).zip(&bring.source.manifest().tables) {
        if bring.fill(&table.name, (run, place)).await?.is_none() {
            return Ok(false);
        }
    }
    finish(bring, 1).await?;
    Ok(true)
}
