//! Bulk loading into PostgreSQL.

use super::Postgres;
use crate::backends::database::load::{LoadSession, LoadSpec, UnloadSpec, Unloaded};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

fn missing() -> DatabaseError {
    DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, "bulk loading is not available yet")
}

/// Begins to load one table.
pub(super) fn begin(_database: &Postgres, _spec: LoadSpec) -> Result<Box<dyn LoadSession>, DatabaseError> {
    Err(missing())
}

/// Takes back what a step loaded.
pub(super) fn unload(_database: &Postgres, _spec: &UnloadSpec) -> Result<Unloaded, DatabaseError> {
    Err(missing())
}
