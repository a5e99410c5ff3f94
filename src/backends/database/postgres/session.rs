//! Transactions with everything they rely on set inside, and connections that do not grow old.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, Row as _, Transaction};

use super::plain::{self, Family};
use super::rows::run;
use super::{Postgres, code, translate};
use crate::backends::database::{Access, DatabaseError, quote};
use crate::model::Namespace;

/// Tenants that one connection may touch before it is replaced: a backend keeps about 11 KB for
/// each table it ever saw, and only its end gives them back.
const TENANTS_A_CONNECTION: u64 = 500;

/// Counts the tenants that the pool's connections touched, to say which connections are old.
#[derive(Debug)]
pub(super) struct Wear {
    budget: u64,
    state: Mutex<WearState>,
}

#[derive(Debug)]
struct WearState {
    touched: u64,
    last: String,
    replace_before: Option<Instant>,
}

impl Wear {
    pub(super) fn new(pool_size: u32) -> Self {
        let state = WearState { touched: 0, last: String::new(), replace_before: None };
        Self { budget: TENANTS_A_CONNECTION.saturating_mul(u64::from(pool_size.max(1))), state: Mutex::new(state) }
    }

    fn touch(&self, namespace: &Namespace) {
        let Ok(mut state) = self.state.lock() else { return };
        if state.last == namespace.as_str() {
            return;
        }
        namespace.as_str().clone_into(&mut state.last);
        state.touched += 1;
        if state.touched >= self.budget {
            state.touched = 0;
            state.replace_before = Some(Instant::now());
        }
    }

    /// Whether a connection of this age has had its share of tenants.
    pub(super) fn is_worn(&self, age: Duration) -> bool {
        self.state.lock().is_ok_and(|state| state.replace_before.is_some_and(|then| age > then.elapsed()))
    }
}

impl Postgres {
    /// Begins a transaction on one tenant, read-only where the session is.
    ///
    /// Rolled back when it is dropped. Never leave it in the middle of a COPY: acquire a
    /// connection of its own for that.
    pub(crate) async fn begin(
        &self,
        namespace: &Namespace,
    ) -> Result<Transaction<'static, sqlx::Postgres>, DatabaseError> {
        self.wear.touch(namespace);
        self.pool.begin_with(AssertSqlSafe(self.begin_sql())).await.map_err(translate)
    }

    /// The same, on tables that stay tables until it ends. What stands under a table's name may have become a view
    /// since it was looked at, and to read a view is to call what its owner wrote.
    pub(super) async fn begin_reading(
        &self,
        namespace: &Namespace,
        tables: &[&str],
    ) -> Result<Transaction<'static, sqlx::Postgres>, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        let names: Vec<String> = tables.iter().map(|table| quote::qualified(namespace, table)).collect();
        hold_tables(&mut transaction, &names).await?;
        Ok(transaction)
    }

    /// A connection out of the pool on which [`begin_sql`](Self::begin_sql) is still to be sent.
    pub(crate) async fn acquire(&self, namespace: &Namespace) -> Result<PoolConnection<sqlx::Postgres>, DatabaseError> {
        self.wear.touch(namespace);
        self.pool.acquire().await.map_err(translate)
    }

    /// `BEGIN` with everything that the transaction relies on. Names that are not qualified find
    /// only PostgreSQL's own objects: a tenant's owner may have made others of the same name.
    pub(crate) fn begin_sql(&self) -> String {
        self.begin_sql_for(self.access)
    }

    /// The same for less than the session may do.
    pub(super) fn begin_sql_for(&self, access: Access) -> String {
        let mode = match access {
            Access::ReadOnly => "READ ONLY",
            Access::ReadWrite => "READ WRITE",
        };
        format!("BEGIN ISOLATION LEVEL READ COMMITTED {mode}; {}{}", self.settings_sql(), self.fence_sql())
    }

    /// `BEGIN` of a transaction that sees one moment all the while: that of an exported snapshot, or
    /// its own. It may wait between two questions for as long as it takes.
    pub(super) fn begin_instant_sql(&self, snapshot: Option<&str>) -> String {
        let import = snapshot.map(|id| format!("SET TRANSACTION SNAPSHOT {}; ", quote::literal(id)));
        let patience = if self.capabilities.version_number >= TRANSACTION_TIMEOUT {
            "SET LOCAL transaction_timeout = 0; "
        } else {
            ""
        };
        format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {}{}; {patience}\
             SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL jit = off; \
             SET LOCAL synchronize_seqscans = off; SET LOCAL work_mem = '64MB'",
            import.unwrap_or_default(),
            self.settings_sql(),
        )
    }

    /// Whether an exported snapshot can be imported on another connection, and how many connections
    /// may import it while one more holds it.
    pub(super) fn snapshot_readers(&self) -> usize {
        if self.capabilities.transaction_pooler {
            return 0;
        }
        usize::try_from(self.limits.pool_size.saturating_sub(1)).unwrap_or_default()
    }

    fn settings_sql(&self) -> String {
        let statement = self.limits.statement.map_or(0, |limit| limit.as_millis());
        // Behind a pooler the backend may still hold statements that other clients prepared under the
        // names that our driver is about to use.
        let clean = if self.capabilities.transaction_pooler { "DEALLOCATE ALL; " } else { "" };
        let hangups =
            if self.capabilities.notices_hangups { "SET LOCAL client_connection_check_interval = '10s'; " } else { "" };
        format!(
            "{clean}{hangups}SET LOCAL search_path = {OWN_PATH}; SET LOCAL lock_timeout = {}; \
             SET LOCAL statement_timeout = {statement}; {SETTINGS}",
            self.limits.lock.as_millis(),
        )
    }
}

