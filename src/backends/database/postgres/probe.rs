//! Connects, and finds out what stands at the other end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use tokio::sync::OnceCell;

use super::session::Wear;
use super::{translate, watch};
use crate::backends::database::address::{PostgresAddress, SslMode};
use crate::backends::database::connect::Limits;
use crate::backends::database::{Access, Capabilities, DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// The first version that can look during a long statement whether its client is still there, where the system lets it.
const HANGUPS: u32 = 140_000;

/// Oldest server that fixtool works with.
const OLDEST: u32 = 130_000;

/// What is known of the server at an address, as soon as somebody asked. It says nothing about where that is.
#[derive(Clone, Default)]
pub struct Known(Arc<OnceCell<Found>>);

impl PartialEq for Known {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Known {}

/// What the probe found.
struct Found {
    /// The options that the server accepted.
    options: PgConnectOptions,
    /// Whether it accepts the one that makes a session read-only.
    takes_read_only: bool,
    capabilities: Arc<Capabilities>,
}

/// Probes the server unless that was done, and opens the pool.
pub(super) async fn connect(
    address: &PostgresAddress,
    access: Access,
    limits: &Limits,
    wear: &Arc<Wear>,
) -> Result<(PgPool, Arc<Capabilities>), DatabaseError> {
    let mut asked = None;
    let ask = async || {
        let (found, pool) = probe(address, limits, wear).await?;
        asked = pool;
        Ok(found)
    };
    let found = address.known.0.get_or_try_init(ask).await?;
    watch::remember(found.options.get_host(), found.options.get_port(), limits.connect);
    if let Some(pool) = asked {
        if access == Access::ReadOnly {
            return Ok((pool, Arc::clone(&found.capabilities)));
        }
        pool.close().await;
    }
    let mut options = found.options.clone();
    if access == Access::ReadOnly && found.takes_read_only {
        options = options.options([READ_ONLY]);
    }
    if found.capabilities.transaction_pooler {
        // A statement prepared under a name may be another client's by the next transaction.
        options = options.statement_cache_capacity(0);
    }
    Ok((pool(options, limits, wear), Arc::clone(&found.capabilities)))
}

fn pool(options: PgConnectOptions, limits: &Limits, wear: &Arc<Wear>) -> PgPool {
    let wear = Arc::clone(wear);
    PgPoolOptions::new()
        .max_connections(limits.pool_size.max(1))
        .acquire_timeout(limits.connect)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > RECENT {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(move |_, meta| {
            let worn = wear.is_worn(meta.age);
            Box::pin(async move { Ok(!worn) })
        })
        .connect_lazy_with(options)
}

/// The driver asks a connection whether it lives when it is given back. So soon afterwards nobody asks again.
const RECENT: Duration = Duration::from_millis(100);

/// A pool tries again and again where nobody answers. The first who asks at an address waits so long for one; then it
/// connects by itself, to learn why.
const FIRST: Duration = Duration::from_millis(300);

/// Whatever the role, the database or a schema's owner would have a session find: names that are not qualified are
/// PostgreSQL's own. Behind a pooler each transaction says so for itself.
const SEARCH_PATH: (&str, &str) = ("search_path", "pg_catalog,pg_temp");

/// The server ends what a client was doing that vanished without a word, and its locks with it, within half a minute; its
/// own settings may say hours.
const VANISHED: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];

/// A second lock on the door: each transaction of a session that only reads says so for itself, too.
const READ_ONLY: (&str, &str) = ("default_transaction_read_only", "on");

/// Connects in the ways that the address allows, one after the other, and looks around.
///
/// The pool whose connection answered can go on with it, where it did so without a pooler between.
async fn probe(
    address: &PostgresAddress,
    limits: &Limits,
    wear: &Arc<Wear>,
) -> Result<(Found, Option<PgPool>), DatabaseError> {
    let mut last = None;
    let mut refused = false;
    let modes = ssl_modes(address);
    let mut remaining = modes.iter();
    let mut mode = remaining.next();
    while let Some(ssl) = mode {
        let plain = options(address, *ssl);
        let options = if refused { plain } else { plain.options([SEARCH_PATH]).options(VANISHED) };
        let locked = if refused { options.clone() } else { options.clone().options([READ_ONLY]) };
        let mut since = Instant::now();
        let first = pool(locked.clone(), limits, wear);
        let answer = match tokio::time::timeout(FIRST, first.acquire()).await {
            Ok(Ok(connection)) => Ok(Asked::Pooled(connection)),
            Ok(Err(error)) if !matches!(error, sqlx::Error::PoolTimedOut) => Err(translate(error)),
            _ => {
                since = Instant::now();
                open(&locked, limits).await.map(Asked::Alone)
            }
        };
        match answer {
            Ok(connection) => {
                let found = look_around((connection, since), (options, locked, refused), limits).await?;
                if found.capabilities.transaction_pooler {
                    first.close().await;
                    return Ok((found, None));
                }
                return Ok((found, Some(first)));
            }
            Err(error) if !refused && is_refused_parameter(&error) => refused = true,
            Err(error) => {
                last.get_or_insert(error);
                mode = remaining.next();
            }
        }
    }
    let mut error = last.unwrap_or_else(|| {
        DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unreachable, "no way to connect was tried")
    });
    if error.kind == DatabaseErrorKind::Unreachable {
        error.message = format!("{} does not answer: {}", place(address), error.message);
    }
    Err(error)
}

/// The connection that is asked.
enum Asked {
    Pooled(PoolConnection<sqlx::Postgres>),
    Alone(PgConnection),
}

async fn look_around(
    (mut connection, since): (Asked, Instant),
    (options, locked, refused): (PgConnectOptions, PgConnectOptions, bool),
    limits: &Limits,
) -> Result<Found, DatabaseError> {
    let asked = match &mut connection {
        Asked::Pooled(pooled) => &mut **pooled,
        Asked::Alone(alone) => alone,
    };
    let (mut capabilities, alone) = capabilities(asked, since).await?;
    // Only a pooler refuses a startup parameter.
    capabilities.transaction_pooler = refused || !alone && shares_backends(asked, &locked, limits).await?;
    if let Asked::Alone(connection) = connection {
        // A failure to say goodbye changes nothing.
        let _ = connection.close().await;
    }
    Ok(Found { options, takes_read_only: !refused, capabilities: Arc::new(capabilities) })
}

/// Host and port, as a person would look for them.
fn place(address: &PostgresAddress) -> String {
    let defaults = PgConnectOptions::new_without_pgpass();
    let host = address.host.as_deref().unwrap_or_else(|| defaults.get_host());
    format!("{host}:{}", address.port.unwrap_or_else(|| defaults.get_port()))
}

async fn open(options: &PgConnectOptions, limits: &Limits) -> Result<PgConnection, DatabaseError> {
    match tokio::time::timeout(limits.connect, options.connect()).await {
        Ok(answer) => answer.map_err(translate),
        Err(_) => Err(DatabaseError::new(
            Engine::Postgres,
            DatabaseErrorKind::Unreachable,
            format!("the server did not answer within {} seconds", limits.connect.as_secs()),
        )
        .with_help("check host, port and firewall: 'fixtool doctor' tries each step")),
    }
}

fn is_refused_parameter(error: &DatabaseError) -> bool {
    error.message.contains("startup parameter")
}

/// The ways to try, in libpq's order.
fn ssl_modes(address: &PostgresAddress) -> Vec<PgSslMode> {
    let socket = PgConnectOptions::new_without_pgpass();
    let host = address.host.as_deref().unwrap_or_else(|| socket.get_host());
    if host.starts_with('/') {
        // libpq ignores sslmode on a Unix socket.
        return vec![PgSslMode::Disable];
    }
    match address.ssl_mode {
        SslMode::Disable => vec![PgSslMode::Disable],
        SslMode::Allow => vec![PgSslMode::Disable, PgSslMode::Require],
        SslMode::Prefer => vec![PgSslMode::Prefer, PgSslMode::Disable],
        // libpq: with a root certificate, `require` checks it.
        SslMode::Require if address.ssl_root_cert.is_some() => vec![PgSslMode::VerifyCa],
        SslMode::Require => vec![PgSslMode::Require],
        SslMode::VerifyCa => vec![PgSslMode::VerifyCa],
        SslMode::VerifyFull => vec![PgSslMode::VerifyFull],
    }
}

/// The driver's options. What the address leaves open is libpq's default.
fn options(address: &PostgresAddress, ssl: PgSslMode) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .application_name("fixtool")
        // PgBouncer refuses parameters that it does not know; each transaction sets it instead.
        .extra_float_digits(None)
        .ssl_mode(ssl)
        .disable_statement_logging();
    if let Some(host) = &address.host {
        options = options.host(host);
    }
    if let Some(port) = address.port {
        options = options.port(port);
    }
    if let Some(user) = &address.user {
        options = options.username(user);
    }
    if let Some(password) = &address.password {
        options = options.password(password);
    }
    if let Some(database) = &address.database {
        options = options.database(database);
    }
    if let Some(path) = &address.ssl_root_cert {
        options = options.ssl_root_cert(path);
    }
    if let Some(path) = &address.ssl_cert {
        options = options.ssl_client_cert(path);
    }
    if let Some(path) = &address.ssl_key {
        options = options.ssl_client_key(path);
    }
    options
}

