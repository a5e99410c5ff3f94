//! Bulk loading into SQLite.

use super::Sqlite;
use crate::backends::database::load::{LoadSession, LoadSpec, UnloadSpec, Unloaded};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

fn missing() -> DatabaseError {
    DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Unsupported, "bulk loading is not available yet")
}

/// Begins to load one table.
pub(super) fn begin(_database: &Sqlite, _spec: LoadSpec) -> Result<Box<dyn LoadSession>, DatabaseError> {
    Err(missing())
}

/// Takes back what a step loaded.
pub(super) fn unload(_database: &Sqlite, _spec: &UnloadSpec) -> Result<Unloaded, DatabaseError> {
    Err(missing())
}
