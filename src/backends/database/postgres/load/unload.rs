//! Taking a load back: rows that it inserted are removed, rows that it changed become what they
//! were, rows that somebody changed since are left alone and counted.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::super::error::translate;
use super::super::operators::Operators;
use super::probes::key_text;
use crate::backends::database::load::{MissingSpec, UnloadSpec, Unloaded};
use crate::backends::database::quote::{identifier, list, qualified};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Checkpoint, Engine};

/// Takes back one step of a run, in the transaction of the caller.
pub async fn unload(
    connection: &mut PgConnection,
    spec: &UnloadSpec,
    checkpoint: &Checkpoint,
) -> Result<Unloaded, DatabaseError> {
    let road = checkpoint.state.get("road").and_then(serde_json::Value::as_str);
    let unloaded = if road == Some("bare") {
        let xmin = checkpoint.state.get("xmin").and_then(serde_json::Value::as_str).unwrap_or_default();
        bare(connection, spec, xmin, inserted(checkpoint)).await?
    } else {
        staged(connection, spec).await?
    };
    forget(connection, spec).await?;
    Ok(unloaded)
}

fn inserted(checkpoint: &Checkpoint) -> u64 {
    checkpoint.state.pointer("/counts/inserted").and_then(serde_json::Value::as_u64).unwrap_or_default()
}

/// Rows of a bare load carry the id of the transaction that loaded them until somebody changes them.
async fn bare(
    connection: &mut PgConnection,
    spec: &UnloadSpec,
    xmin: &str,
    inserted: u64,
) -> Result<Unloaded, DatabaseError> {
    let table = qualified(&spec.namespace, &spec.table);
    let ours = "t.xmin::text = $1";
    refuse_if_referenced(connection, spec, ours, xmin).await?;
    let removed = sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} t WHERE {ours}")))
        .bind(xmin)
        .execute(connection)
        .await
        .map_err(translate)?
        .rows_affected();
    Ok(Unloaded { removed, restored: 0, kept: inserted.saturating_sub(removed) })
}

async fn staged(connection: &mut PgConnection, spec: &UnloadSpec) -> Result<Unloaded, DatabaseError> {
    let (table, journal) = (qualified(&spec.namespace, &spec.table), qualified(&spec.namespace, "_fixtool_undo"));
    let key = &spec.definition.primary_key;
    let operators = Operators::of(connection, &spec.namespace, &spec.table).await?;
    let all: Vec<String> = spec.definition.columns.keys().cloned().collect();
    let mine = "u.run = $1 AND u.step = $2";
    let entries = number(
        connection,
        spec,
        &format!("SELECT count(*) FROM {journal} u WHERE {mine} AND u.kind IN ('insert', 'update', 'delete')"),
    )
    .await?;
    let key_of_row = key_text("t.", key);
    let referenced = format!("{key_of_row} IN (SELECT u.key FROM {journal} u WHERE {mine} AND u.kind = 'insert')");
    refuse_if_referenced_by_journal(connection, spec, &referenced).await?;
    let removed = execute(
        connection,
        spec,
        &format!(
            "DELETE FROM {table} t USING {journal} u WHERE {mine} AND u.kind = 'insert' AND u.key = {key_of_row} \
             AND u.mark = t.xmin::text"
        ),
    )
    .await?;
    let assignments: Vec<String> = all.iter().map(|c| format!("{0} = b.{0}", identifier(c))).collect();
    let image =
        format!("{journal} u, LATERAL pg_catalog.jsonb_populate_record(NULL::{table}, u.before::pg_catalog.jsonb) b");
    let restored = execute(
        connection,
        spec,
        &format!(
            "UPDATE {table} t SET {} FROM {image} WHERE {mine} AND u.kind = 'update' AND {} \
             AND u.mark = t.xmin::text",
            assignments.join(", "),
            operators.matching("t", key, "b", key)
        ),
    )
    .await?;
    let returned = execute(
        connection,
        spec,
        &format!(
            "INSERT INTO {table} ({columns}) SELECT {from} FROM {image} WHERE {mine} AND u.kind = 'delete' ON CONFLICT DO NOTHING",
            columns = list("", &all),
            from = list("b.", &all),
        ),
    )
    .await?;
    let kept = entries.saturating_sub(removed + restored + returned);
    Ok(Unloaded { removed, restored: restored + returned, kept })
}

async fn execute(connection: &mut PgConnection, spec: &UnloadSpec, sql: &str) -> Result<u64, DatabaseError> {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .bind(&spec.run)
        .bind(i64::from(spec.step))
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
        .map_err(translate)
}

async fn number(connection: &mut PgConnection, spec: &UnloadSpec, sql: &str) -> Result<u64, DatabaseError> {
    let value: i64 = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .bind(&spec.run)
        .bind(i64::from(spec.step))
        .fetch_one(connection)
        .await
        .map_err(translate)?;
    Ok(value.unsigned_abs())
}

