//! Taking a load back: rows that it inserted are removed, rows that it changed become what they
//! were, rows that somebody changed since are left alone and counted.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::super::as_owner::{Bound, Hand};
use super::super::code::Effect;
use super::super::counters::{self, Filled};
use super::super::error::translate;
use super::super::operators::Operators;
use super::super::rows::run;
use super::super::session::hold_tables;
use super::super::triggers::Silenced;
use super::isolate::UNIQUE;
use super::moves;
use super::probes::key_text;
use crate::backends::database::load::{MissingSpec, UnloadSpec, Unloaded};
use crate::backends::database::quote::{identifier, list, qualified};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Checkpoint, Engine, Namespace};

/// Takes back one step of a run, in the transaction of the caller.
pub async fn unload(
    connection: &mut PgConnection,
    spec: &UnloadSpec,
    checkpoint: &Checkpoint,
) -> Result<Unloaded, DatabaseError> {
    let road = checkpoint.state.get("road").and_then(serde_json::Value::as_str);
    let children = children(connection, spec).await?;
    let own = qualified(&spec.namespace, &spec.table);
    // No row that points at one of ours is reached, or nothing is taken back. But a trigger that fires once for a statement
    // needs no row.
    let silenced = Silenced::reached(connection, &own).await?;
    let tables: Vec<String> = std::iter::once(own).chain(children.iter().map(|(child, _)| child.clone())).collect();
    let hand = Hand::for_tables(connection, &spec.namespace, (&tables, Effect::Removes)).await?;
    let operators = Operators::of(connection, &spec.namespace, &spec.table).await?;
    let taking = Taking { spec, hand, operators, children };
    let unloaded = if road == Some("bare") {
        bare(connection, &taking, &transactions(checkpoint), inserted(checkpoint)).await?
    } else {
        staged(connection, &taking, checkpoint.state.get("continues").and_then(serde_json::Value::as_u64)).await?
    };
    taking.hand.dismiss(connection).await?;
    silenced.wake(connection).await?;
    forget(connection, spec).await?;
    remember(connection, spec, &unloaded).await?;
    Ok(unloaded)
}

async fn remember(connection: &mut PgConnection, spec: &UnloadSpec, unloaded: &Unloaded) -> Result<(), DatabaseError> {
    let sql = format!(
        "INSERT INTO {} (run, step, kind, key, before) VALUES ($1, $2, 'undone', '', $3)",
        qualified(&spec.namespace, "_fixtool_undo")
    );
    let told = serde_json::json!(unloaded).to_string();
    let values = [Bound::Text(&spec.run), Bound::Number(i64::from(spec.step)), Bound::Text(&told)];
    Hand::Ours.execute(connection, &sql, &values).await.map(drop)
}

/// What was taken back of a step whose checkpoint went with that.
pub async fn taken_back(connection: &mut PgConnection, spec: &UnloadSpec) -> Result<Option<Unloaded>, DatabaseError> {
    let journal = qualified(&spec.namespace, "_fixtool_undo");
    let sql = format!(
        "SELECT before FROM {journal} WHERE run OPERATOR(pg_catalog.=) $1 AND step OPERATOR(pg_catalog.=) $2 AND kind OPERATOR(pg_catalog.=) 'undone'"
    );
    hold_tables(connection, &[journal]).await?;
    let told: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&spec.run)
        .bind(i64::from(spec.step))
        .fetch_optional(connection)
        .await
        .map_err(translate)?;
    Ok(told.map(|told| serde_json::from_str(&told).unwrap_or_default()))
}

/// The ids that rows of a bare load bear.
fn transactions(checkpoint: &Checkpoint) -> Vec<String> {
    let id = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let several = checkpoint.state.get("xmins").and_then(serde_json::Value::as_array);
    several.into_iter().flatten().chain(checkpoint.state.get("xmin")).filter_map(id).collect()
}

fn inserted(checkpoint: &Checkpoint) -> u64 {
    checkpoint.state.pointer("/counts/inserted").and_then(serde_json::Value::as_u64).unwrap_or_default()
}

/// Rows of a bare load carry the id of the transaction that loaded them until somebody changes them.
async fn bare(
    connection: &mut PgConnection,
    taking: &Taking<'_>,
    xmins: &[String],
    inserted: u64,
) -> Result<Unloaded, DatabaseError> {
    let table = qualified(&taking.spec.namespace, &taking.spec.table);
    let ours = "t.xmin::pg_catalog.text OPERATOR(pg_catalog.=) ANY (pg_catalog.string_to_array($1, ','))";
    let xmins = xmins.join(",");
    refuse_if_referenced(connection, taking, ours, &[Bound::Text(&xmins)]).await?;
    let sql = format!("DELETE FROM {table} t WHERE {ours}");
    let removed = taking.hand.execute(connection, &sql, &[Bound::Text(&xmins)]).await?;
    Ok(Unloaded { removed, restored: 0, kept: inserted.saturating_sub(removed) })
}

