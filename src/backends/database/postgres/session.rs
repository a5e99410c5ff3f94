//! Transactions with everything they rely on set inside, and connections that do not grow old.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, Row as _, Transaction};

use super::{Postgres, code, translate};
use crate::backends::database::{Access, DatabaseError, DatabaseErrorKind, quote};
use crate::model::{Engine, Namespace};

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

/// Locks tables for reading, by their full names, and refuses what cannot be read without running its owner's code.
pub(super) async fn hold_tables(connection: &mut PgConnection, names: &[String]) -> Result<(), DatabaseError> {
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!("{}; SELECT ({})", lock_sql(names), look_sql(names));
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(translate)?;
    refuse_code(connection, names, row.try_get(0).map_err(translate)?).await
}

/// In one order everywhere, so that two who lock never wait for each other.
pub(super) fn lock_sql(names: &[String]) -> String {
    let mut names = names.to_vec();
    names.sort();
    format!("LOCK TABLE {} IN ACCESS SHARE MODE", names.join(", "))
}

/// A query over names that are locked: those under which there is no table, and whether one of them belongs to somebody
/// who has fewer rights than we.
pub(super) fn look_sql(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| quote::literal(name)).collect();
    format!(
        "SELECT ARRAY[pg_catalog.string_agg(w.name, ', '::pg_catalog.text) FILTER \
             (WHERE c.relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['r', 'p']::pg_catalog.\"char\"[])), \
         pg_catalog.max('others'::pg_catalog.text) FILTER \
             (WHERE NOT o.rolsuper AND o.rolname OPERATOR(pg_catalog.<>) current_user)] \
         FROM pg_catalog.unnest(ARRAY[{}]::pg_catalog.text[]) AS w (name) \
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(w.name)::pg_catalog.oid \
         JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) c.relowner",
        names.join(", ")
    )
}

/// Refuses what [`look_sql`] found.
pub(super) async fn refuse_code(
    connection: &mut PgConnection,
    names: &[String],
    found: Vec<Option<String>>,
) -> Result<(), DatabaseError> {
    let [no_tables, of_others] = <[_; 2]>::try_from(found).unwrap_or_default();
    if let Some(names) = no_tables {
        let message = format!("{names} is no table any more");
        return Err(DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, message)
            .with_help("somebody put something else in its place: look at it, then begin again"));
    }
    match of_others {
        Some(_) => code::refuse_planned(connection, names).await,
        None => Ok(()),
    }
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
