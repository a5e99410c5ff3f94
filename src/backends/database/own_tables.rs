//! fixtool's own tables inside each tenant's namespace.
//!
//! They lie beside the tenant's rows so that a checkpoint, an undo record and the rows they speak
//! of are one transaction, and so that roles and settings travel with the tenant.

use super::postgres::own;
use super::quote::{identifier, qualified};
use crate::model::{Engine, Namespace};

/// What the names of fixtool's own tables begin with.
pub const PREFIX: &str = "_fixtool_";

/// Whether a table is one of fixtool's own.
pub fn is_own(table: &str) -> bool {
    table.to_ascii_lowercase().starts_with(PREFIX)
}

/// Their names.
pub const NAMES: [&str; 5] =
    ["_fixtool_checkpoint", "_fixtool_undo", "_fixtool_role", "_fixtool_permission", "_fixtool_setting"];

/// Whether one of them is for fixtool's eyes only; the others may be read by the application.
pub fn is_internal(table: &str) -> bool {
    matches!(table, "_fixtool_checkpoint" | "_fixtool_undo")
}

/// Statements that make the tables, and do nothing where they exist.
///
/// - `_fixtool_checkpoint`: how far each step of each run came.
/// - `_fixtool_undo`: what a load inserted, and how the rows were that it changed.
/// - `_fixtool_role`, `_fixtool_permission`: the pack's roles, and what each may do.
/// - `_fixtool_setting`: the tenant's configuration, without anything secret.
pub fn create(engine: Engine, namespace: &Namespace) -> Vec<String> {
    let table = |name: &str| match engine {
        Engine::Postgres => qualified(namespace, name),
        Engine::Sqlite => identifier(name),
    };
    let (timestamp, sequence) = match engine {
        Engine::Postgres => ("timestamptz", "bigint GENERATED ALWAYS AS IDENTITY"),
        Engine::Sqlite => ("text", "integer PRIMARY KEY AUTOINCREMENT"),
    };
    let undo = table("_fixtool_undo");
    let mut statements = vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {} (run text NOT NULL, step bigint NOT NULL, position bigint NOT NULL, \
             finished boolean NOT NULL, state text NOT NULL, updated_at {timestamp} NOT NULL, PRIMARY KEY (run, step))",
            table("_fixtool_checkpoint")
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {undo} (seq {sequence}, run text NOT NULL, step bigint NOT NULL, \
             kind text NOT NULL, key text NOT NULL, before text, mark text)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, description text NOT NULL DEFAULT '')",
            table("_fixtool_role")
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (role text NOT NULL REFERENCES {} (name) ON DELETE CASCADE \
             ON UPDATE CASCADE, permission text NOT NULL, PRIMARY KEY (role, permission))",
            table("_fixtool_permission"),
            table("_fixtool_role")
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, value text NOT NULL, \
             updated_at {timestamp} NOT NULL)",
            table("_fixtool_setting")
        ),
    ];
    statements.extend(match engine {
        // A key may be longer than an entry of a B-tree, so it is hashed.
        Engine::Postgres => vec![
            format!("CREATE INDEX IF NOT EXISTS \"_fixtool_undo_step_idx\" ON {undo} (run, step)"),
            format!("CREATE INDEX IF NOT EXISTS \"_fixtool_undo_key_idx\" ON {undo} USING hash (key)"),
        ],
        Engine::Sqlite => {
            vec![format!("CREATE INDEX IF NOT EXISTS \"_fixtool_undo_key_idx\" ON {undo} (run, step, key)")]
        }
    });
    statements
}

/// Statements that fail unless these tables are what [`create`] makes, for where they may have been there before; they come
/// right behind its own.
pub fn prove(engine: Engine, namespace: &Namespace) -> Vec<String> {
    match engine {
        Engine::Postgres => own::prove(namespace),
        // A trigger of SQLite runs nothing but statements on this very file.
        Engine::Sqlite => Vec::new(),
    }
}
