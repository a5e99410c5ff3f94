//! `pack.yaml`: what a pack says about every tenant of its kind, whatever the version.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Version;

/// The content of `pack.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name by which a user chooses the pack: lower-case letters, digits and hyphens.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// What tenants of this kind are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Every version, oldest first. The first is the base; each other has a `migration.yaml`.
    pub versions: Vec<Version>,
    /// What can be counted and limited, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub quotas: IndexMap<String, Quota>,
    /// Service levels, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub tiers: IndexMap<String, Tier>,
    /// Permissions named `noun:verb`, with what each allows.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub permissions: IndexMap<String, String>,
    /// Roles, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub roles: IndexMap<String, Role>,
    /// How the first administrator of a tenant is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Admin>,
    /// Settings that a new tenant starts with.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub settings: IndexMap<String, serde_json::Value>,
    /// Services outside that a tenant can be connected to, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub integrations: IndexMap<String, Integration>,
    /// Patterns of the tenant's keys in Redis; `{tenant}` stands for its id.
    #[serde(default = "default_cache_keys")]
    pub cache_keys: Vec<String>,
    /// The tenant's folder below the storage root; `{tenant}` stands for its id.
    #[serde(default = "default_files")]
    pub files: String,
    /// What clean-up removes, by type.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub cleanup: IndexMap<CleanupType, CleanupPolicy>,
}

fn default_cache_keys() -> Vec<String> {
    vec!["tenant:{tenant}:*".to_owned()]
}

fn default_files() -> String {
    "tenants/{tenant}/".to_owned()
}

/// Something that a tier limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// The name for people.
    pub title: String,
    /// The table whose rows are counted; without it the application counts for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The timestamp that says in which period a row falls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The period after which counting starts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Period>,
}

/// A period of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A calendar day, UTC.
    Day,
    /// A calendar month, UTC.
    Month,
}

/// The most of something that a tier allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// No bound.
    Unlimited,
    /// At most this many.
    AtMost(u64),
}

impl Limit {
    /// Whether this many are allowed.
    pub fn allows(self, amount: u64) -> bool {
        match self {
            Self::Unlimited => true,
            Self::AtMost(most) => amount <= most,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::AtMost(most) => write!(f, "{most}"),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unlimited => serializer.serialize_str("unlimited"),
            Self::AtMost(most) => serializer.serialize_u64(*most),
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Limit;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a whole number or 'unlimited'")
            }

            fn visit_u64<E: serde::de::Error>(self, most: u64) -> Result<Limit, E> {
                Ok(Limit::AtMost(most))
            }

            fn visit_i64<E: serde::de::Error>(self, most: i64) -> Result<Limit, E> {
                u64::try_from(most).map(Limit::AtMost).map_err(|_| E::custom("a limit cannot be negative"))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Limit, E> {
                if text == "unlimited" {
                    return Ok(Limit::Unlimited);
                }
                text.parse().map(Limit::AtMost).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A service level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The name for people.
    pub title: String,
    /// The limit of each quota that the pack names.
    pub quotas: IndexMap<String, Limit>,
    /// What the tier requires of its users and grants to them.
    pub policy: Policy,
}

/// What a tier requires and grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What a password must be like.
    pub password: PasswordPolicy,
    /// Whether a second factor is required.
    pub mfa_required: bool,
    /// Whether the application logs who did what.
    pub audit_logging: bool,
    /// For how many days backups are kept.
    pub backup_retention_days: u32,
    /// Integrations that are on from the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<String>,
}

/// What a password must be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent requirement, named as in pack.yaml")]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub min_length: u32,
    /// At least one digit.
    #[serde(default)]
    pub digit: bool,
    /// At least one upper-case letter.
    #[serde(default)]
    pub upper_case: bool,
    /// At least one lower-case letter.
    #[serde(default)]
    pub lower_case: bool,
    /// At least one character that is neither letter nor digit.
    #[serde(default)]
    pub special: bool,
}

/// A role of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The name for people.
    pub title: String,
    /// The permissions it has.
    pub permissions: Vec<String>,
}

/// How the first administrator is made: which row, with which values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// The table of people.
    pub table: String,
    /// The column that takes the address given with `--admin-email`.
    pub email: String,
    /// Values of other columns; `{email}` stands for the address, `{name}` for its part before the `@`.
    /// Columns that a version does not have are left out.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub values: IndexMap<String, String>,
}

/// A service outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integration {
    /// The name for people.
    pub title: String,
    /// Settings in clear, with what a new tenant starts with.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub settings: IndexMap<String, serde_json::Value>,
    /// Names of the credentials it needs; their values are kept sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<String>,
}

/// Types of clean-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CleanupType {
    /// Finished records past their age.
    OldData,
    /// Files in the tenant's temporary folder.
    TempFiles,
    /// Cache keys without expiry.
    Cache,
    /// Log files.
    Logs,
    /// Backups past their retention.
    Backups,
    /// Events and metrics.
    Analytics,
    /// Sessions that ended.
    Sessions,
}

/// What one type of clean-up removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanupPolicy {
    /// The age after which something goes, as `90d`.
    pub keep: String,
    /// Which rows, for the types that are about rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<CleanupRows>,
    /// Whether rows are written to an archive before they go.
    #[serde(default = "yes")]
    pub archive: bool,
}

fn yes() -> bool {
    true
}

/// Rows of one table that a clean-up removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanupRows {
    /// The table. Versions that do not have it are left alone.
    pub table: String,
    /// The timestamp or date that tells a row's age.
    pub column: String,
    /// Which of them, in the rule language; all when absent.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}
