//! How the catalog's tables came about: numbered SQL files, each applied once and never edited after.
//!
//! Every process that writes comes by here, so the check is one query when there is nothing to do. A fresh
//! database is filled under a guard (an advisory lock of the transaction on PostgreSQL, the write lock on
//! SQLite), so two processes that start at once both find a complete catalog.

use std::path::Path;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseExecutor, EntityTrait, Statement};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgExecutor, Row, SqlitePool};

use super::{CatalogError, entity, now};

/// One migration of the catalog.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number, from one, without gaps.
    pub number: i32,
    /// Its name.
    pub name: &'static str,
    /// Its text; `{schema}` stands for the schema with its point, `{random}` for 32 random hexadecimal digits.
    pub sql: &'static str,
}

/// All migrations, in order.
pub const ALL: &[Migration] = &[
    Migration { number: 1, name: "catalog", sql: include_str!("../../../migrations/catalog/0001_catalog.sql") },
    Migration {
        number: 2,
        name: "incarnations",
        sql: include_str!("../../../migrations/catalog/0002_incarnations.sql"),
    },
];

/// What was applied: number, digest and name.
type Applied = (i32, String, String);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS {schema}migration (number INTEGER NOT NULL PRIMARY KEY, \
                     name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TEXT NOT NULL)";

/// Any number will do as long as every fixtool uses the same.
const GUARD: &str = "SELECT pg_catalog.pg_advisory_xact_lock(7306358190251340)";

impl Migration {
    /// Digest of its text, as it is stored beside its number. Line ends do not count.
    pub fn checksum(&self) -> String {
        blake3::hash(self.sql.replace("\r\n", "\n").as_bytes()).to_hex().to_string()
    }

    fn text(&self, schema: &str) -> String {
        let random = match schema {
            "" => "lower(hex(randomblob(16)))",
            _ => "pg_catalog.replace(pg_catalog.gen_random_uuid()::pg_catalog.text, '-', '')",
        };
        self.sql.replace("{schema}", schema).replace("{random}", random)
    }
}

/// Whether the catalog exists.
///
/// This and what else is asked outside of a transaction is never prepared: behind a pooler in transaction mode, what one
/// backend was told to prepare another one is told to run.
pub(super) async fn exists_on_postgres(at: impl PgExecutor<'_>) -> Result<bool, CatalogError> {
    Ok(sqlx::raw_sql("SELECT pg_catalog.to_regclass('fixtool.migration'::pg_catalog.text) IS NOT NULL")
        .fetch_one(at)
        .await?
        .try_get(0)?)
}

/// Whether the file is a catalog, and not one that somebody is about to make.
pub(super) async fn exists_on_sqlite(pool: &SqlitePool) -> Result<bool, CatalogError> {
    let sql = "SELECT count(*) FROM fixtool.sqlite_master WHERE type = 'table' AND name = 'migration'";
    let count: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    Ok(count > 0)
}

/// Whether the catalog holds which tenant of its name each one is.
pub(super) async fn has_incarnations(at: &DatabaseExecutor<'_>) -> Result<bool, CatalogError> {
    let backend = at.get_database_backend();
    let sql = match backend {
        DatabaseBackend::Postgres => {
            "SELECT pg_catalog.to_regclass('fixtool.ledger_seal'::pg_catalog.text) IS NOT NULL AS found"
        }
        _ => "SELECT count(*) > 0 AS found FROM fixtool.sqlite_master WHERE type = 'table' AND name = 'ledger_seal'",
    };
    let row = at.query_one_raw(Statement::from_string(backend, sql)).await?;
    Ok(row.map(|row| row.try_get::<bool>("", "found")).transpose()?.unwrap_or_default())
}

/// Compares what was applied with what is known, and returns the site's stored identity. A catalog of an earlier
/// fixtool is read as it is.
pub(super) async fn check(connection: &DatabaseConnection) -> Result<String, CatalogError> {
    let backend = connection.get_database_backend();
    let sql = "SELECT number, checksum, name FROM fixtool.migration ORDER BY number";
    let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await?;
    let mut applied = Vec::with_capacity(rows.len());
    for row in rows {
        applied.push((row.try_get("", "number")?, row.try_get("", "checksum")?, row.try_get("", "name")?));
    }
    pending(&applied)?;
    let site = entity::site::Entity::find().one(connection).await?;
    site.map(|site| site.site_id).ok_or_else(without_identity)
}

/// The same on one connection to PostgreSQL, before anybody else has one; and whether nothing is left to be applied.
pub(super) async fn check_on_postgres(connection: &mut PgConnection) -> Result<(String, bool), CatalogError> {
    let is_current = pending(&applied_on_postgres(&mut *connection).await?)?.is_empty();
    let stored = sqlx::raw_sql("SELECT site_id FROM fixtool.site").fetch_optional(connection).await?;
    Ok((stored.ok_or_else(without_identity)?.try_get(0)?, is_current))
}

fn without_identity() -> CatalogError {
    CatalogError::Damaged("the site has no identity".to_owned())
}

/// The migrations that are still to be applied.
fn pending(applied: &[Applied]) -> Result<&'static [Migration], CatalogError> {
    for (number, checksum, name) in applied {
        let known = ALL.iter().find(|m| m.number == *number);
        let known = known.ok_or_else(|| CatalogError::TooNew { found: *number, name: name.clone(), known: last() })?;
        if known.checksum() != *checksum {
            return Err(CatalogError::MigrationChanged { number: *number });
        }
    }
    Ok(ALL.get(applied.len()..).unwrap_or_default())
}

fn last() -> i32 {
    ALL.last().map_or(0, |m| m.number)
}

