//! Opens databases: the one place where an address becomes a session.

use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::{Access, DatabaseError, Reader, Writer};

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

/// Opens a session that can only read; the server itself refuses every write.
///
/// On SQLite nothing on the disk is touched, and nothing has to exist yet.
pub async fn reader(address: &Address, limits: &Limits) -> Result<Arc<dyn Reader>, DatabaseError> {
    Ok(match address {
        Address::Postgres(address) => Arc::new(Postgres::connect(address, Access::ReadOnly, limits).await?),
        Address::Sqlite(address) => Arc::new(Sqlite::open(address, Access::ReadOnly, limits).await?),
    })
}

/// Opens a session that may write. On SQLite, files and folders come with the first namespace.
pub async fn writer(address: &Address, limits: &Limits) -> Result<Arc<dyn Writer>, DatabaseError> {
    Ok(match address {
        Address::Postgres(address) => Arc::new(Postgres::connect(address, Access::ReadWrite, limits).await?),
        Address::Sqlite(address) => Arc::new(Sqlite::open(address, Access::ReadWrite, limits).await?),
    })
}