async fn staged(
    connection: &mut PgConnection,
    taking: &Taking<'_>,
    continues: Option<u64>,
) -> Result<Unloaded, DatabaseError> {
    let spec = taking.spec;
    let (table, journal) = (qualified(&spec.namespace, &spec.table), qualified(&spec.namespace, "_fixtool_undo"));
    let key = &spec.definition.primary_key;
    let filled = Filled::of(connection, &spec.namespace, &spec.table).await?;
    let all: Vec<String> = spec.definition.columns.keys().filter(|c| filled.given.contains(c)).cloned().collect();
    let mine = "u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) $2";
    let entries = taking
        .number(
        connection,
        &format!("SELECT pg_catalog.count(*)::pg_catalog.text FROM {journal} u WHERE {mine} AND u.kind OPERATOR(pg_catalog.=) ANY (ARRAY['insert', 'update', 'delete']::pg_catalog.text[])"),
    )
    .await?;
    let key_of_row = key_text("t.", key);
    let referenced = format!(
        "{key_of_row} OPERATOR(pg_catalog.=) ANY (SELECT u.key FROM {journal} u WHERE {mine} AND u.kind OPERATOR(pg_catalog.=) 'insert')"
    );
    refuse_if_referenced(connection, taking, &referenced, &taking.values()).await?;
    let assignments: Vec<String> =
        all.iter().filter(|c| !filled.identities.contains(c)).map(|c| format!("{0} = b.{0}", identifier(c))).collect();
    let image =
        format!("{journal} u, LATERAL pg_catalog.jsonb_populate_record(NULL::{table}, u.before::pg_catalog.jsonb) b");
    let restore = format!(
        "UPDATE {table} t SET {} FROM {image} WHERE {mine} AND u.kind OPERATOR(pg_catalog.=) 'update' AND {} AND u.mark OPERATOR(pg_catalog.=) t.xmin::pg_catalog.text",
        assignments.join(", "),
        taking.operators.matching("t", key, "b", key)
    );
    // The earlier step of the run whose rows these are knows them by their new mark.
    let restore = match continues {
        None => restore,
        Some(step) => format!(
            "WITH back AS ({restore} RETURNING u.key, u.mark AS old, t.xmin::pg_catalog.text AS mark), \
             first AS (UPDATE {journal} j SET mark = back.mark FROM back \
                 WHERE j.run OPERATOR(pg_catalog.=) $1 AND j.step OPERATOR(pg_catalog.=) {step} AND j.key OPERATOR(pg_catalog.=) back.key AND j.mark OPERATOR(pg_catalog.=) back.old) \
             UPDATE {journal} j SET mark = j.mark FROM back WHERE j.run OPERATOR(pg_catalog.=) $1 AND j.step OPERATOR(pg_catalog.=) $2 AND j.key OPERATOR(pg_catalog.=) back.key AND j.kind OPERATOR(pg_catalog.=) 'update'"
        ),
    };
    let restored = restored(connection, taking, &restore).await?;
    refuse_if_others_point(connection, taking).await?;
    let removed = taking
        .execute(
            connection,
            &format!(
                "DELETE FROM {table} t USING {journal} u WHERE {mine} AND u.kind OPERATOR(pg_catalog.=) 'insert' AND u.key OPERATOR(pg_catalog.=) {key_of_row} \
             AND u.mark OPERATOR(pg_catalog.=) t.xmin::pg_catalog.text"
            ),
        )
        .await?;
    let returned = taking.execute(
        connection,
        &format!(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {from} FROM {image} WHERE {mine} AND u.kind OPERATOR(pg_catalog.=) 'delete' ON CONFLICT DO NOTHING",
            columns = list("", &all),
            from = list("b.", &all),
        ),
    )
    .await?;
    counters::advance((connection, &taking.hand), (&spec.namespace, &spec.table), None, &table).await?;
    let kept = entries.saturating_sub(removed + restored + returned);
    Ok(Unloaded { removed, restored: restored + returned, kept })
}

