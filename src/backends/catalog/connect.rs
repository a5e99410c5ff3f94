//! Connections to the catalog.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection, SqlitePool};
use tokio::sync::OnceCell;

use super::appender::{Appender, Signing};
use super::leases::Held;
use super::{Catalog, CatalogError, Inner, Source, Writing, identity, migrations};
use crate::backends::database::Access;
use crate::backends::database::address::PostgresAddress;
use crate::backends::database::connect::Limits;
use crate::backends::database::postgres::{Postgres, translate};
use crate::backends::database::sqlite::room;
use crate::model::Engine;

/// How long a free connection, or SQLite's write lock, is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn postgres(
    address: &PostgresAddress,
    access: Access,
    limits: &Limits,
) -> Result<Catalog, CatalogError> {
    let database = Postgres::connect(address, access, limits).await?;
    let (pool, pooled) = database.pool();
    let pool = pool.clone();
    let mut first = pool.acquire().await.map_err(translate)?;
    let exists = migrations::exists_on_postgres(&mut *first).await?;
    // Once there is a stored identity, it is the one that counts.
    let mut site_id = if exists { String::new() } else { identity::of_database(&mut first, address).await };
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    let read = OnceCell::new();
    let mut checked = None;
    if exists {
        checked = Some(migrations::check_on_postgres(&mut first).await);
    }
    let write = (access == Access::ReadWrite).then(|| Writing {
        connection: connection.clone(),
        reads_by_itself: false,
        pooled,
    });
    if write.is_some() && !matches!(checked, Some(Ok((_, true)))) {
        migrations::migrate_postgres(&mut first, &site_id).await?;
        checked = Some(migrations::check_on_postgres(&mut first).await);
    }
    let mut is_current = false;
    if let Some(checked) = checked {
        (site_id, is_current) = checked?;
        read.get_or_init(|| async { connection }).await;
    }
    drop(first);
    let seal = Arc::default();
    let signing = Signing { file: Arc::clone(&seal), site: site_id.clone() };
    let held = Held::default();
    let appender = write.clone().map(|write| Appender::start(write, (Engine::Postgres, held.clone()), signing));
    let source = Source::Postgres(pool);
    let inner = Inner {
        engine: Engine::Postgres,
        site_id,
        source,
        pool: limits.pool_size,
        pooled,
        checked: is_current,
        read,
        write,
        appender,
        incarnations: OnceCell::new(),
        held,
        seal,
    };
    Ok(Catalog::of(inner))
}

pub(super) async fn sqlite(file: &Path, access: Access, size: u32) -> Result<Catalog, CatalogError> {
    let file = std::path::absolute(file).map_err(|error| CatalogError::Unreachable(error.to_string()))?;
    room::remember(&file);
    let mut site_id = identity::of_file(&file);
    let read = OnceCell::new();
    let mut write = None;
    if access == Access::ReadWrite {
        migrations::migrate_sqlite(&file, &site_id).await?;
        let pool = sqlite_pool(&file, Access::ReadWrite, 1).await?;
        let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
        write = Some(Writing { connection, reads_by_itself: false, pooled: false });
    }
    if let Some(found) = look_in_file(&file, size).await? {
        site_id = migrations::check(&found).await?;
        read.get_or_init(|| async { found }).await;
    }
    let seal = Arc::default();
    let signing = Signing { file: Arc::clone(&seal), site: site_id.clone() };
    let held = Held::default();
    let appender = write.clone().map(|write| Appender::start(write, (Engine::Sqlite, held.clone()), signing));
    let source = Source::Sqlite(file);
    // A reader finds out at its first question whether the file is up to date.
    let (pooled, checked) = (false, write.is_some());
    Ok(Catalog::of(Inner {
        engine: Engine::Sqlite,
        site_id,
        source,
        pool: size,
        pooled,
        checked,
        read,
        write,
        appender,
        incarnations: OnceCell::new(),
        held,
        seal,
    }))
}

/// Looks for a catalog that did not exist before.
pub(super) async fn look_again(source: &Source, size: u32) -> Result<Option<DatabaseConnection>, CatalogError> {
    match source {
        Source::Postgres(pool) => {
            let exists = migrations::exists_on_postgres(pool).await?;
            Ok(exists.then(|| SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone())))
        }
        Source::Sqlite(file) => look_in_file(file, size).await,
    }
}

async fn look_in_file(file: &Path, size: u32) -> Result<Option<DatabaseConnection>, CatalogError> {
    if !file.try_exists().map_err(|error| CatalogError::Permission(error.to_string()))? {
        return Ok(None);
    }
    let pool = sqlite_pool(file, Access::ReadOnly, size.min(4)).await?;
    if migrations::exists_on_sqlite(&pool).await? {
        return Ok(Some(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)));
    }
    pool.close().await;
    Ok(None)
}

/// Connections whose own database is empty and in memory; the catalog is attached as `fixtool`.
async fn sqlite_pool(file: &Path, access: Access, size: u32) -> Result<SqlitePool, CatalogError> {
    let text = file.to_str().ok_or_else(|| CatalogError::Unreachable("the path is not UTF-8".to_owned()))?;
    let first = attached(text.to_owned(), access, size).await;
    match (first, access) {
        // In a directory that may not be written, a file in WAL mode opens only as one that nobody changes.
        (Err(CatalogError::Unreachable(_)), Access::ReadOnly) => attached(immutable(text), access, size).await,
        // On a full disk there is no room for what a reader shares with writers. Without a log there are none.
        (Err(CatalogError::Full(_)), Access::ReadOnly) if !has_log(file) => {
            attached(immutable(text), access, size).await
        }
        (other, _) => other,
    }
}

fn has_log(file: &Path) -> bool {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

fn immutable(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len() + 20);
    for c in path.chars() {
        match c {
            '%' => escaped.push_str("%25"),
            '?' => escaped.push_str("%3f"),
            '#' => escaped.push_str("%23"),
            _ => escaped.push(c),
        }
    }
    format!("file:{escaped}?immutable=1")
}

async fn attached(target: String, access: Access, size: u32) -> Result<SqlitePool, CatalogError> {
    let options = SqliteConnectOptions::new().busy_timeout(PATIENCE).create_if_missing(false);
    // A pool tries again and again, for as long as its patience lasts, whatever is wrong.
    let mut first = options.connect().await?;
    attach(&mut first, target.clone(), access).await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            let target = target.clone();
            Box::pin(async move { attach(connection, target, access).await })
        });
    let pool = pool.connect_with(options).await?;
    // Not before, or it would be the last one and remove the log.
    first.close().await?;
    Ok(pool)
}

async fn attach(connection: &mut SqliteConnection, target: String, access: Access) -> Result<(), sqlx::Error> {
    sqlx::query("ATTACH DATABASE ?1 AS fixtool").bind(target).execute(&mut *connection).await?;
    let settings = match access {
        Access::ReadOnly => "PRAGMA query_only = ON; SELECT count(*) FROM fixtool.sqlite_master",
        // The count opens the log, which is what may not be possible.
        Access::ReadWrite => "PRAGMA fixtool.synchronous = NORMAL; SELECT count(*) FROM fixtool.sqlite_master",
    };
    connection.execute(settings).await?;
    Ok(())
}

pub(super) async fn close(connection: &DatabaseConnection) {
    if let Err(error) = connection.clone().close().await {
        tracing::debug!(%error, "the catalog's connections did not close cleanly");
    }
}
