//! Taking a load back: rows that it inserted are removed, rows that it changed become what they
//! were.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::error::translate;
use super::checkpoint::{self, Place};
use super::merge::UNIQUE;
use super::merge::{before_image, restored};
use super::moves;
use super::prints;
use super::probes::{key_text, matching};
use crate::backends::database::DatabaseError;
use crate::backends::database::DatabaseErrorKind;
use crate::backends::database::load::{MissingSpec, UnloadSpec, Unloaded};
use crate::backends::database::quote::{identifier, list, literal};
use crate::model::{Engine, Table};

/// Takes back one step of a run, in the transaction of the caller.
pub async fn unload(connection: &mut SqliteConnection, spec: &UnloadSpec) -> Result<Option<Unloaded>, DatabaseError> {
    let place = Place { namespace: &spec.namespace, run: &spec.run, step: spec.step };
    let Some(checkpoint) = checkpoint::read(connection, &place).await? else {
        return taken_back(connection, &place).await;
    };
    let unloaded = if checkpoint.state.get("road").and_then(serde_json::Value::as_str) == Some("bare") {
        let made = checkpoint.state.pointer("/counts/inserted").and_then(serde_json::Value::as_u64);
        bare(connection, spec, &place, made.unwrap_or_default()).await?
    } else {
        staged(connection, spec).await?
    };
    forget(connection, &place).await?;
    remember(connection, &place, &unloaded).await?;
    Ok(Some(unloaded))
}

async fn remember(
    connection: &mut SqliteConnection,
    place: &Place<'_>,
    unloaded: &Unloaded,
) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO _fixtool_undo (run, step, kind, key, before) VALUES (?1, ?2, 'undone', '', ?3)")
        .bind(place.run)
        .bind(i64::from(place.step))
        .bind(serde_json::json!(unloaded).to_string())
        .execute(connection)
        .await
        .map(drop)
        .map_err(translate)
}

/// What was taken back of a step whose checkpoint went with that.
async fn taken_back(connection: &mut SqliteConnection, place: &Place<'_>) -> Result<Option<Unloaded>, DatabaseError> {
    let sql = "SELECT before FROM _fixtool_undo WHERE run = ?1 AND step = ?2 AND kind = 'undone'";
    let told: Option<String> = sqlx::query_scalar(sql)
        .bind(place.run)
        .bind(i64::from(place.step))
        .fetch_optional(connection)
        .await
        .map_err(translate)?;
    Ok(told.map(|told| serde_json::from_str(&told).unwrap_or_default()))
}

async fn staged(connection: &mut SqliteConnection, spec: &UnloadSpec) -> Result<Unloaded, DatabaseError> {
    let table = identifier(&spec.table);
    let key = key_text("t.", &spec.definition.primary_key);
    let mine = format!("u.run = {} AND u.step = {}", literal(&spec.run), spec.step);
    let entries = number(
        connection,
        format!("SELECT count(*) FROM _fixtool_undo u WHERE {mine} AND u.kind IN ('insert', 'update', 'delete')"),
    )
    .await?;
    let inserted = format!("{key} IN (SELECT u.key FROM _fixtool_undo u WHERE {mine} AND u.kind = 'insert')");
    refuse_if_referenced(connection, spec, &inserted).await?;
    let names: Vec<String> = spec.definition.columns.keys().cloned().collect();
    let cells: Vec<String> =
        spec.definition.columns.values().enumerate().map(|(place, c)| restored(&c.logical, place)).collect();
    let assignments: Vec<String> =
        names.iter().zip(&cells).map(|(name, cell)| format!("{} = {cell}", identifier(name))).collect();
    let touched =
        format!("{key} IN (SELECT u.key FROM _fixtool_undo u WHERE {mine} AND u.kind IN ('insert', 'update'))");
    let restore = format!(
        "UPDATE {table} AS t SET {} FROM _fixtool_undo u WHERE {mine} AND u.kind = 'update' AND u.key = {key}",
        assignments.join(", ")
    );
    let changed = match execute(connection, restore.clone()).await {
        // SQLite takes a failed statement back by itself.
        Err(error) if error.code.as_deref() == Some(UNIQUE) => {
            for unique in spec.definition.all_unique_keys() {
                let target = (spec.table.as_str(), &spec.definition);
                moves::stand_aside(connection, target, &unique, &touched).await?;
            }
            execute(connection, restore).await?
        }
        done => done?,
    };
    // Rows that were there point at none of the new ones any more.
    for own in spec.definition.all_foreign_keys().iter().filter(|own| own.table == spec.table) {
        let on = matching("c", &own.columns, "t", &own.to);
        let others = format!(
            "{inserted} AND {} NOT IN (SELECT u.key FROM _fixtool_undo u WHERE {mine} AND u.kind = 'insert')",
            key_text("c.", &spec.definition.primary_key)
        );
        let sql = format!("SELECT count(*) FROM {table} t JOIN {table} c ON {on} WHERE {others}");
        if number(connection, sql).await? > 0 {
            return Err(referenced(spec, &spec.table));
        }
    }
    let removed = execute(connection, format!("DELETE FROM {table} AS t WHERE {inserted}")).await?;
    let returned = execute(
        connection,
        format!(
            "INSERT INTO {table} ({}) SELECT {} FROM _fixtool_undo u WHERE {mine} AND u.kind = 'delete'",
            list("", &names),
            cells.join(", ")
        ),
    )
    .await?;
    let kept = entries.saturating_sub(removed + changed + returned);
    Ok(Unloaded { removed, restored: changed + returned, kept })
}

