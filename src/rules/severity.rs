//! How much a broken rule matters.

use serde::{Deserialize, Serialize};

/// How much a broken rule matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A small defect.
    Low,
    /// A defect; `warn` in rule files.
    Medium,
    /// Wrong data; `error` in rule files, and the default.
    High,
    /// Wrong and dangerous.
    Critical,
}

impl Severity {
    /// Whether a record that breaks the rule is not loaded.
    pub fn rejects(self) -> bool {
        self >= Self::High
    }

    /// The severity by one of its names in rule files.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "info" => Some(Self::Info),
            "low" => Some(Self::Low),
            "medium" | "warn" | "warning" => Some(Self::Medium),
            "high" | "error" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }
}
