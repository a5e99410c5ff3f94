//! Checks of one database server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use miette::Diagnostic;
use sqlx::PgPool;

use super::Finding;
use crate::backends::database::address::{Address, PostgresAddress};
use crate::backends::database::connect;
use crate::backends::database::postgres::Postgres;
use crate::backends::database::{Access, Capabilities, DatabaseError, Reader};
use crate::backends::site::Placement;

/// Checks that need an answer from the server.
const OTHERS: [&str; 7] = [
    "database.version",
    "database.tls",
    "database.read_only",
    "database.rights",
    "database.pooler",
    "database.locks",
    "database.clock",
];
/// Fewer places than this in the lock table, and a tenant of a few dozen tables cannot be dropped at once.
const FEW_LOCKS: i64 = 6400;

pub(super) async fn check(placement: &Placement) -> Vec<Finding> {
    match &placement.address {
        Address::Postgres(address) => postgres(placement, address).await,
        Address::Sqlite(_) => sqlite(placement).await,
    }
}

fn unreachable(placement: &Placement, error: &DatabaseError) -> Vec<Finding> {
    let help = error.help().map_or_else(
        || "check the address with 'fixtool config show database --origin', and that the server runs".to_owned(),
        |help| help.to_string(),
    );
    let detail = format!("{}: {}", placement.address.masked(), error.message);
    let mut findings = vec![Finding::failed("database.reachable", detail, help)];
    findings.extend(OTHERS.iter().map(|check| Finding::skipped(check, "the database does not answer")));
    findings
}

async fn sqlite(placement: &Placement) -> Vec<Finding> {
    let reader = match connect::reader(&placement.address, &placement.limits).await {
        Ok(reader) => reader,
        Err(error) => return unreachable(placement, &error),
    };
    let local = "SQLite lies in a directory of this machine";
    vec![
        Finding::good("database.reachable", placement.address.masked()),
        Finding::good("database.version", format!("SQLite {}", reader.capabilities().version)),
        Finding::good("database.tls", local),
        Finding::good("database.read_only", "files are opened for reading only"),
        Finding::good("database.rights", "the rights are those of the directory, see state.directory"),
        Finding::skipped("database.pooler", local),
        Finding::skipped("database.locks", local),
        Finding::skipped("database.clock", local),
    ]
}

async fn postgres(placement: &Placement, address: &PostgresAddress) -> Vec<Finding> {
    let server = match Postgres::connect(address, Access::ReadOnly, &placement.limits).await {
        Ok(server) => server,
        Err(error) => return unreachable(placement, &error),
    };
    let capabilities = server.capabilities().clone();
    let (pool, _) = server.pool();
    let findings = vec![
        Finding::good("database.reachable", placement.address.masked()),
        version(&capabilities),
        tls(address, &capabilities),
        read_only(pool).await,
        rights(&capabilities),
        pooler(&capabilities),
        locks(pool).await,
        clock(pool).await,
    ];
    pool.close().await;
    findings
}

fn version(capabilities: &Capabilities) -> Finding {
    const CHECK: &str = "database.version";
    let detail = format!("PostgreSQL {}", capabilities.version);
    match capabilities.version_number / 10_000 {
        13..=18 => Finding::good(CHECK, detail),
        0..=12 => Finding::failed(CHECK, detail, "fixtool needs PostgreSQL 13 or later"),
        _ => Finding::warning(CHECK, detail, "fixtool is tested with PostgreSQL 13 to 18; try a later fixtool"),
    }
}

fn tls(address: &PostgresAddress, capabilities: &Capabilities) -> Finding {
    const CHECK: &str = "database.tls";
    let host = address.host.as_deref().unwrap_or_default();
    let local = host.is_empty() || host.starts_with('/') || matches!(host, "localhost" | "127.0.0.1" | "::1");
    match (capabilities.tls, local) {
        (true, _) => Finding::good(CHECK, "the connection is encrypted"),
        (false, true) => Finding::good(CHECK, "not encrypted, and it never leaves this machine"),
        (false, false) => Finding::warning(
            CHECK,
            "the connection is not encrypted",
            "switch TLS on at the server and add '?sslmode=verify-full' to the address",
        ),
    }
}

