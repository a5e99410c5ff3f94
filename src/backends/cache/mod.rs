//! The cache: a tenant's keys are invalidated and its configuration is published, through Redis.
//!
//! The cache is a convenience. Without it, or with it gone in the middle, the command goes on: every failure here
//! becomes a remark, never an error. A tenant's keys are `tenant:<id>:*`; its configuration is kept under
//! `tenant:<id>:config` and announced on the channel `fixtool:tenant:<id>`.
//!
//! A cluster is recognised by what its node says of itself. Every primary is asked for its keys then, and what one command
//! removes lies in one slot.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::clients::{Client, Pool};
use fred::interfaces::{ClientLike, KeysInterface, PubsubInterface};
use fred::types::config::{Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy};
use fred::types::scan::Scanner;
use fred::types::{Builder, InfoKind, Key};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::model::TenantId;

/// How long the server may take to let us in.
const CONNECT: Duration = Duration::from_secs(1);
/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(2);
/// How long one tenant's keys may take altogether.
const ALTOGETHER: Duration = Duration::from_mins(1);
/// A server that did not answer is not asked again for so long: a fleet must not wait for it tenant by tenant.
const REST: Duration = Duration::from_secs(10);
/// Keys looked at by one SCAN, and removed by one UNLINK at most.
const BATCH: u32 = 500;
/// Slots of a cluster that are cleared side by side; the driver sends them to each node together.
const SLOTS_AT_ONCE: usize = 64;

/// What became of the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CacheOutcome {
    /// No cache is configured.
    NotConfigured,
    /// The tenant's keys are gone.
    Invalidated {
        /// How many there were.
        keys: u64,
    },
    /// The configuration was stored and announced.
    Published {
        /// How many were listening.
        receivers: u64,
    },
    /// The cache did not do what it was asked.
    Unavailable {
        /// Why, without the address's secrets.
        reason: String,
    },
}

impl CacheOutcome {
    /// One line for people; `None` when no cache is configured.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::NotConfigured => None,
            Self::Invalidated { keys: 1 } => Some("1 key of the cache invalidated".to_owned()),
            Self::Invalidated { keys } => Some(format!("{keys} keys of the cache invalidated")),
            Self::Published { receivers } => Some(format!("configuration published to {receivers} listeners")),
            Self::Unavailable { reason } => {
                Some(format!("the cache was left as it is and may hold old data: {reason}"))
            }
        }
    }
}

/// A cache, or none. Cloning shares the connections. Nothing is connected before it is needed.
#[derive(Clone)]
pub struct Cache {
    configured: Option<Arc<Configured>>,
}

struct Configured {
    url: String,
    pool: usize,
    state: Mutex<State>,
}

enum State {
    Idle,
    Connected(Pool),
    Resting { since: Instant, reason: String },
}

impl Cache {
    /// A cache at this address (`redis://` or `rediss://`), with so many connections; `None` for no cache.
    pub fn new(url: Option<&str>, pool: u32) -> Self {
        let pool = usize::try_from(pool.clamp(1, 64)).unwrap_or(1);
        let configured = url.map(|url| Configured { url: url.to_owned(), pool, state: Mutex::new(State::Idle) });
        Self { configured: configured.map(Arc::new) }
    }

    /// Whether there is one to ask.
    pub fn is_configured(&self) -> bool {
        self.configured.is_some()
    }

