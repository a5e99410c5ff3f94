//! The catalog: registry of tenants, sealed credentials, leases and the ledger, as sea-orm entities.
//!
//! It is the schema `fixtool` of the main PostgreSQL database, or the file `catalog.db` on SQLite.
//!
//! | file | holds |
//! |---|---|
//! | `identity` | the identity that a site has before its catalog exists |
//! | [`entity`] | the tables |
//! | [`migrations`] | how the tables came about |
//! | `tenants` | the registry |
//! | [`ledger`] | the operation log: [`Ledger`](crate::engine::Ledger) |
//! | [`chain`], `compare`, `seal` | the audit trail below it: hashing, proving and signing |
//! | `erasure` | what runs say of people, and how it goes |
//! | `incarnations` | which tenant of a name a run means |
//! | `leases`, `processes` | [`Leases`](crate::engine::Leases), and whether a holder lives |
//! | [`credentials`] | sealed secrets |
//! | [`marks`] | what a table held when it was last loaded |

pub mod chain;
pub mod credentials;
pub mod entity;
pub mod error;
pub mod ledger;
pub mod marks;
pub mod migrations;

mod appender;
mod compare;
mod connect;
mod erasure;
mod identity;
mod incarnations;
mod leases;
mod processes;
mod runs;
mod seal;
mod tenants;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseExecutor, DatabaseTransaction, IsolationLevel,
    SqliteTransactionMode,
};
use sea_orm::{TransactionOptions, TransactionTrait};
use tokio::sync::OnceCell;

pub use credentials::{CredentialInfo, SealedCredential};
pub use error::CatalogError;
pub use marks::SourceMark;

use crate::backends::database::Access;
use crate::backends::database::address::Address;
use crate::backends::database::connect::Limits;
use crate::model::Engine;

/// The catalog. Cloning shares the connections.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
    /// The target of the run whose lease every write needs.
    under: Option<Arc<str>>,
}

struct Inner {
    engine: Engine,
    site_id: String,
    source: Source,
    pool: u32,
    /// A pooler in transaction mode stands between: nothing may be done outside a transaction.
    pooled: bool,
    /// It existed when it was opened, and nothing that this program knows was missing in it.
    checked: bool,
    /// Set as soon as the catalog is known to exist.
    read: OnceCell<DatabaseConnection>,
    write: Option<Writing>,
    appender: Option<appender::Appender>,
    /// Set as soon as it is known to tell tenants of one name apart.
    incarnations: OnceCell<()>,
    held: leases::Held,
    /// The file of the key that signs the trail, as soon as it is known.
    seal: Arc<OnceLock<PathBuf>>,
}

/// Where to look for a catalog that did not exist when it was opened.
enum Source {
    Postgres(sqlx::PgPool),
    Sqlite(PathBuf),
}

impl Catalog {
    /// Opens the catalog of the main database.
    ///
    /// For writing it is made where it does not exist and brought up to date; two processes that
    /// do so at once both succeed. For reading nothing is made: a catalog that does not exist
    /// reads as empty, and is seen as soon as somebody makes it.
    pub async fn open(address: &Address, access: Access, limits: &Limits) -> Result<Self, CatalogError> {
        match address {
            Address::Postgres(address) => connect::postgres(address, access, limits).await,
            Address::Sqlite(address) => connect::sqlite(&address.file, access, limits.pool_size.max(1)).await,
        }
    }

    /// The same for one run that writes, over the connection that is open already: to open another one takes longer than
    /// everything that such a run asks of the catalog. Whoever closes either closes both.
    ///
    /// `None` where each needs its own: on SQLite, behind a pooler, and before the catalog exists.
    pub fn for_one_run(&self) -> Option<Self> {
        let Source::Postgres(pool) = &self.inner.source else { return None };
        let read = self.inner.read.get().filter(|_| self.inner.checked && !self.inner.pooled)?;
        let write = Writing { connection: read.clone(), reads_by_itself: true, pooled: false };
        let seal = self.inner.seal.clone();
        let signing = appender::Signing { file: seal.clone(), site: self.inner.site_id.clone() };
        let held = leases::Held::default();
        let appender = appender::Appender::start(write.clone(), (self.inner.engine, held.clone()), signing);
        Some(Self::of(Inner {
            engine: self.inner.engine,
            site_id: self.inner.site_id.clone(),
            source: Source::Postgres(pool.clone()),
            pool: self.inner.pool,
            pooled: false,
            checked: true,
            read: OnceCell::new_with(Some(read.clone())),
            appender: Some(appender),
            write: Some(write),
            incarnations: OnceCell::new(),
            held,
            seal,
        }))
    }