/// Locks tables for reading, by their full names, and refuses what cannot be asked without running its owner's code.
pub(super) async fn hold_tables(connection: &mut PgConnection, names: &[String]) -> Result<(), DatabaseError> {
    match hold(connection, names).await?.into_iter().next() {
        Some((_, why)) => Err(why),
        None => Ok(()),
    }
}

/// Locks tables for reading, by their full names. Those of them that must not be named in a query, each with the reason: they
/// belong to others, and to plan the query would run their owner's code, or nobody can keep him from hanging it there
/// meanwhile.
pub(super) async fn hold(
    connection: &mut PgConnection,
    names: &[String],
) -> Result<Vec<(Family, DatabaseError)>, DatabaseError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let others = owned_by_others(connection, names, "ACCESS SHARE").await?;
    if others.is_empty() {
        return Ok(Vec::new());
    }
    run(connection, "SAVEPOINT others".to_owned()).await?;
    if let Err(why) = keep(connection, &others).await {
        run(connection, "ROLLBACK TO SAVEPOINT others".to_owned()).await?;
        return Ok(others.into_iter().map(|family| (family, why.clone())).collect());
    }
    let members: Vec<String> = others.iter().flat_map(|family| family.members.clone()).collect();
    let code = code::planned(connection, &members).await?;
    let called = |family: Family| {
        let found = family.members.iter().find_map(|member| code.get(member).cloned());
        found.map(|why| (family, why))
    };
    Ok(others.into_iter().filter_map(called).collect())
}

/// Locks tables by their full names, and tells those of others.
pub(super) async fn owned_by_others(
    connection: &mut PgConnection,
    names: &[String],
    mode: &str,
) -> Result<Vec<Family>, DatabaseError> {
    let sql = format!("{}; {}", lock_sql(names, mode), plain::look_sql(names));
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(translate)?;
    plain::families(row.try_get(0).map_err(translate)?)
}

/// Keeps tables as they are while their rows are read or written: their owner can hang no index, statistics, partition or
/// child on them.
pub(super) async fn keep(connection: &mut PgConnection, families: &[Family]) -> Result<(), DatabaseError> {
    let names: Vec<String> = families.iter().map(|family| family.name.clone()).collect();
    if names.is_empty() { Ok(()) } else { run(connection, lock_sql(&names, "SHARE UPDATE EXCLUSIVE")).await }
}

/// In one order everywhere, so that two who lock never wait for each other.
pub(super) fn lock_sql(names: &[String], mode: &str) -> String {
    let mut names = names.to_vec();
    names.sort();
    format!("LOCK TABLE {} IN {mode} MODE", names.join(", "))
}

/// PostgreSQL's own objects alone. Temporary tables are named last: unnamed, they would be searched first.
pub(crate) const OWN_PATH: &str = "pg_catalog, pg_temp";

/// The first version with a limit for whole transactions.
const TRANSACTION_TIMEOUT: u32 = 170_000;

/// How values look as text, and that nothing of an owner's is reckoned beforehand or compiled for a look into the
/// catalog, whatever the role, the database or a pooler's last client set.
const SETTINGS: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; \
                        SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1; \
                        SET LOCAL bytea_output = 'hex'; SET LOCAL standard_conforming_strings = on; \
                        SET LOCAL row_security = off; SET LOCAL constraint_exclusion = off; SET LOCAL jit = off";
