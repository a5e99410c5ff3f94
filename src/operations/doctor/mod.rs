//! `fixtool doctor`: tries everything that a later command would need, and names the cure of what
//! fails. It reads only; nothing is made, not even a directory.

mod backups;
mod catalog;
mod local;
mod observe;
mod server;

use serde::Serialize;

use crate::backends::site::{SiteError, SiteOptions};
use crate::engine::Query;

/// Every check: its name and what it looks at.
pub const CHECKS: &[(&str, &str)] = &[
    ("config.problems", "settings that are odd without being wrong: overridden mistakes, unknown variables"),
    ("config.files", "configuration files with a password that other users can read"),
    ("database.reachable", "each configured database answers"),
    ("database.version", "its version is one that fixtool is tested with"),
    ("database.tls", "the connection is encrypted, or local"),
    ("database.read_only", "a session for reading cannot write"),
    ("database.rights", "the user may make schemas and roles"),
    ("database.pooler", "whether a pooler in transaction mode stands between"),
    ("database.locks", "room in the lock table for tenants with many tables"),
    ("database.clock", "the server's clock and this machine's agree"),
    ("catalog.present", "the catalog is there and its migrations are the ones that this version knows"),
    ("catalog.ledger", "the audit trail is whole"),
    ("catalog.leases", "no lease of a process that died is left"),
    ("catalog.runs", "no run was left in the middle"),
    ("catalog.tenants", "no tenant is half made or half dropped"),
    ("cache.reachable", "Redis answers, if one is configured"),
    ("state.directory", "the directory for state can be written and is private"),
    ("state.disk", "there is room on its disk"),
    ("sealing.identity", "the key that opens sealed credentials is there, private, and works"),
    ("backups.key", "backups are sealed, and those who can open them are named as they should be"),
    ("packs.valid", "every pack can be read"),
];

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Good,
    /// There was nothing to look at, or no right to.
    Skipped,
    /// It works, and could be better.
    Warning,
    /// Commands will fail over this.
    Failed,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// Which of several: the name of a database, of a pack, of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How it went.
    pub health: Health,
    /// What was seen.
    pub detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

impl Finding {
    /// As it should be.
    fn good(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, subject: None, health: Health::Good, detail: detail.into(), cure: None }
    }

    /// Nothing to look at.
    fn skipped(check: &'static str, detail: impl Into<String>) -> Self {
        Self { health: Health::Skipped, ..Self::good(check, detail) }
    }

    /// Could be better.
    fn warning(check: &'static str, detail: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { health: Health::Warning, cure: Some(cure.into()), ..Self::good(check, detail) }
    }

    /// Must be mended.
    fn failed(check: &'static str, detail: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { health: Health::Failed, ..Self::warning(check, detail, cure) }
    }

    /// About this one of several.
    fn about(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// The gravest of all.
    pub health: Health,
    /// This program's version.
    pub version: &'static str,
    /// Every check, in order.
    pub checks: Vec<Finding>,
}

/// The check-up.
#[derive(Debug, Clone, Default)]
pub struct Doctor {
    /// What is odd about the configuration.
    pub problems: Vec<String>,
    /// Configuration files, and whether they hold a password.
    pub files: Vec<(std::path::PathBuf, bool)>,
}

impl Query for Doctor {
    const NAME: &'static str = "doctor";
    type Reader = SiteOptions;
    type View = View;
    type Error = SiteError;

    async fn observe(&self, site: &SiteOptions) -> Result<View, SiteError> {
        Ok(observe::observe(self, site).await)
    }
}
