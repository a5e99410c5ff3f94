//! Tenants: their ids, states, and the namespaces in which their tables live.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A tenant's id: 3 to 50 of `[a-z0-9_-]`, starting with a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// Why a text is no tenant id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("'{shown}' is not a tenant id: {reason}")]
#[diagnostic(
    code(fixtool::tenant::id),
    help("a tenant id is 3 to 50 of a-z, 0-9, '_' and '-', and starts with a letter or a digit")
)]
pub struct InvalidTenantId {
    /// The text, shortened and with control characters escaped.
    pub shown: String,
    /// Which part of the rule it breaks.
    pub reason: String,
}

impl TenantId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenantId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: String| InvalidTenantId { shown: shorten(text), reason };
        let length = text.chars().count();
        if !(3..=50).contains(&length) {
            return Err(wrong(format!("it has {length} characters")));
        }
        if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '-')) {
            return Err(wrong(format!("it contains '{}'", bad.escape_default())));
        }
        if text.starts_with(['_', '-']) {
            return Err(wrong("it starts with neither a letter nor a digit".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    shown
}

impl TryFrom<String> for TenantId {
    type Error = InvalidTenantId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where one tenant's tables live: a schema on PostgreSQL, a file's stem on SQLite.
///
/// Any text may be a namespace (an adopted tenant keeps its own), so it is quoted wherever it
/// meets SQL and checked wherever it meets a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace(pub String);

impl Namespace {
    /// The namespace that fixtool makes for a tenant of its own.
    pub fn of(tenant: &TenantId) -> Self {
        Self(format!("tenant_{tenant}"))
    }

    /// The name as text, not quoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tenant's state in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// `tenant init` has begun and not ended.
    Creating,
    /// In use.
    Active,
    /// Reads only: fixtool refuses to write, and the login role has lost its rights.
    Suspended,
    /// `tenant drop` has begun and not ended.
    Dropping,
}

impl TenantStatus {
    /// The state as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Dropping => "dropping",
        }
    }
}

impl fmt::Display for TenantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// PostgreSQL 13 to 18.
    Postgres,
    /// SQLite, linked into fixtool.
    Sqlite,
}

impl Engine {
    /// The engine's name as people write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_rule_exactly() {
        for good in ["abc", "a-1", "0ab", "acme_eu-1", &"x".repeat(50)] {
            assert!(good.parse::<TenantId>().is_ok(), "{good}");
        }
        for bad in ["", "ab", "_abc", "-abc", "Abc", "a.b", "..", "a'b", "a\"b", "аcme", "a b", &"x".repeat(51)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
    }
}