    fn of(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), under: None }
    }

    /// The engine that holds the catalog.
    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// The identity of the installation: what plans are bound to. It is derived from the database
    /// until the catalog exists, and stored when it is made; so a plan made
    /// before the first write stays good after it.
    pub fn site_id(&self) -> &str {
        &self.inner.site_id
    }

    /// Whether the catalog exists by now.
    pub async fn exists(&self) -> Result<bool, CatalogError> {
        Ok(self.read().await?.is_some())
    }

    /// Closes all connections. SQLite then leaves no side files behind.
    pub async fn close(&self) {
        if let Some(appender) = &self.inner.appender {
            appender.stop().await;
        }
        if let Some(read) = self.inner.read.get() {
            connect::close(read).await;
        }
        if let Some(write) = &self.inner.write {
            connect::close(&write.connection).await;
        }
        if let Source::Postgres(pool) = &self.inner.source {
            pool.close().await;
        }
    }

    /// The connections for reading; `None` while the catalog does not exist.
    async fn read(&self) -> Result<Option<DatabaseExecutor<'_>>, CatalogError> {
        let read = match self.inner.read.get() {
            Some(read) => read,
            None => match connect::look_again(&self.inner.source, self.inner.pool).await? {
                Some(found) => self.inner.read.get_or_init(|| async { found }).await,
                None => return Ok(None),
            },
        };
        if self.inner.pooled {
            let transaction = read.begin().await?;
            transaction.execute_unprepared(CLEAN).await?;
            return Ok(Some(DatabaseExecutor::OwnedTransaction(transaction)));
        }
        Ok(Some(DatabaseExecutor::Connection(read)))
    }

    /// A look that does not change while it lasts; `None` while the catalog does not exist.
    async fn at_one_moment(&self) -> Result<Option<DatabaseExecutor<'_>>, CatalogError> {
        // The first look finds the catalog.
        if self.read().await?.is_none() {
            return Ok(None);
        }
        let Some(read) = self.inner.read.get() else { return Ok(None) };
        let isolation = (self.inner.engine == Engine::Postgres).then_some(IsolationLevel::RepeatableRead);
        let access = isolation.is_some().then_some(AccessMode::ReadOnly);
        let transaction = read.begin_with_config(isolation, access).await?;
        if self.inner.pooled {
            transaction.execute_unprepared(CLEAN).await?;
        }
        Ok(Some(DatabaseExecutor::OwnedTransaction(transaction)))
    }

    /// A transaction for writing. Under a lease nobody can take it over before it ends.
    async fn write(&self) -> Result<DatabaseTransaction, CatalogError> {
        let transaction = self.inner.write.as_ref().ok_or(CatalogError::ReadOnly)?.begin().await?;
        if let Some(target) = &self.under {
            self.inner.held.keep(&transaction, target).await?;
        }
        Ok(transaction)
    }

    fn appender(&self) -> Result<&appender::Appender, CatalogError> {
        self.inner.appender.as_ref().ok_or(CatalogError::ReadOnly)
    }
}

/// Connections for writing.
#[derive(Clone)]
struct Writing {
    connection: DatabaseConnection,
    /// The session reads unless a transaction says otherwise.
    reads_by_itself: bool,
    /// A pooler in transaction mode stands between.
    pooled: bool,
}

/// Behind a pooler the backend may still hold statements that other clients prepared under the names that the
/// driver is about to use. What a pooler's last client let names mean is not what they mean here.
const CLEAN: &str = "DEALLOCATE ALL; SET LOCAL search_path = pg_catalog, pg_temp";

impl Writing {
    /// Begins a transaction that takes SQLite's write lock at once, so that it never fails half way.
    async fn begin(&self) -> Result<DatabaseTransaction, CatalogError> {
        let options = TransactionOptions {
            isolation_level: None,
            access_mode: self.reads_by_itself.then_some(AccessMode::ReadWrite),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        let transaction = self.connection.begin_with_options(options).await?;
        if self.pooled {
            transaction.execute_unprepared(CLEAN).await?;
        }
        Ok(transaction)
    }
}

/// This moment, RFC 3339 in UTC with microseconds: the form of every moment in the catalog.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
