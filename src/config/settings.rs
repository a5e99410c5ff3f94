//! The final settings: every value is there, in its own type.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::{Overrides, Resolved, resolve};
use super::passwords::{self, Login};
use super::{ConfigError, Environment, Secret};

/// Everything that was settled beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The main database, which holds the catalog.
    pub database: Placement,
    /// Further databases by name.
    pub databases: BTreeMap<String, Placement>,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// Redis; an empty address when there is none.
    pub redis: Redis,
    /// Directories.
    pub paths: Paths,
    /// With which keys credentials are sealed.
    pub sealing: Sealing,
    /// Backups.
    pub backup: Backup,
    /// Monitoring and alerts.
    pub monitoring: Monitoring,
    /// How many tenants one command works on at once.
    pub concurrency: u32,
    /// How results, progress and logs are shown.
    pub output: Output,
}

/// One database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Its address; may hold a password.
    pub url: Secret,
    /// The password from a file or from the environment; empty for none.
    pub password: Secret,
    /// Most connections to it.
    pub pool_size: u32,
}

/// Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// Its address; empty for none.
    pub url: Secret,
    /// Most connections to it.
    pub pool_size: u32,
}

/// Directories and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Rejects files and other state.
    pub state: PathBuf,
    /// The tenants' files.
    pub storage: PathBuf,
    /// Packs of one's own.
    pub packs: PathBuf,
}

/// With which keys credentials are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    /// The age identity that opens sealed credentials.
    pub identity: PathBuf,
    /// Who may open what is sealed, in place of the identity; empty for the identity alone.
    pub recipients: Vec<String>,
    /// A passphrase, in place of both; empty for none.
    pub passphrase: Secret,
}

/// Backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where they go: directories and buckets.
    pub locations: Vec<String>,
    /// Who may open them: public keys, or files of them.
    pub recipients: Vec<String>,
    /// Files with the keys that open them.
    pub identities: Vec<PathBuf>,
    /// The address of an S3-compatible server; empty for Amazon's own.
    pub s3_endpoint: String,
    /// The region of buckets.
    pub s3_region: String,
    /// The credentials for buckets: public half, secret half, token.
    pub s3_credentials: [Secret; 3],
    /// What seals them; empty for none.
    pub encryption_key: Secret,
    /// What sealed them before; empty for none.
    pub old_encryption_key: Secret,
    /// Days that they are kept.
    pub retention_days: u32,
}

/// Monitoring and alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// Time between two checks.
    pub interval: Duration,
    /// Who gets alerts by e-mail.
    pub email: Vec<String>,
    /// The Slack webhook; empty for none.
    pub slack_webhook_url: Secret,
}

/// How results, progress and logs are shown, in the words of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// `table`, `json` or `ndjson`.
    pub format: String,
    /// `auto`, `bar`, `plain` or `none`.
    pub progress: String,
    /// `auto`, `always` or `never`.
    pub color: String,
    /// `off` to `trace`.
    pub log_level: String,
    /// `text` or `json`.
    pub log_format: String,
    /// The log's file; empty for standard error.
    pub log_file: PathBuf,
}

impl Settings {
    /// Reads all layers and settles every value.
    pub fn load(environment: &Environment, overrides: &Overrides) -> Result<(Self, Resolved), ConfigError> {
        let mut resolved = resolve(environment, overrides)?;
        let settings = Self::of(&mut resolved, environment)?;
        Ok((settings, resolved))
    }

    /// Without files and variables, for the commands that help to mend a broken configuration.
    pub fn defaults(environment: &Environment) -> Result<(Self, Resolved), ConfigError> {
        let mut resolved = super::layers::defaults()?;
        Ok((Self::of(&mut resolved, environment)?, resolved))
    }

    fn of(resolved: &mut Resolved, environment: &Environment) -> Result<Self, ConfigError> {
        let database = placement(resolved, environment, "database")?;
        let names: Vec<String> = resolved
            .values
            .iter()
            .filter_map(|v| v.name.strip_prefix("databases.")?.strip_suffix(".url"))
            .map(str::to_owned)
            .collect();
        let mut databases = BTreeMap::new();
        for name in names {
            databases.insert(name.clone(), placement(resolved, environment, &format!("databases.{name}"))?);
        }
        let path = |name: &str| PathBuf::from(resolved.value(name));
        let text = |name: &str| resolved.value(name).to_owned();
        Ok(Self {
            database,
            databases,
            connect_timeout: span(resolved, "database.connect_timeout"),
            lock_timeout: span(resolved, "database.lock_timeout"),
            redis: Redis { url: Secret::new(text("redis.url")), pool_size: count(resolved, "redis.pool_size") },
            paths: Paths { state: path("paths.state"), storage: path("paths.storage"), packs: path("paths.packs") },
            sealing: Sealing {
                identity: path("sealing.identity_file"),
                recipients: list(resolved, "sealing.recipients"),
                passphrase: Secret::new(text("sealing.passphrase")),
            },
            backup: Backup {
                locations: list(resolved, "backup.path"),
                recipients: list(resolved, "backup.recipients"),
                identities: list(resolved, "backup.identities").into_iter().map(PathBuf::from).collect(),
                s3_endpoint: text("backup.s3_endpoint"),
                s3_region: text("backup.s3_region"),
                s3_credentials: ["access_key_id", "secret_access_key", "session_token"]
                    .map(|name| Secret::new(text(&format!("backup.s3_{name}")))),
                encryption_key: Secret::new(text("backup.encryption_key")),
                old_encryption_key: Secret::new(text("backup.old_encryption_key")),
                retention_days: count(resolved, "backup.retention_days"),
            },
            monitoring: Monitoring {
                interval: span(resolved, "monitoring.interval"),
                email: list(resolved, "alerts.email"),
                slack_webhook_url: Secret::new(text("alerts.slack_webhook_url")),
            },
            concurrency: count(resolved, "fleet.concurrency"),
            output: Output {
                format: text("output.format"),
                progress: text("output.progress"),
                color: text("output.color"),
                log_level: text("log.level"),
                log_format: text("log.format"),
                log_file: path("log.file"),
            },
        })
    }
}

fn placement(resolved: &mut Resolved, environment: &Environment, table: &str) -> Result<Placement, ConfigError> {
    let url = resolved.value(&format!("{table}.url")).to_owned();
    if url.is_empty() {
        return Err(ConfigError::Value {
            place: "the configuration".to_owned(),
            name: format!("{table}.url"),
            reason: "it is missing".to_owned(),
            help: format!("add 'url' to [{table}]"),
        });
    }
    let file = resolved.value(&format!("{table}.password_file")).to_owned();
    let password = if file.is_empty() {
        match Login::of(&url, environment).map(|login| passwords::of_postgres(&login, environment)) {
            Some(Ok(Some((password, _)))) => password,
            Some(Err(problem)) => {
                resolved.problems.push(problem);
                Secret::default()
            }
            _ => Secret::default(),
        }
    } else {
        Secret::new(passwords::first_line(&environment.directory.join(&file))?)
    };
    Ok(Placement { url: Secret::new(url), password, pool_size: count(resolved, &format!("{table}.pool_size")) })
}

// Values were checked by their kind when the layers were put together, so the fallbacks below are
// never reached; a test reads every default through them.
fn count(resolved: &Resolved, name: &str) -> u32 {
    resolved.value(name).parse().unwrap_or(1)
}

fn list(resolved: &Resolved, name: &str) -> Vec<String> {
    resolved.value(name).split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn span(resolved: &Resolved, name: &str) -> Duration {
    super::kind::span(resolved.value(name)).unwrap_or(Duration::from_secs(1))
}
