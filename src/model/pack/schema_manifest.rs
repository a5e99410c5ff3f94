//! The JSON schema of `pack.yaml`.

use serde_json::{Value, json};

use super::schema::{flag, list, map, object, text, word};

const AGE: &str = "The age after which something goes, as 90d.";

pub(super) fn manifest() -> Value {
    let name = json!({ "type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$", "description": "The pack's name." });
    let version = json!({ "type": "string", "pattern": "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$" });
    let versions = json!({ "type": "array", "items": version, "minItems": 1, "description": "Oldest first." });
    let cleanup_types = ["old_data", "temp_files", "cache", "logs", "backups", "analytics", "sessions"];
    object(
        &["name", "title", "versions"],
        [
            ("name", name),
            ("title", text("The name for people.")),
            ("description", text("What tenants of this kind are.")),
            ("versions", versions),
            ("quotas", map(quota())),
            ("tiers", map(tier())),
            ("permissions", map(text("What the permission allows; permissions are named noun:verb."))),
            ("roles", map(role())),
            ("admin", admin()),
            ("settings", anything()),
            ("integrations", map(integration())),
            ("cache_keys", list(text("A pattern of keys in Redis that begins with tenant:{tenant}:"))),
            ("files", text("The tenant's folder below the storage root, with {tenant}.")),
            ("cleanup", object(&[], cleanup_types.map(|name| (name, cleanup())))),
        ],
    )
}

fn anything() -> Value {
    json!({ "type": "object" })
}

fn quota() -> Value {
    object(
        &["title"],
        [
            ("title", text("The name for people.")),
            ("table", text("The table whose rows are counted.")),
            ("column", text("The timestamp that says in which period a row falls.")),
            ("per", word(&["minute", "hour", "day", "month"], "The period after which counting starts again.")),
        ],
    )
}

fn tier() -> Value {
    let limit = json!({ "type": ["integer", "string"], "description": "A number, or unlimited." });
    let password = object(
        &["min_length"],
        [
            ("min_length", json!({ "type": "integer", "minimum": 1 })),
            ("digit", flag("At least one digit.")),
            ("upper_case", flag("At least one upper-case letter.")),
            ("lower_case", flag("At least one lower-case letter.")),
            ("special", flag("At least one character that is neither letter nor digit.")),
        ],
    );
    let policy = object(
        &["password", "mfa_required", "audit_logging", "backup_retention_days"],
        [
            ("password", password),
            ("mfa_required", flag("Whether a second factor is required.")),
            ("audit_logging", flag("Whether the application logs who did what.")),
            ("backup_retention_days", json!({ "type": "integer", "minimum": 0 })),
            ("integrations", list(text("An integration that is on from the start."))),
        ],
    );
    let title = text("The name for people.");
    object(&["title", "quotas", "policy"], [("title", title), ("quotas", map(limit)), ("policy", policy)])
}

fn role() -> Value {
    let permissions = list(text("A permission of the pack."));
    object(&["title", "permissions"], [("title", text("The name for people.")), ("permissions", permissions)])
}

fn admin() -> Value {
    object(
        &["table", "email"],
        [
            ("table", text("The table of people.")),
            ("email", text("The column that takes the address.")),
            ("values", map(text("{email} stands for the address, {name} for its part before the @."))),
        ],
    )
}

fn integration() -> Value {
    let credentials = list(text("The name of a credential, kept sealed."));
    object(
        &["title"],
        [("title", text("The name for people.")), ("settings", anything()), ("credentials", credentials)],
    )
}

fn cleanup() -> Value {
    let rows = object(
        &["table", "column"],
        [
            ("table", text("The table.")),
            ("column", text("The timestamp or date that tells a row's age.")),
            ("where", text("Which rows, in the rule language.")),
        ],
    );
    let archive = flag("Whether rows are written to an archive before they go.");
    object(&["keep"], [("keep", text(AGE)), ("rows", list(rows)), ("archive", archive)])
}
