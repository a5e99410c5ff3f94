//! Whether `pack.yaml` makes sense beside the models of its versions.

use super::Release;
use super::manifest::{CleanupType, Manifest};
use super::source::{Document, Flaw};
use crate::model::{LogicalType, Table};

pub(super) fn check(manifest: &Manifest, releases: &[Release], document: &Document, flaws: &mut Vec<Flaw>) {
    let mut add = |path: &[&str], message: String| flaws.push(document.flaw(path, message));
    if !is_name(&manifest.name) {
        add(&["name"], "a pack's name is 1 to 63 of a-z, 0-9 and '-', and begins with a letter".to_owned());
    }
    check_tiers(manifest, &mut add);
    check_roles(manifest, &mut add);
    check_quotas(manifest, releases, &mut add);
    check_admin(manifest, releases, &mut add);
    check_cleanup(manifest, releases, &mut add);
    for (at, pattern) in manifest.cache_keys.iter().enumerate() {
        if !pattern.starts_with("tenant:{tenant}:") {
            let message = "a tenant's keys begin with 'tenant:{tenant}:', so that no other tenant's are met";
            add(&["cache_keys", &at.to_string()], message.to_owned());
        }
    }
    let folder = &manifest.files;
    let climbs = folder.split('/').any(|part| part == "..") || folder.starts_with('/') || folder.contains('\\');
    if !folder.contains("{tenant}") || climbs {
        add(&["files"], "the folder lies below the storage root and its path contains {tenant}".to_owned());
    }
}

type Add<'a> = dyn FnMut(&[&str], String) + 'a;

/// Whether a pack may have this name: 1 to 63 of `a-z`, `0-9` and `-`, beginning with a letter.
pub fn is_name(text: &str) -> bool {
    let allowed = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (1..=63).contains(&text.len()) && allowed && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn check_tiers(manifest: &Manifest, add: &mut Add<'_>) {
    for (name, tier) in &manifest.tiers {
        for quota in tier.quotas.keys().filter(|quota| !manifest.quotas.contains_key(*quota)) {
            add(&["tiers", name, "quotas", quota], format!("there is no quota '{quota}'"));
        }
        for quota in manifest.quotas.keys().filter(|quota| !tier.quotas.contains_key(*quota)) {
            add(&["tiers", name, "quotas"], format!("the tier does not say its limit of '{quota}'"));
        }
        for (at, integration) in tier.policy.integrations.iter().enumerate() {
            if !manifest.integrations.contains_key(integration) {
                let path = ["tiers", name, "policy", "integrations", &at.to_string()];
                add(&path, format!("there is no integration '{integration}'"));
            }
        }
        if !(1..=1024).contains(&tier.policy.password.min_length) {
            let path = ["tiers", name, "policy", "password", "min_length"];
            add(&path, "a password has at least 1 and at most 1024 characters".to_owned());
        }
    }
}

fn check_roles(manifest: &Manifest, add: &mut Add<'_>) {
    for permission in manifest.permissions.keys() {
        let parts: Vec<&str> = permission.split(':').collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if parts.len() != 2 || !parts.iter().all(word) {
            add(&["permissions", permission], "a permission is named noun:verb".to_owned());
        }
    }
    for (name, role) in &manifest.roles {
        for (at, permission) in role.permissions.iter().enumerate() {
            if !manifest.permissions.contains_key(permission) {
                let path = ["roles", name, "permissions", &at.to_string()];
                add(&path, format!("there is no permission '{permission}'"));
            }
        }
    }
}

/// The table of this name in the newest version that has it.
fn table_of<'r>(releases: &'r [Release], name: &str) -> Option<&'r Table> {
    releases.iter().rev().find_map(|release| release.model.tables.get(name))
}

fn check_quotas(manifest: &Manifest, releases: &[Release], add: &mut Add<'_>) {
    for (name, quota) in &manifest.quotas {
        let Some(table) = &quota.table else {
            if quota.column.is_some() {
                add(&["quotas", name, "column"], "'column' says nothing without 'table'".to_owned());
            }
            continue;
        };
        let Some(definition) = table_of(releases, table) else {
            add(&["quotas", name, "table"], format!("no version has a table '{table}'"));
            continue;
        };
        match (&quota.column, quota.per) {
            (Some(column), _) => check_moment(definition, &["quotas", name, "column"], column, add),
            (None, Some(_)) => add(&["quotas", name, "per"], "'per' needs 'column': when a row counts".to_owned()),
            (None, None) => {}
        }
    }
}

fn check_moment(table: &Table, path: &[&str], column: &str, add: &mut Add<'_>) {
    match table.columns.get(column).map(|c| &c.logical) {
        Some(LogicalType::Timestamp | LogicalType::Date) => {}
        Some(other) => add(path, format!("'{column}' is of type {other}, but must be timestamp or date")),
        None => add(path, format!("there is no column '{column}'")),
    }
}

fn check_admin(manifest: &Manifest, releases: &[Release], add: &mut Add<'_>) {
    let Some(admin) = &manifest.admin else { return };
    for release in releases {
        let Some(table) = release.model.tables.get(&admin.table) else {
            add(&["admin", "table"], format!("{} has no table '{}'", release.version, admin.table));
            continue;
        };
        if !table.columns.contains_key(&admin.email) {
            add(&["admin", "email"], format!("{} has no column '{}.{}'", release.version, admin.table, admin.email));
        }
        for (column, definition) in &table.columns {
            let given = *column == admin.email || admin.values.contains_key(column);
            if definition.required && definition.default.is_none() && !given {
                let message = format!("{} requires '{column}', which 'values' does not give", release.version);
                add(&["admin", "values"], message);
            }
        }
    }
    for column in admin.values.keys() {
        let known = |release: &Release| {
            release.model.tables.get(&admin.table).is_some_and(|table| table.columns.contains_key(column))
        };
        if !releases.iter().any(known) {
            add(&["admin", "values", column], format!("no version has a column '{}.{column}'", admin.table));
        }
    }
}

fn check_cleanup(manifest: &Manifest, releases: &[Release], add: &mut Add<'_>) {
    for (kind, policy) in &manifest.cleanup {
        let name = match kind {
            CleanupType::OldData => "old_data",
            CleanupType::TempFiles => "temp_files",
            CleanupType::Cache => "cache",
            CleanupType::Logs => "logs",
            CleanupType::Backups => "backups",
            CleanupType::Analytics => "analytics",
            CleanupType::Sessions => "sessions",
        };
        if let Err(error) = humantime::parse_duration(&policy.keep) {
            add(&["cleanup", name, "keep"], format!("not an age such as 90d: {error}"));
        }
        let about_rows = matches!(kind, CleanupType::OldData | CleanupType::Analytics | CleanupType::Sessions);
        if about_rows == policy.rows.is_empty() {
            let message = if about_rows { "say which rows" } else { "this type is not about rows" };
            add(&["cleanup", name, "rows"], message.to_owned());
        }
        for (at, rows) in policy.rows.iter().enumerate() {
            let path = ["cleanup", name, "rows", &at.to_string(), "table"];
            match table_of(releases, &rows.table) {
                None => add(&path, format!("no version has a table '{}'", rows.table)),
                Some(table) => {
                    check_moment(table, &["cleanup", name, "rows", &at.to_string(), "column"], &rows.column, add);
                }
            }
        }
    }
}