/// What the server can do, and whether its process is for certain ours alone: it knows what only we asked for, and was
/// not there before we came. A pooler passes no such wish on, and most of its processes are older than its clients.
async fn capabilities(connection: &mut PgConnection, since: Instant) -> Result<(Capabilities, bool), DatabaseError> {
    let row = sqlx::raw_sql(
        "SELECT pg_catalog.current_setting('server_version'), \
                pg_catalog.current_setting('server_version_num')::pg_catalog.int4, \
                EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'citus'::pg_catalog.name), \
                pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'::pg_catalog.text), \
                (SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles \
                 WHERE rolname OPERATOR(pg_catalog.=) current_user), \
                COALESCE((SELECT ssl FROM pg_catalog.pg_stat_ssl \
                          WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()), false), \
                pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool, \
                COALESCE((SELECT pg_catalog.date_part('epoch'::pg_catalog.text, \
                          pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) backend_start) \
                          FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())), \
                         'infinity'::pg_catalog.float8), \
                pg_catalog.strpos(pg_catalog.version(), 'linux') OPERATOR(pg_catalog.>) 0",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(translate)?;
    let version: String = row.try_get(0).map_err(translate)?;
    let number: i32 = row.try_get(1).map_err(translate)?;
    let flag = |index: usize| row.try_get::<bool, _>(index).map_err(translate);
    let capabilities = Capabilities {
        version: version.split_whitespace().next().unwrap_or_default().to_owned(),
        version_number: u32::try_from(number).unwrap_or_default(),
        transaction_pooler: false,
        citus: flag(2)?,
        tls: flag(5)?,
        may_create_namespaces: flag(3)?,
        may_create_roles: flag(4)?,
        notices_hangups: u32::try_from(number).unwrap_or_default() >= HANGUPS && flag(8)?,
    };
    let age: f64 = row.try_get(7).map_err(translate)?;
    let alone = flag(6)? && age <= since.elapsed().as_secs_f64();
    if capabilities.version_number < OLDEST {
        return Err(DatabaseError::new(
            Engine::Postgres,
            DatabaseErrorKind::Unsupported,
            format!("version {} is too old", capabilities.version),
        )
        .with_help("fixtool works with PostgreSQL 13 to 18"));
    }
    Ok((capabilities, alone))
}

/// Whether two connections that are open at once meet the same backend, or one meets two: a pooler
/// in transaction mode hands backends from hand to hand.
async fn shares_backends(
    first: &mut PgConnection,
    options: &PgConnectOptions,
    limits: &Limits,
) -> Result<bool, DatabaseError> {
    let Ok(mut second) = open(options, limits).await else {
        // No room for a second connection: nothing can be said, and nothing depends on it.
        return Ok(false);
    };
    let mut seen = [None, None];
    let mut shared = false;
    for _ in 0..2 {
        for (connection, known) in [&mut *first, &mut second].into_iter().zip(&mut seen) {
            let now = backend(connection).await?;
            shared |= known.is_some_and(|before| before != now);
            *known = Some(now);
        }
        shared |= seen[0] == seen[1];
    }
    let _ = second.close().await;
    Ok(shared)
}

async fn backend(connection: &mut PgConnection) -> Result<i32, DatabaseError> {
    let row = sqlx::raw_sql("SELECT pg_catalog.pg_backend_pid()").fetch_one(connection).await.map_err(translate)?;
    row.try_get(0).map_err(translate)
}