async fn restored(connection: &mut PgConnection, taking: &Taking<'_>, restore: &str) -> Result<u64, DatabaseError> {
    run(connection, "SAVEPOINT restored".to_owned()).await?;
    let restored = match taking.execute(connection, restore).await {
        Err(error) if error.code.as_deref() == Some(UNIQUE) => {
            run(connection, "ROLLBACK TO SAVEPOINT restored".to_owned()).await?;
            stand_aside(connection, taking).await?;
            taking.execute(connection, restore).await?
        }
        done => done?,
    };
    run(connection, "RELEASE SAVEPOINT restored".to_owned()).await?;
    Ok(restored)
}

/// Rows that were there point at none of the new ones any more; those that still do are somebody else's.
async fn refuse_if_others_point(connection: &mut PgConnection, taking: &Taking<'_>) -> Result<(), DatabaseError> {
    let spec = taking.spec;
    let (table, journal) = (qualified(&spec.namespace, &spec.table), qualified(&spec.namespace, "_fixtool_undo"));
    let goes = |row: &str| {
        format!(
            "EXISTS (SELECT 1 FROM {journal} u WHERE u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) $2 \
             AND u.kind OPERATOR(pg_catalog.=) 'insert'::pg_catalog.text AND u.key OPERATOR(pg_catalog.=) {} \
             AND u.mark OPERATOR(pg_catalog.=) {row}.xmin::pg_catalog.text)",
            key_text(&format!("{row}."), &spec.definition.primary_key)
        )
    };
    let (ours, theirs) = (goes("t"), goes("c"));
    for own in spec.definition.all_foreign_keys().iter().filter(|own| own.table == spec.table) {
        let on = taking.operators.matching("c", &own.columns, "t", &own.to);
        let sql = format!(
            "SELECT pg_catalog.count(*)::pg_catalog.text FROM {table} t JOIN {table} c ON {on} \
             WHERE {ours} AND NOT {theirs}"
        );
        if taking.number(connection, &sql).await? > 0 {
            return Err(referenced(spec, &table));
        }
    }
    Ok(())
}

/// Rows of the load that have each other's unique values give theirs up first, since the server looks at each row of an update by
/// itself.
async fn stand_aside(connection: &mut PgConnection, taking: &Taking<'_>) -> Result<(), DatabaseError> {
    let spec = taking.spec;
    let (table, journal) = (qualified(&spec.namespace, &spec.table), qualified(&spec.namespace, "_fixtool_undo"));
    let key_of_row = key_text("t.", &spec.definition.primary_key);
    for unique in spec.definition.all_unique_keys() {
        let Some((column, aside)) = moves::aside(&spec.definition, &unique, &key_of_row) else { continue };
        let sql = format!(
            "WITH parked AS (UPDATE {table} t SET {} = {aside} FROM {journal} p \
             WHERE p.run OPERATOR(pg_catalog.=) $1 AND p.step OPERATOR(pg_catalog.=) $2 AND p.kind OPERATOR(pg_catalog.=) ANY (ARRAY['insert', 'update']::pg_catalog.text[]) AND p.key OPERATOR(pg_catalog.=) {key_of_row} \
               AND p.mark OPERATOR(pg_catalog.=) t.xmin::pg_catalog.text RETURNING p.key, t.xmin::pg_catalog.text AS mark) \
             UPDATE {journal} u SET mark = parked.mark FROM parked \
             WHERE u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) $2 AND u.kind OPERATOR(pg_catalog.=) ANY (ARRAY['insert', 'update']::pg_catalog.text[]) AND u.key OPERATOR(pg_catalog.=) parked.key",
            identifier(column)
        );
        taking.execute(connection, &sql).await?;
    }
    Ok(())
}

/// A step that is taken back, and who does it in this transaction.
struct Taking<'a> {
    spec: &'a UnloadSpec,
    hand: Hand,
    operators: Operators,
    /// Tables that refer to it, each with the condition under which a row of theirs, `c`, points at one of its, `t`.
    children: Vec<(String, String)>,
}

impl Taking<'_> {
    fn values(&self) -> [Bound<'_>; 2] {
        [Bound::Text(&self.spec.run), Bound::Number(i64::from(self.spec.step))]
    }

    async fn execute(&self, connection: &mut PgConnection, sql: &str) -> Result<u64, DatabaseError> {
        self.hand.execute(connection, sql, &self.values()).await
    }

    async fn number(&self, connection: &mut PgConnection, sql: &str) -> Result<u64, DatabaseError> {
        self.hand.number(connection, sql, &self.values()).await
    }
}

