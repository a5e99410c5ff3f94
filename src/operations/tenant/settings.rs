//! Roles, permissions and settings of a tenant: what its pack and its tier say, as rows of fixtool's own tables.

use serde_json::{Map, Value, json};

use crate::backends::database::ddl::Target;
use crate::backends::database::quote::literal;
use crate::model::Engine;
use crate::model::pack::{Manifest, Tier};

/// The integrations of a pack as the registry keeps them: settings in clear, and which are on.
pub fn integrations(manifest: &Manifest, tier: &Tier) -> Value {
    let mut all = Map::new();
    for (name, integration) in &manifest.integrations {
        let enabled = tier.policy.integrations.contains(name);
        all.insert(name.clone(), json!({ "enabled": enabled, "settings": integration.settings }));
    }
    Value::Object(all)
}

/// The tenant's configuration, setting by setting: what is stored beside its tables and told to listeners.
pub fn configuration(manifest: &Manifest, tier_name: &str, tier: &Tier) -> Map<String, Value> {
    let mut all: Map<String, Value> = manifest.settings.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    all.insert("tier".to_owned(), json!(tier_name));
    all.insert("quotas".to_owned(), json!(tier.quotas));
    all.insert("policy".to_owned(), json!(tier.policy));
    all.insert("integrations".to_owned(), integrations(manifest, tier));
    all
}

/// The settings that follow from a tier alone.
pub fn of_tier(manifest: &Manifest, tier_name: &str, tier: &Tier) -> Map<String, Value> {
    let mut settings = configuration(manifest, tier_name, tier);
    settings.retain(|key, _| matches!(key.as_str(), "tier" | "quotas" | "policy"));
    settings
}

/// Statements that write the roles of a pack and what each may do.
pub fn write_roles(target: Target<'_>, manifest: &Manifest) -> Vec<String> {
    let (roles, permissions) = (target.table("_fixtool_role"), target.table("_fixtool_permission"));
    let mut statements = Vec::new();
    for (name, role) in &manifest.roles {
        let (name, title) = (literal(name), literal(&role.title));
        statements.push(format!(
            "INSERT INTO {roles} (name, description) VALUES ({name}, {title}) \
             ON CONFLICT (name) DO UPDATE SET description = excluded.description"
        ));
        for permission in &role.permissions {
            statements.push(format!(
                "INSERT INTO {permissions} (role, permission) VALUES ({name}, {}) ON CONFLICT DO NOTHING",
                literal(permission)
            ));
        }
    }
    statements
}

/// Statements that write settings; a setting that exists takes the new value.
pub fn write_settings(target: Target<'_>, settings: &Map<String, Value>) -> Vec<String> {
    let table = target.table("_fixtool_setting");
    let now = match target.engine {
        Engine::Postgres => "now()",
        Engine::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    };
    let write = |(name, value): (&String, &Value)| {
        format!(
            "INSERT INTO {table} (name, value, updated_at) VALUES ({}, {}, {now}) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            literal(name),
            literal(&value.to_string())
        )
    };
    settings.iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Namespace;
    use crate::model::pack::builtin;

    #[test]
    fn what_the_pack_says_becomes_rows() {
        let pack = builtin::pack(builtin::DEFAULT).unwrap().unwrap();
        let tier = &pack.manifest.tiers["starter"];
        let all = configuration(&pack.manifest, "starter", tier);
        assert_eq!(all["tier"], "starter");
        assert_eq!(all["integrations"]["spotify"]["enabled"], true);
        assert_eq!(all["integrations"]["slack"]["enabled"], false);
        let namespace = Namespace("tenant_a".into());
        let target = Target { engine: Engine::Postgres, namespace: &namespace };
        let roles = write_roles(target, &pack.manifest);
        assert!(roles[0].contains("\"tenant_a\".\"_fixtool_role\"") && roles[0].contains("'Owner'"), "{}", roles[0]);
        assert!(write_settings(target, &all).iter().any(|s| s.contains("'time_zone', '\"UTC\"'")));
    }
}
