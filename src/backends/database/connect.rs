//! Opens databases: the one place where an address becomes a session.

use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use super::{DatabaseError, DatabaseErrorKind, Reader, Writer};

/// Bounds of every session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at once; on SQLite for each file.
    pub pool_size: u32,
    /// How long to wait for the server, and for a free connection.
    pub connect: Duration,
    /// How long a statement may wait for a lock; the engine tries again after that.
    pub lock: Duration,
    /// How long one statement may run; `None` for as long as it takes.
    pub statement: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pool_size: 8, connect: Duration::from_secs(10), lock: Duration::from_secs(2), statement: None }
    }
}

/// Opens a database for reading only.
#[expect(clippy::unused_async, reason = "the sessions behind it are connected here")]
pub async fn reader(address: &Address, _limits: &Limits) -> Result<Arc<dyn Reader>, DatabaseError> {
    Err(not_yet(address))
}

/// Opens a database for reading and writing.
#[expect(clippy::unused_async, reason = "the sessions behind it are connected here")]
pub async fn writer(address: &Address, _limits: &Limits) -> Result<Arc<dyn Writer>, DatabaseError> {
    Err(not_yet(address))
}

fn not_yet(address: &Address) -> DatabaseError {
    DatabaseError::new(address.engine(), DatabaseErrorKind::Unsupported, "sessions on tenants are not available yet")
}
