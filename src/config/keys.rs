//! Every setting: its name, what it may be, where it can be set, and what it is without.

use super::kind::Kind;

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Open,
    /// An address: all but its password.
    Address,
    /// Nothing.
    Secret,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name in `fixtool.toml`: table and key.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// The value without any configuration; empty for none.
    pub default: &'static str,
    /// Variables that are read besides its own `FIXTOOL_…`.
    pub also: &'static [&'static str],
    /// The flag that sets it.
    pub flag: Option<&'static str>,
    /// How much of it may be shown.
    pub secrecy: Secrecy,
    /// One sentence for the documentation.
    pub doc: &'static str,
}

impl Key {
    /// Its own variable: `FIXTOOL_` and its name in capitals.
    pub fn variable(&self) -> String {
        variable(self.name)
    }

    /// All variables that set it, the strongest first.
    pub fn variables(&self) -> Vec<String> {
        let mut names = vec![self.variable()];
        names.extend(self.also.iter().map(|name| (*name).to_owned()));
        names
    }

    const fn new(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Self {
        Self { name, kind, default, also: &[], flag: None, secrecy: Secrecy::Open, doc }
    }

    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    const fn flag(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    const fn secrecy(self, secrecy: Secrecy) -> Self {
        Self { secrecy, ..self }
    }
}

/// The variable of a setting of this name.
pub fn variable(name: &str) -> String {
    format!("FIXTOOL_{}", name.replace(['.', '-'], "_").to_uppercase())
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Every setting outside `[databases.<name>]`, in the order of the documentation.
pub const KEYS: &[Key] = &[
    Key::new("database.url", Kind::Database, "sqlite:./.fixtool", "The main database; it holds the catalog.")
        .also(&["DATABASE_URL"])
        .flag("--database-url")
        .secrecy(Secrecy::Address),
    Key::new(
        "database.password_file",
        Kind::Path,
        "",
        "File with the password of the main database, in its first line.",
    ),
    Key::new("database.pool_size", Kind::Count(1, 512), "8", "Most connections to one database at once.")
        .also(&["DATABASE_POOL_SIZE"]),
    Key::new("database.connect_timeout", Kind::Span, "10s", "How long to wait for a connection."),
    Key::new(
        "database.lock_timeout",
        Kind::Span,
        "2s",
        "How long a statement waits for a lock before it is tried again.",
    ),
    Key::new(
        "redis.url",
        Kind::Redis,
        "",
        "Redis whose keys are kept in step with the tenants; without it nothing is cached.",
    )
    .also(&["REDIS_URL"])
    .flag("--redis-url")
    .secrecy(Secrecy::Address),
    Key::new("redis.pool_size", Kind::Count(1, 128), "4", "Most connections to Redis.").also(&["REDIS_POOL_SIZE"]),
    Key::new(
        "paths.state",
        Kind::Path,
        "./.fixtool",
        "Directory for rejects files and the identity that opens credentials.",
    ),
    Key::new(
        "paths.storage",
        Kind::Path,
        "./.fixtool/storage",
        "Directory of the tenants' files: `<storage>/tenants/<id>/`.",
    ),
    Key::new("paths.packs", Kind::Path, "./packs", "Directory of packs of your own, beside the built-in one."),
    Key::new(
        "sealing.identity_file",
        Kind::Path,
        "./.fixtool/identity.age",
        "File with the age identity that opens sealed credentials.",
    ),
    Key::new(
        "sealing.recipients",
        Kind::List,
        "",
        "Who may open what is sealed, as `age1…`, in place of the identity file.",
    ),
    Key::new("sealing.passphrase", Kind::Text, "", "Passphrase that seals and opens credentials, in place of both.")
        .secrecy(Secrecy::Secret),
    Key::new(
        "backup.path",
        Kind::List,
        "./.fixtool/backups",
        "Directories and buckets (`s3://bucket/prefix`) of backups; the first that works is used.",
    )
    .also(&["BACKUP_STORAGE_PATH"]),
    Key::new(
        "backup.recipients",
        Kind::List,
        "",
        "Who may open backups: `age1…`, `ssh-ed25519 …`, or files of such public keys.",
    ),
    Key::new("backup.identities", Kind::List, "", "Files with the keys that open backups on this machine."),
    Key::new("backup.s3_endpoint", Kind::Text, "", "Address of an S3-compatible server; without it, Amazon's own.")
        .also(&["AWS_ENDPOINT_URL"]),
    Key::new("backup.s3_region", Kind::Text, "", "Region of the buckets.").also(&["AWS_REGION"]),
    Key::new("backup.s3_access_key_id", Kind::Text, "", "Public half of the credentials for buckets.")
        .also(&["AWS_ACCESS_KEY_ID"])
        .secrecy(Secrecy::Secret),
    Key::new("backup.s3_secret_access_key", Kind::Text, "", "Secret half of the credentials for buckets.")
        .also(&["AWS_SECRET_ACCESS_KEY"])
        .secrecy(Secrecy::Secret),
    Key::new("backup.s3_session_token", Kind::Text, "", "Token of temporary credentials for buckets.")
        .also(&["AWS_SESSION_TOKEN"])
        .secrecy(Secrecy::Secret),
    Key::new(
        "backup.encryption_key",
        Kind::Text,
        "",
        "Passphrase that seals and opens backups, in place of recipients.",
    )
    .also(&["BACKUP_ENCRYPTION_KEY"])
    .secrecy(Secrecy::Secret),
    Key::new(
        "backup.old_encryption_key",
        Kind::Text,
        "",
        "The passphrase before: it opens what was sealed with it, so that `backup key rotate` can replace it.",
    )
    .also(&["BACKUP_OLD_ENCRYPTION_KEY"])
    .secrecy(Secrecy::Secret),
    Key::new("backup.retention_days", Kind::Count(1, 36_500), "30", "Days that a backup is kept.")
        .also(&["BACKUP_RETENTION_DAYS"]),
    Key::new("monitoring.interval", Kind::Span, "1m", "Time between two checks.")
        .also(&["MONITORING_INTERVAL_SECONDS"]),
    Key::new("alerts.email", Kind::List, "", "Who gets alerts by e-mail.").also(&["ALERT_EMAIL_RECIPIENTS"]),
    Key::new("alerts.slack_webhook_url", Kind::Https, "", "Slack webhook that gets alerts.")
        .also(&["SLACK_WEBHOOK_URL"])
        .secrecy(Secrecy::Secret),
    Key::new("fleet.concurrency", Kind::Count(1, 256), "4", "How many tenants one command works on at once.")
        .flag("--concurrency"),
    Key::new("output.format", Kind::Word(&["table", "json", "ndjson"]), "table", "Form of results.").flag("--output"),
    Key::new("output.progress", Kind::Word(&["auto", "bar", "plain", "none"]), "auto", "Form of progress.")
        .flag("--progress"),
    Key::new("output.color", Kind::Word(&["auto", "always", "never"]), "auto", "Colour.").flag("--color"),
    Key::new(
        "log.level",
        Kind::Word(&["off", "error", "warn", "info", "debug", "trace"]),
        "warn",
        "How much is logged.",
    )
    .flag("--verbose"),
    Key::new("log.format", Kind::Word(&["text", "json"]), "text", "Form of log lines.").flag("--log-format"),
    Key::new("log.file", Kind::Path, "", "File for the log; without it, standard error.").flag("--log-file"),
];

/// The keys of each `[databases.<name>]`; the names are relative to it.
pub const PLACEMENT_KEYS: &[Key] = &[
    Key::new("url", Kind::Database, "", "A further database on which tenants may live.").secrecy(Secrecy::Address),
    Key::new("password_file", Kind::Path, "", "File with its password."),
    Key::new("pool_size", Kind::Count(1, 512), "8", "Most connections to it."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_accepted_by_their_own_kind() {
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            assert_eq!(key.kind.normalise(key.default).as_deref(), Ok(key.default), "{}", key.name);
        }
    }

    #[test]
    fn no_two_settings_share_a_variable() {
        let mut names: Vec<String> = KEYS.iter().flat_map(Key::variables).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