/// Makes the schema and brings it up to date, in one transaction.
pub(super) async fn migrate_postgres(connection: &mut PgConnection, site_id: &str) -> Result<(), CatalogError> {
    if exists_on_postgres(&mut *connection).await? && pending(&applied_on_postgres(connection).await?)?.is_empty() {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(GUARD).execute(&mut *transaction).await?;
    let made: bool = sqlx::raw_sql("SELECT to_regnamespace('fixtool') IS NOT NULL")
        .fetch_one(&mut *transaction)
        .await?
        .try_get(0)?;
    if !made {
        sqlx::raw_sql("CREATE SCHEMA fixtool").execute(&mut *transaction).await?;
    }
    let schema = "fixtool.";
    sqlx::raw_sql(AssertSqlSafe(TABLE.replace("{schema}", schema))).execute(&mut *transaction).await?;
    for migration in pending(&applied_on_postgres(&mut transaction).await?)? {
        sqlx::raw_sql(AssertSqlSafe(migration.text(schema))).execute(&mut *transaction).await?;
        let sql = "INSERT INTO fixtool.migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";
        let row = sqlx::query(sql)
            .persistent(false)
            .bind(migration.number)
            .bind(migration.name)
            .bind(migration.checksum())
            .bind(now());
        row.execute(&mut *transaction).await?;
    }
    let sql = "INSERT INTO fixtool.site (singleton, site_id, created_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING";
    sqlx::query(sql).persistent(false).bind(site_id).bind(now()).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

async fn applied_on_postgres(connection: &mut PgConnection) -> Result<Vec<Applied>, CatalogError> {
    let sql = "SELECT number, checksum, name FROM fixtool.migration ORDER BY number";
    let rows = sqlx::raw_sql(sql).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

/// Makes the file and brings it up to date, in one transaction.
pub(super) async fn migrate_sqlite(file: &Path, site_id: &str) -> Result<(), CatalogError> {
    make_private(file).map_err(|error| of_io(&error, file))?;
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(30));
    let mut connection = options.connect().await?;
    let answer = bring_up_to_date(&mut connection, site_id).await;
    connection.close().await?;
    answer
}

async fn bring_up_to_date(connection: &mut SqliteConnection, site_id: &str) -> Result<(), CatalogError> {
    let exists = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migration'";
    let tables: i64 = sqlx::query_scalar(exists).fetch_one(&mut *connection).await?;
    if tables > 0 && pending(&applied_on_sqlite(connection).await?)?.is_empty() {
        return Ok(());
    }
    journal(connection).await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(AssertSqlSafe(TABLE.replace("{schema}", ""))).execute(&mut *transaction).await?;
    for migration in pending(&applied_on_sqlite(&mut transaction).await?)? {
        sqlx::raw_sql(AssertSqlSafe(migration.text(""))).execute(&mut *transaction).await?;
        let sql = "INSERT INTO migration (number, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)";
        let row = sqlx::query(sql).bind(migration.number).bind(migration.name).bind(migration.checksum()).bind(now());
        row.execute(&mut *transaction).await?;
    }
    let sql = "INSERT OR IGNORE INTO site (singleton, site_id, created_at) VALUES (1, ?1, ?2)";
    sqlx::query(sql).bind(site_id).bind(now()).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Turns on the write-ahead log. SQLite does not wait for a lock here, so two processes that begin at once must.
async fn journal(connection: &mut SqliteConnection) -> Result<(), CatalogError> {
    let mut tries = 0;
    loop {
        let answer = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
        match answer.map_err(CatalogError::from) {
            Ok(_) => return Ok(()),
            Err(CatalogError::Busy(_)) if tries < 600 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn applied_on_sqlite(connection: &mut SqliteConnection) -> Result<Vec<Applied>, CatalogError> {
    let sql = "SELECT number, checksum, name FROM migration ORDER BY number";
    Ok(sqlx::query_as(sql).fetch_all(connection).await?)
}

/// Makes the directory and an empty file that only their owner can read. What exists is not even opened: with the last
/// word on a file, the operating system drops every lock that the process has on it, those of SQLite too, and another
/// process would then take itself for the only one and remove the log.
fn make_private(file: &Path) -> std::io::Result<()> {
    let mut directory = std::fs::DirBuilder::new();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        directory.mode(0o700);
        options.mode(0o600);
    }
    if let Some(parent) = file.parent() {
        directory.recursive(true).create(parent)?;
    }
    match options.open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn of_io(error: &std::io::Error, file: &Path) -> CatalogError {
    let message = format!("{}: {error}", file.display());
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            CatalogError::Permission(message)
        }
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => CatalogError::Full(message),
        _ => CatalogError::Unreachable(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps_and_name_no_schema_of_their_own() {
        for (index, migration) in ALL.iter().enumerate() {
            assert_eq!(usize::try_from(migration.number).unwrap(), index + 1);
            assert!(!migration.text("").contains("fixtool."), "{}", migration.name);
        }
    }

    #[test]
    fn an_edited_and_an_unknown_migration_are_found() {
        let all: Vec<Applied> = ALL.iter().map(|m| (m.number, m.checksum(), m.name.to_owned())).collect();
        assert!(pending(&all).unwrap().is_empty());
        assert_eq!(pending(&[]).unwrap().len(), ALL.len());
        let edited = vec![(1, "other".to_owned(), "catalog".to_owned())];
        assert!(matches!(pending(&edited), Err(CatalogError::MigrationChanged { number: 1 })));
        let mut later = all;
        later.push((99, String::new(), "tomorrow".to_owned()));
        assert!(matches!(pending(&later), Err(CatalogError::TooNew { found: 99, .. })));
    }
}
