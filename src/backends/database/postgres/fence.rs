//! The lock under which transactions look at their run's lease. See [`fence`](crate::backends::database::fence).

use sqlx::{AssertSqlSafe, Transaction};

use super::Postgres;
use super::error::translate;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

impl Postgres {
    /// What a transaction under a lease begins with, in the same message.
    pub(super) fn fence_sql(&self) -> String {
        let Some(fence) = &self.fenced.0 else { return String::new() };
        format!("; SELECT pg_catalog.pg_advisory_xact_lock_shared({}::pg_catalog.int8)", fence.lock())
    }

    /// Commits what was written, if the run still has its lease.
    pub(super) async fn commit(&self, transaction: Transaction<'_, sqlx::Postgres>) -> Result<(), DatabaseError> {
        self.stands().await?;
        transaction.commit().await.map_err(translate)
    }

    /// Whether the run still has its lease, for whoever holds the lock and is about to commit.
    pub(super) async fn stands(&self) -> Result<(), DatabaseError> {
        match &self.fenced.0 {
            Some(fence) => fence.stands(Engine::Postgres).await,
            None => Ok(()),
        }
    }

    /// Gets the lock alone once. Sessions that do not let go belong to a process that lost the lease, and are ended.
    pub(super) async fn outlast(&self) -> Result<(), DatabaseError> {
        let Some(fence) = &self.fenced.0 else { return Ok(()) };
        match self.lock_alone(fence.lock()).await {
            Err(error) if error.kind == DatabaseErrorKind::Contention => {}
            other => return other,
        }
        let bits = fence.lock().to_be_bytes();
        let (high, low) = bits.split_at(4);
        let half = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap_or_default());
        let sql = format!(
            "SELECT l.pid, pg_catalog.pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l \
             JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) l.database \
             WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory'::pg_catalog.text AND l.granted \
               AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
               AND l.classid OPERATOR(pg_catalog.=) {}::pg_catalog.oid \
               AND l.objid OPERATOR(pg_catalog.=) {}::pg_catalog.oid \
               AND l.objsubid OPERATOR(pg_catalog.=) 1::pg_catalog.int2 \
               AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()",
            half(high),
            half(low)
        );
        let ended = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&self.pool).await.map_err(translate)?;
        tracing::warn!(sessions = ended.len(), "ended sessions of a run that lost its lease and did not let go");
        self.lock_alone(fence.lock()).await
    }

    async fn lock_alone(&self, lock: i64) -> Result<(), DatabaseError> {
        // One message is one transaction, also behind a pooler.
        let sql = format!(
            "SET LOCAL lock_timeout = {}; SELECT pg_catalog.pg_advisory_xact_lock({lock}::pg_catalog.int8)",
            self.limits.lock.as_millis(),
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.pool).await.map(drop).map_err(translate)
    }
}