/// A row that others point at is not removed: a cascade would take rows that the load never made.
async fn refuse_if_referenced(
    connection: &mut PgConnection,
    spec: &UnloadSpec,
    ours: &str,
    xmin: &str,
) -> Result<(), DatabaseError> {
    for (child, condition) in children(connection, spec).await? {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} t JOIN {child} c ON {condition} WHERE {ours})",
            qualified(&spec.namespace, &spec.table)
        );
        let found: bool =
            sqlx::query_scalar(AssertSqlSafe(sql)).bind(xmin).fetch_one(&mut *connection).await.map_err(translate)?;
        if found {
            return Err(referenced(spec, &child));
        }
    }
    Ok(())
}

async fn refuse_if_referenced_by_journal(
    connection: &mut PgConnection,
    spec: &UnloadSpec,
    ours: &str,
) -> Result<(), DatabaseError> {
    for (child, condition) in children(connection, spec).await? {
        let sql = format!(
            "SELECT count(*) FROM {} t JOIN {child} c ON {condition} WHERE {ours}",
            qualified(&spec.namespace, &spec.table)
        );
        if number(connection, spec, &sql).await? > 0 {
            return Err(referenced(spec, &child));
        }
    }
    Ok(())
}

fn referenced(spec: &UnloadSpec, child: &str) -> DatabaseError {
    DatabaseError::new(
        Engine::Postgres,
        DatabaseErrorKind::Constraint,
        format!("rows of {child} point at rows of '{}' that the load inserted", spec.table),
    )
    .with_help("undo what loaded those rows first; 'fixtool op log' lists it")
}

/// Tables whose foreign keys point at this one, each with its join condition; not the table itself.
async fn children(connection: &mut PgConnection, spec: &UnloadSpec) -> Result<Vec<(String, String)>, DatabaseError> {
    let sql = "SELECT c.conrelid::pg_catalog.regclass::pg_catalog.text, \
        (SELECT pg_catalog.string_agg(pg_catalog.format('t.%I OPERATOR(%I.%s) c.%I', b.attname, s.nspname, o.oprname, a.attname), ' AND ') \
         FROM ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey), pg_catalog.unnest(c.conpfeqop)) \
             AS k (x, y, z) \
         JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) k.z \
         JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) o.oprnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.x \
         JOIN pg_catalog.pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.y) \
        FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = c.oid \
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1::regclass \
        WHERE c.contype = 'f' AND c.confrelid = $1::regclass AND c.conrelid <> c.confrelid \
        GROUP BY c.oid, c.conrelid, c.conkey, c.confkey, c.confrelid";
    let rows = sqlx::query(sql)
        .bind(qualified(&spec.namespace, &spec.table))
        .fetch_all(connection)
        .await
        .map_err(translate)?;
    rows.iter().map(|row| Ok((row.try_get(0).map_err(translate)?, row.try_get(1).map_err(translate)?))).collect()
}

async fn forget(connection: &mut PgConnection, spec: &UnloadSpec) -> Result<(), DatabaseError> {
    for table in ["_fixtool_undo", "_fixtool_checkpoint"] {
        let sql = format!("DELETE FROM {} WHERE run = $1 AND step = $2", qualified(&spec.namespace, table));
        execute(connection, spec, &sql).await?;
    }
    Ok(())
}

/// Deletes the rows whose keys the source did not hold, with before-images.
pub async fn delete_missing(connection: &mut PgConnection, spec: &MissingSpec) -> Result<u64, DatabaseError> {
    let (table, journal) = (qualified(&spec.namespace, &spec.table), qualified(&spec.namespace, "_fixtool_undo"));
    let missing = format!(
        "NOT EXISTS (SELECT 1 FROM {journal} u WHERE u.run = $1 AND u.step = $3 AND u.kind = 'seen' AND u.key = {})",
        key_text("t.", &spec.key)
    );
    let remember = format!(
        "INSERT INTO {journal} (run, step, kind, key, before) \
         SELECT $1, $2, 'delete', {}, pg_catalog.to_jsonb(t.*)::pg_catalog.text FROM {table} t WHERE {missing}",
        key_text("t.", &spec.key)
    );
    let forget = format!(
        "DELETE FROM {journal} u WHERE u.run = $1 AND u.step = $3 AND u.kind = 'seen' AND $2::bigint IS NOT NULL"
    );
    let delete = format!("DELETE FROM {table} t WHERE {missing} AND $2::bigint IS NOT NULL");
    let mut deleted = 0;
    for (at, sql) in [remember, delete, forget].into_iter().enumerate() {
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(&spec.run)
            .bind(i64::from(spec.step))
            .bind(i64::from(spec.loaded_by))
            .execute(&mut *connection)
            .await
            .map_err(translate)?;
        if at == 1 {
            deleted = done.rows_affected();
        }
    }
    Ok(deleted)
}
