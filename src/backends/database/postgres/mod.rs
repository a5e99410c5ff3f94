//! PostgreSQL 13 to 18: a schema for each tenant.
//!
//! Every call is one transaction that sets what it relies on with `SET LOCAL`, in the same message
//! as its `BEGIN`. So nothing depends on the session, and a pooler in transaction mode between
//! fixtool and the server changes nothing.

pub mod as_owner;
pub mod code;
mod counters;
mod described;
mod error;
mod exchange;
mod fence;
mod instant;
mod introspect;
mod joint;
mod keys;
pub mod load;
pub mod operators;
pub mod own;
mod plain;
mod probe;
mod reading;
pub mod rebuild;
mod refill;
mod rows;
mod session;
mod triggers;
pub mod watch;
mod writing;

use std::sync::Arc;

use sqlx::postgres::PgPool;

use super::address::PostgresAddress;
use super::connect::Limits;
use super::fence::Fenced;
use super::{Access, Capabilities, DatabaseError};

pub(crate) use error::translate;
pub use introspect::queries as introspect_queries;
pub(super) use probe::Known;

/// One database of a PostgreSQL server. Clones share the pool.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
    access: Access,
    limits: Limits,
    capabilities: Arc<Capabilities>,
    wear: Arc<session::Wear>,
    fenced: Fenced,
}

impl Postgres {
    /// Connects. The first session at an address probes what the server can do.
    pub async fn connect(address: &PostgresAddress, access: Access, limits: &Limits) -> Result<Self, DatabaseError> {
        let wear = Arc::new(session::Wear::new(limits.pool_size));
        let (pool, capabilities) = probe::connect(address, access, limits, &wear).await?;
        Ok(Self { pool, access, limits: limits.clone(), capabilities, wear, fenced: Fenced::default() })
    }

    /// The pool, for the catalog, and whether a pooler in transaction mode stands behind it.
    pub(crate) fn pool(&self) -> (&PgPool, bool) {
        (&self.pool, self.capabilities.transaction_pooler)
    }
}