async fn read_only(pool: &PgPool) -> Finding {
    const CHECK: &str = "database.read_only";
    match text(pool, "SELECT current_setting('transaction_read_only')").await {
        Ok(on) if on == "on" => Finding::good(CHECK, "the server refuses writes of a session for reading"),
        Ok(_) => Finding::failed(
            CHECK,
            "a session for reading could write",
            "a pooler drops the setting 'default_transaction_read_only'; let it pass startup options on",
        ),
        Err(reason) => Finding::skipped(CHECK, reason),
    }
}

fn rights(capabilities: &Capabilities) -> Finding {
    const CHECK: &str = "database.rights";
    match (capabilities.may_create_namespaces, capabilities.may_create_roles) {
        (true, true) => Finding::good(CHECK, "may make schemas and roles"),
        (true, false) => Finding::warning(
            CHECK,
            "may make schemas, but no roles",
            "tenants get no database roles of their own; to have them: ALTER ROLE … CREATEROLE",
        ),
        (false, _) => Finding::warning(
            CHECK,
            "may not make schemas",
            "'tenant init' will fail; to allow it: GRANT CREATE ON DATABASE … TO …",
        ),
    }
}

fn pooler(capabilities: &Capabilities) -> Finding {
    const CHECK: &str = "database.pooler";
    if capabilities.transaction_pooler {
        Finding::good(CHECK, "a pooler in transaction mode stands between; fixtool relies on no session state")
    } else {
        Finding::good(CHECK, "none in transaction mode")
    }
}

async fn locks(pool: &PgPool) -> Finding {
    const CHECK: &str = "database.locks";
    let sql = "SELECT (current_setting('max_locks_per_transaction')::bigint * \
               (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint))::text";
    match text(pool, sql).await.map(|text| text.parse::<i64>()) {
        Ok(Ok(places)) if places >= FEW_LOCKS => Finding::good(CHECK, format!("room for {places} locks")),
        Ok(Ok(places)) => Finding::warning(
            CHECK,
            format!("room for {places} locks only"),
            "raise max_locks_per_transaction (at least 128) and restart the server, or tenants with many tables are slow to drop",
        ),
        Ok(Err(error)) => Finding::skipped(CHECK, error.to_string()),
        Err(reason) => Finding::skipped(CHECK, reason),
    }
}

async fn clock(pool: &PgPool) -> Finding {
    const CHECK: &str = "database.clock";
    let before = SystemTime::now();
    let asked = text(pool, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text").await;
    let server = match asked.map(|text| text.parse::<u64>()) {
        Ok(Ok(milliseconds)) => UNIX_EPOCH + Duration::from_millis(milliseconds),
        Ok(Err(error)) => return Finding::skipped(CHECK, error.to_string()),
        Err(reason) => return Finding::skipped(CHECK, reason),
    };
    let apart = match server.duration_since(before) {
        Ok(ahead) => ahead.saturating_sub(before.elapsed().unwrap_or_default()),
        Err(behind) => behind.duration(),
    };
    let detail = format!("the clocks are {} ms apart", apart.as_millis());
    if apart < Duration::from_secs(2) {
        Finding::good(CHECK, detail)
    } else {
        Finding::warning(CHECK, detail, "let both machines follow a time server: leases and logs compare times")
    }
}

/// One text from the server. Not kept as a prepared statement, which a pooler could lose.
async fn text(pool: &PgPool, sql: &'static str) -> Result<String, String> {
    let row = sqlx::query_scalar::<_, String>(sql).persistent(false).fetch_one(pool).await;
    row.map_err(|error| format!("the server does not say: {error}"))
}
