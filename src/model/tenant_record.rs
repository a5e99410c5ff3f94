//! A tenant as the registry knows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Namespace, TenantId, TenantStatus};

/// One row of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// The name a user types.
    pub id: TenantId,
    /// Where its tables live; an adopted tenant keeps its own name.
    pub namespace: Namespace,
    /// The database server it lives on, by its name in the configuration; [`MAIN_PLACEMENT`] for the main one.
    pub placement: String,
    /// The pack that it was made from.
    pub pack: String,
    /// The version of the pack that its structure has now.
    pub version: String,
    /// The tier, as the pack names it.
    pub tier: String,
    /// Its state.
    pub status: TenantStatus,
    /// Free words to select it by.
    pub labels: BTreeMap<String, String>,
    /// The first administrator.
    pub admin_email: Option<String>,
    /// It existed before fixtool took it over.
    pub adopted: bool,
    /// Structural fingerprint of its model, lower-case hex.
    pub fingerprint: String,
    /// Quotas of its tier by name. `null` means unlimited.
    pub quotas: BTreeMap<String, Option<u64>>,
    /// Settings of its integrations, in clear; their secrets are sealed credentials.
    pub integrations: serde_json::Value,
    /// When it was registered, RFC 3339 in UTC with microseconds.
    pub created_at: String,
    /// When its row last changed, likewise.
    pub updated_at: String,
}

/// The name of the placement that holds the catalog too.
pub const MAIN_PLACEMENT: &str = "main";

impl TenantRecord {
    /// The quota of this name: `None` when it is unlimited or the tier does not speak of it.
    pub fn quota(&self, name: &str) -> Option<u64> {
        self.quotas.get(name).copied().flatten()
    }
}