    /// Asks the server whether it is there; its version, or why it cannot be used.
    pub async fn probe(&self) -> Option<Result<String, String>> {
        let configured = self.configured.as_ref()?;
        let asked = async |pool: Pool| pool.info::<String>(Some(InfoKind::Server)).await;
        Some(configured.with(asked).await.map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("redis_version:"));
            line.unwrap_or("unknown").trim().to_owned()
        }))
    }

    /// Removes every key of the tenant.
    pub async fn invalidate(&self, tenant: &TenantId) -> CacheOutcome {
        let Some(configured) = &self.configured else { return CacheOutcome::NotConfigured };
        let pattern = format!("tenant:{}:*", escape(tenant.as_str()));
        let swept = async |pool: Pool| sweep(&pool, &pattern).await;
        match configured.with(swept).await {
            Ok(keys) => CacheOutcome::Invalidated { keys },
            Err(reason) => CacheOutcome::Unavailable { reason },
        }
    }

    /// Stores the tenant's configuration and tells who listens.
    pub async fn publish_configuration(&self, tenant: &TenantId, configuration: &serde_json::Value) -> CacheOutcome {
        let Some(configured) = &self.configured else { return CacheOutcome::NotConfigured };
        let (key, channel) = (format!("tenant:{tenant}:config"), format!("fixtool:tenant:{tenant}"));
        let text = configuration.to_string();
        let told = async |pool: Pool| {
            pool.set::<(), _, _>(key.as_str(), text.as_str(), None, None, false).await?;
            pool.next().publish::<u64, _, _>(channel.as_str(), text.as_str()).await
        };
        match configured.with(told).await {
            Ok(receivers) => CacheOutcome::Published { receivers },
            Err(reason) => CacheOutcome::Unavailable { reason },
        }
    }

    /// Says goodbye to the server.
    pub async fn close(&self) {
        if let Some(configured) = &self.configured {
            let mut state = configured.state.lock().await;
            if let State::Connected(pool) = std::mem::replace(&mut *state, State::Idle) {
                let _ = tokio::time::timeout(COMMAND, pool.quit()).await;
            }
        }
    }
}

impl Configured {
    /// Does something with a connection. After a failure the connection is given up.
    async fn with<T>(&self, work: impl AsyncFnOnce(Pool) -> Result<T, fred::error::Error>) -> Result<T, String> {
        let pool = self.pool().await?;
        let answer = match tokio::time::timeout(ALTOGETHER, work(pool)).await {
            Ok(answer) => answer.map_err(|error| describe(&error)),
            Err(_) => Err(format!("it took longer than {} seconds", ALTOGETHER.as_secs())),
        };
        if let Err(reason) = &answer {
            self.rest(reason).await;
        }
        answer
    }

    async fn pool(&self) -> Result<Pool, String> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Connected(pool) => return Ok(pool.clone()),
            State::Resting { since, reason } if since.elapsed() < REST => return Err(reason.clone()),
            _ => {}
        }
        match connect(&self.url, self.pool).await {
            Ok(pool) => {
                *state = State::Connected(pool.clone());
                Ok(pool)
            }
            Err(reason) => {
                *state = State::Resting { since: Instant::now(), reason: reason.clone() };
                Err(reason)
            }
        }
    }

    async fn rest(&self, reason: &str) {
        let mut state = self.state.lock().await;
        let resting = State::Resting { since: Instant::now(), reason: reason.to_owned() };
        if let State::Connected(pool) = std::mem::replace(&mut *state, resting) {
            let _ = tokio::time::timeout(CONNECT, pool.quit()).await;
        }
    }
}

async fn connect(url: &str, size: usize) -> Result<Pool, String> {
    // The address may hold a password, so the parser's own words, which quote it, are not passed on.
    let unreadable = |_| "its address cannot be read: write redis://host:port/number or rediss://…".to_owned();
    let pool = open(Config::from_url(url).map_err(unreadable)?, size).await?;
    // Whoever may not ask is not told; then it is a server like any other.
    let told: String = pool.info(Some(InfoKind::Cluster)).await.unwrap_or_default();
    if !told.contains("cluster_enabled:1") {
        return Ok(pool);
    }
    let _ = tokio::time::timeout(CONNECT, pool.quit()).await;
    open(Config::from_url_clustered(url).map_err(unreadable)?, size).await
}