async fn bare(
    connection: &mut SqliteConnection,
    spec: &UnloadSpec,
    place: &Place<'_>,
    made: u64,
) -> Result<Unloaded, DatabaseError> {
    prints::find(connection, place, (&spec.table, &spec.definition.primary_key)).await?;
    let ours = "t.rowid IN (SELECT id FROM temp._fixtool_ours)";
    refuse_if_referenced(connection, spec, ours).await?;
    let removed = execute(connection, format!("DELETE FROM {} AS t WHERE {ours}", identifier(&spec.table))).await?;
    execute(connection, "DROP TABLE temp._fixtool_ours".to_owned()).await?;
    Ok(Unloaded { removed, restored: 0, kept: made.saturating_sub(removed) })
}

async fn forget(connection: &mut SqliteConnection, place: &Place<'_>) -> Result<(), DatabaseError> {
    for table in ["_fixtool_undo", "_fixtool_checkpoint"] {
        let sql = format!("DELETE FROM {table} WHERE run = {} AND step = {}", literal(place.run), place.step);
        execute(connection, sql).await?;
    }
    Ok(())
}

/// A row that others point at is not removed: a cascade would take rows that the load never made.
async fn refuse_if_referenced(
    connection: &mut SqliteConnection,
    spec: &UnloadSpec,
    ours: &str,
) -> Result<(), DatabaseError> {
    let children = children_of(connection, (&spec.table, &spec.definition), false).await?;
    for (child, condition) in children {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} t JOIN {} c ON {condition} WHERE {ours})",
            identifier(&spec.table),
            identifier(&child)
        );
        if number(connection, sql).await? > 0 {
            return Err(referenced(spec, &child));
        }
    }
    Ok(())
}

fn referenced(spec: &UnloadSpec, child: &str) -> DatabaseError {
    DatabaseError::new(
        Engine::Sqlite,
        DatabaseErrorKind::Constraint,
        format!("rows of '{child}' point at rows of '{}' that the load inserted", spec.table),
    )
    .with_help("undo what loaded those rows first; 'fixtool op log' lists it")
}

/// Tables whose foreign keys point at a table, each with the condition under which a row of theirs, `c`, points at one of
/// its, `t`; with the table itself, if that is asked for.
pub async fn children_of(
    connection: &mut SqliteConnection,
    (name, table): (&str, &Table),
    itself: bool,
) -> Result<Vec<(String, String)>, DatabaseError> {
    let sql = format!(
        "SELECT m.name, group_concat('c.\"' || replace(f.\"from\", '\"', '\"\"') || '\" = t.\"' || \
         replace(coalesce(f.\"to\", {}), '\"', '\"\"') || '\"', ' AND ') \
         FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f \
         WHERE m.type = 'table' AND f.\"table\" = {name} COLLATE NOCASE AND ({} OR m.name <> {name}) GROUP BY m.name, f.id",
        literal(table.primary_key.first().map_or("", String::as_str)),
        u8::from(itself),
        name = literal(name)
    );
    sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(translate)
}

async fn execute(connection: &mut SqliteConnection, sql: String) -> Result<u64, DatabaseError> {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(|done| done.rows_affected()).map_err(translate)
}

async fn number(connection: &mut SqliteConnection, sql: String) -> Result<u64, DatabaseError> {
    let value: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.map_err(translate)?;
    Ok(value.unsigned_abs())
}

/// Deletes the rows whose keys the source did not hold, with before-images.
pub async fn delete_missing(connection: &mut SqliteConnection, spec: &MissingSpec) -> Result<u64, DatabaseError> {
    let (table, run) = (identifier(&spec.table), literal(&spec.run));
    let seen = format!("u.run = {run} AND u.step = {} AND u.kind = 'seen'", spec.loaded_by);
    let key = key_text("t.", &spec.key);
    let missing = format!("NOT EXISTS (SELECT 1 FROM _fixtool_undo u WHERE {seen} AND u.key = {key})");
    let remember = format!(
        "INSERT INTO _fixtool_undo (run, step, kind, key, before) SELECT {run}, {}, 'delete', {key}, {} \
         FROM {table} t WHERE {missing}",
        spec.step,
        before_image(&spec.definition)
    );
    execute(connection, remember).await?;
    let deleted = execute(connection, format!("DELETE FROM {table} AS t WHERE {missing}")).await?;
    execute(connection, format!("DELETE FROM _fixtool_undo AS u WHERE {seen}")).await?;
    Ok(deleted)
}