/// A row that others point at is not removed: a cascade would take rows that the load never made.
async fn refuse_if_referenced(
    connection: &mut PgConnection,
    taking: &Taking<'_>,
    ours: &str,
    values: &[Bound<'_>],
) -> Result<(), DatabaseError> {
    let table = qualified(&taking.spec.namespace, &taking.spec.table);
    for (child, condition) in &taking.children {
        let sql = format!(
            "SELECT pg_catalog.count(*)::pg_catalog.text FROM {table} t JOIN {child} c ON {condition} WHERE {ours}"
        );
        if taking.hand.number(connection, &sql, values).await? > 0 {
            return Err(referenced(taking.spec, child));
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
    children_of(connection, (&spec.namespace, &spec.table), false).await
}

/// The same of any table; with itself, if it points at itself and that is asked for.
pub async fn children_of(
    connection: &mut PgConnection,
    (namespace, table): (&Namespace, &str),
    itself: bool,
) -> Result<Vec<(String, String)>, DatabaseError> {
    let sql = "SELECT c.conrelid::pg_catalog.regclass::pg_catalog.text, \
        (SELECT pg_catalog.string_agg(pg_catalog.format('t.%I OPERATOR(%I.%s) c.%I', b.attname, s.nspname, o.oprname, a.attname), ' AND ') \
         FROM ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey), pg_catalog.unnest(c.conpfeqop)) \
             AS k (x, y, z) \
         JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) k.z \
         JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) o.oprnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.conrelid AND a.attnum OPERATOR(pg_catalog.=) k.x \
         JOIN pg_catalog.pg_attribute b ON b.attrelid OPERATOR(pg_catalog.=) c.confrelid AND b.attnum OPERATOR(pg_catalog.=) k.y) \
        FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_depend d \
        ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid \
        AND d.objid OPERATOR(pg_catalog.=) c.oid \
        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid \
        AND d.refobjid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass::pg_catalog.oid \
        WHERE c.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog.\"char\" \
        AND c.confrelid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass::pg_catalog.oid \
        AND ($2::pg_catalog.bool OR c.conrelid OPERATOR(pg_catalog.<>) c.confrelid) \
        GROUP BY c.oid, c.conrelid, c.conkey, c.confkey, c.conpfeqop, c.confrelid";
    let rows = sqlx::query(sql)
        .bind(qualified(namespace, table))
        .bind(itself)
        .fetch_all(connection)
        .await
        .map_err(translate)?;
    rows.iter().map(|row| Ok((row.try_get(0).map_err(translate)?, row.try_get(1).map_err(translate)?))).collect()
}

async fn forget(connection: &mut PgConnection, spec: &UnloadSpec) -> Result<(), DatabaseError> {
    for table in ["_fixtool_undo", "_fixtool_checkpoint"] {
        let sql = format!(
            "DELETE FROM {} WHERE run OPERATOR(pg_catalog.=) $1 AND step OPERATOR(pg_catalog.=) $2",
            qualified(&spec.namespace, table)
        );
        let values = [Bound::Text(&spec.run), Bound::Number(i64::from(spec.step))];
        Hand::Ours.execute(connection, &sql, &values).await?;
    }
    Ok(())
}

/// Deletes the rows whose keys the source did not hold, with before-images.
pub async fn delete_missing(connection: &mut PgConnection, spec: &MissingSpec) -> Result<u64, DatabaseError> {
    let (table, journal) = (qualified(&spec.namespace, &spec.table), qualified(&spec.namespace, "_fixtool_undo"));
    let missing = format!(
        "NOT EXISTS (SELECT 1 FROM {journal} u WHERE u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) $3 AND u.kind OPERATOR(pg_catalog.=) 'seen' AND u.key OPERATOR(pg_catalog.=) {})",
        key_text("t.", &spec.key)
    );
    let remember = format!(
        "INSERT INTO {journal} (run, step, kind, key, before) \
         SELECT $1, $2, 'delete', {}, pg_catalog.to_jsonb(t.*)::pg_catalog.text FROM {table} t WHERE {missing}",
        key_text("t.", &spec.key)
    );
    let forget = format!(
        "DELETE FROM {journal} u WHERE u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) $3 AND u.kind OPERATOR(pg_catalog.=) 'seen' AND $2::pg_catalog.int8 IS NOT NULL"
    );
    let delete = format!("DELETE FROM {table} t WHERE {missing} AND $2::pg_catalog.int8 IS NOT NULL");
    let hand = Hand::for_tables(connection, &spec.namespace, (std::slice::from_ref(&table), Effect::Removes)).await?;
    let values =
        [Bound::Text(&spec.run), Bound::Number(i64::from(spec.step)), Bound::Number(i64::from(spec.loaded_by))];
    hand.execute(connection, &remember, &values).await?;
    let deleted = hand.execute(connection, &delete, &values).await?;
    hand.dismiss(connection).await?;
    Hand::Ours.execute(connection, &forget, &values).await?;
    Ok(deleted)
}