async fn open(mut config: Config, size: usize) -> Result<Pool, String> {
    config.fail_fast = true;
    let connection = ConnectionConfig {
        connection_timeout: CONNECT,
        internal_command_timeout: CONNECT,
        max_command_attempts: 1,
        ..ConnectionConfig::default()
    };
    let performance = PerformanceConfig { default_command_timeout: COMMAND, ..PerformanceConfig::default() };
    let pool = Builder::from_config(config)
        .set_connection_config(connection)
        .set_performance_config(performance)
        .set_policy(ReconnectPolicy::new_constant(1, 100))
        .build_pool(size)
        .map_err(|error| describe(&error))?;
    match tokio::time::timeout(CONNECT + CONNECT, pool.init()).await {
        Ok(Ok(_)) => Ok(pool),
        Ok(Err(error)) => Err(describe(&error)),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

async fn sweep(pool: &Pool, pattern: &str) -> Result<u64, fred::error::Error> {
    let client = pool.next();
    let mut removed = 0;
    if client.is_clustered() {
        let mut pages = Box::pin(client.scan_cluster(pattern, Some(BATCH), None));
        while let Some(page) = pages.next().await {
            let mut page = page?;
            removed += unlink_by_slot(client, page.take_results().unwrap_or_default()).await?;
            page.next();
        }
        return Ok(removed);
    }
    let mut cursor = "0".to_owned();
    loop {
        let (next, keys): (String, Vec<Key>) = client.scan_page(cursor, pattern, Some(BATCH), None).await?;
        for batch in keys.chunks(BATCH as usize) {
            removed += client.unlink::<u64, _>(batch.to_vec()).await?;
        }
        if next == "0" {
            return Ok(removed);
        }
        cursor = next;
    }
}

/// A cluster refuses a command whose keys lie in several slots.
async fn unlink_by_slot(client: &Client, mut keys: Vec<Key>) -> Result<u64, fred::error::Error> {
    keys.sort_by_key(Key::cluster_hash);
    let slots: Vec<Vec<Key>> =
        keys.chunk_by(|one, other| one.cluster_hash() == other.cluster_hash()).map(<[Key]>::to_vec).collect();
    let removed = stream::iter(slots).map(|slot| client.unlink::<u64, _>(slot)).buffer_unordered(SLOTS_AT_ONCE);
    removed.try_fold(0, async |sum, removed| Ok(sum + removed)).await
}

fn describe(error: &fred::error::Error) -> String {
    use fred::error::ErrorKind;
    match error.kind() {
        ErrorKind::Auth => "it refused the password".to_owned(),
        ErrorKind::Timeout => "it did not answer in time".to_owned(),
        ErrorKind::Canceled => "the connection was lost".to_owned(),
        _ => error.details().to_owned(),
    }
}

/// An id as a part of a glob. Ids hold nothing that a glob would take amiss; this holds if that changes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_in_a_name_matches_only_itself() {
        assert_eq!(escape("acme_eu-1"), "acme_eu-1");
        assert_eq!(escape("a*b?[c]\\"), "a\\*b\\?\\[c\\]\\\\");
    }

    #[tokio::test]
    async fn no_cache_is_no_news() {
        let cache = Cache::new(None, 4);
        let outcome = cache.invalidate(&"acme".parse().unwrap()).await;
        assert_eq!(outcome, CacheOutcome::NotConfigured);
        assert_eq!(outcome.note(), None);
        assert!(cache.probe().await.is_none());
    }

    #[tokio::test]
    async fn a_wrong_address_is_a_remark_without_its_password() {
        for url in ["nonsense", "http://u:hunter2@h/0", "redis://:hunter2@127.0.0.1:1/0"] {
            let outcome = Cache::new(Some(url), 1).invalidate(&"acme".parse().unwrap()).await;
            assert!(matches!(outcome, CacheOutcome::Unavailable { .. }), "{outcome:?}");
            assert!(!outcome.note().unwrap().contains("hunter2"), "{outcome:?}");
        }
    }
}
