//! Opens databases: the one place where an address becomes a session.

use std::time::Duration;

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
