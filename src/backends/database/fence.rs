//! What keeps a run that lost its lease from committing.
//!
//! A process may be paused for longer than its lease lasts, at any point, and go on afterwards as if nothing had been.
//! So each transaction that writes for a run ends with a look at the lease, under a lock that it holds from its begin to
//! its commit: on PostgreSQL a shared advisory lock, on SQLite the file's write lock. Whoever takes a lease over gets that
//! lock for itself once, before it reads anything: what had looked before is then through and is seen, and what looks
//! later finds the lease gone. On PostgreSQL it ends the sessions that do not let go.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// The lease of a run, as its transactions ask for it.
#[async_trait]
pub trait Fence: Send + Sync {
    /// The number of the lock: one for each lease.
    fn lock(&self) -> i64;

    /// Fails unless the lease is still this run's.
    async fn stands(&self, engine: Engine) -> Result<(), DatabaseError>;
}

/// The fence of a session; a session that writes for nobody's lease has none.
#[derive(Clone, Default)]
pub(super) struct Fenced(pub(super) Option<Arc<dyn Fence>>);

impl fmt::Debug for Fenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Fenced" } else { "Unfenced" })
    }
}

/// The lease went to somebody else.
pub fn lost(engine: Engine, target: &str) -> DatabaseError {
    let message = format!("the lease on {target} went to another run; this transaction was rolled back");
    DatabaseError::new(engine, DatabaseErrorKind::Fenced, message)
        .with_help("nothing is lost: 'fixtool op log' shows the run that has it now")
}
