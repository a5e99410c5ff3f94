//! From the staging table into the table: what is new is inserted, what is known is treated as the
//! conflict strategy says, and the undo journal learns how it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, PgConnection};

use super::super::as_owner::{Bound, Hand};
use super::super::error::translate;
use super::super::operators::{Comparison, differ};
use super::Target;
use super::probes::{POSITION, STAGE, key_text};
use super::{gaps, moves};
use crate::backends::database::DatabaseError;
use crate::backends::database::load::gaps::Group;
use crate::backends::database::load::{Conflict, Refused};
use crate::backends::database::quote::{identifier, list, qualified};
use crate::model::Engine;

/// Staged rows by what became of them.
pub type Counts = BTreeMap<&'static str, u64>;

/// Moves what is staged into the table; every staged row is counted once.
pub async fn stage_into_table(connection: &mut PgConnection, spec: &Target) -> Result<Counts, DatabaseError> {
    let mut counts = Counts::new();
    let staged = number(connection, spec, &format!("SELECT pg_catalog.count(*)::pg_catalog.text FROM {STAGE}")).await?;
    let mut matched = 0;
    let mut inserted = None;
    if !spec.key.is_empty() && spec.conflict != Conflict::Error {
        let on = spec.operators.matching("t", &spec.key, "s", &spec.key);
        let met =
            format!("SELECT pg_catalog.count(*)::pg_catalog.text FROM {STAGE} s JOIN {} t ON {on}", spec.full_name());
        matched = number(connection, spec, &met).await?;
        if spec.conflict == Conflict::Skip {
            counts.insert("skipped", matched);
        } else {
            execute(connection, spec, &before_images(spec)).await?;
            if spec.parks {
                moves::park(connection, spec).await?;
            }
            if spec.points_at_itself() {
                // A row that is there may point at a new one.
                inserted = Some(insert_new(connection, spec).await?);
            }
            let updated = match update(spec) {
                Some(sql) => execute(connection, spec, &sql).await?,
                None => 0,
            };
            counts.insert("updated", updated);
            counts.insert("unchanged", matched.saturating_sub(updated));
        }
    }
    let inserted = match inserted {
        Some(inserted) => inserted,
        None => insert_new(connection, spec).await?,
    };
    if spec.remember_keys {
        execute(connection, spec, &remember_keys(spec)).await?;
    }
    counts.insert("inserted", inserted);
    if spec.most_rows.is_some() && inserted > 0 {
        let rows = number(
            connection,
            spec,
            &format!("SELECT pg_catalog.count(*)::pg_catalog.text FROM {}", qualified(&spec.namespace, &spec.table)),
        )
        .await?;
        spec.allow(Engine::Postgres, rows)?;
    }
    // Somebody else may have inserted the same key between the probe and here.
    *counts.entry("skipped").or_default() += staged.saturating_sub(matched + inserted);
    Ok(counts)
}

async fn insert_new(connection: &mut PgConnection, spec: &Target) -> Result<u64, DatabaseError> {
    if spec.continues.is_some() {
        // Its rows are there, or somebody has removed them since.
        return Ok(0);
    }
    let mut inserted = 0;
    for group in gaps::groups(connection, spec).await? {
        inserted += execute(connection, spec, &insert(spec, &group)).await?;
    }
    Ok(inserted)
}

/// Statements of the journal all take the run and the step as `$1` and `$2`.
async fn execute(connection: &mut PgConnection, spec: &Target, sql: &str) -> Result<u64, DatabaseError> {
    let values = [Bound::Text(&spec.run), Bound::Number(i64::from(spec.step))];
    spec.hand.execute(connection, sql, &values).await
}

async fn number(connection: &mut PgConnection, spec: &Target, sql: &str) -> Result<u64, DatabaseError> {
    spec.hand.number(connection, sql, &[]).await
}

fn journal(spec: &Target) -> String {
    qualified(&spec.namespace, "_fixtool_undo")
}

fn insert(spec: &Target, group: &Group) -> String {
    let columns = list("", &group.columns);
    let rows = &group.rows;
    let table = qualified(&spec.namespace, &spec.table);
    if spec.key.is_empty() {
        // Without a key nothing can be told apart, so nothing can be journaled either.
        return format!(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {STAGE} s WHERE $1::pg_catalog.text IS NOT NULL AND $2::pg_catalog.int8 IS NOT NULL AND {rows} ORDER BY {POSITION}"
        );
    }
    let key = list("", &spec.key);
    // A key that the source does not carry comes from its default: no row can have it already.
    let unless_known = if spec.carries_key() {
        format!(
            "WHERE {rows} AND NOT EXISTS (SELECT 1 FROM {table} t WHERE {}) ORDER BY {POSITION} ON CONFLICT ({key}) DO NOTHING",
            spec.operators.matching("t", &spec.key, "s", &spec.key)
        )
    } else {
        format!("WHERE {rows} ORDER BY {POSITION}")
    };
    format!(
        "WITH new AS (INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {STAGE} s {unless_known} \
         RETURNING {key}, xmin::pg_catalog.text AS mark) \
         INSERT INTO {journal} (run, step, kind, key, mark) SELECT $1, $2, 'insert', {text}, new.mark FROM new",
        journal = journal(spec),
        text = key_text("new.", &spec.key),
    )
}

/// The columns that an update may touch: all that the source carries but the key, and what may never be changed.
fn assignable(spec: &Target) -> Vec<&String> {
    spec.columns.iter().filter(|c| !spec.key.contains(c) && !spec.filled.identities.contains(c)).collect()
}

/// Rows that the strategy would change, as a condition over the row `t` and the staged row `s`.
fn would_change(spec: &Target) -> String {
    let differs: Vec<String> = assignable(spec)
        .iter()
        .map(|c| {
            let name = identifier(c);
            let difference = differ("t", "s", &[c]);
            if spec.conflict == Conflict::Merge {
                format!("(s.{name} IS NOT NULL AND {difference})")
            } else {
                difference
            }
        })
        .collect();
    if differs.is_empty() {
        return "false".to_owned();
    }
    let mut condition = format!("({})", differs.join(" OR "));
    if let (Conflict::Newest, Some(newest)) = (spec.conflict, &spec.definition.newest) {
        let name = identifier(newest);
        // Writing to a string cannot fail.
        let _ = write!(condition, " AND s.{name} IS NOT NULL AND (t.{name} IS NULL OR {})", later(spec, newest));
    }
    condition
}

/// Whether a staged row is newer than the row that it meets.
pub fn later(spec: &Target, newest: &str) -> String {
    let name = identifier(newest);
    spec.operators.compare(newest, &format!("t.{name}"), Comparison::Less, &format!("s.{name}"))
}

/// How rows were that are going to be changed. A row that stays as it is was met all the same: another record of the
/// source with its key is a duplicate in a later batch too.
fn before_images(spec: &Target) -> String {
    let met = format!(
        "FROM {} t JOIN {STAGE} s ON {}",
        spec.full_name(),
        spec.operators.matching("t", &spec.key, "s", &spec.key)
    );
    let changes = would_change(spec);
    // Without OFFSET the server would look at each row twice.
    let (kind, image, rows) = if spec.remember_keys {
        ("'update'", IMAGE.to_owned(), format!("{met} WHERE {changes}"))
    } else {
        let kind = "CASE WHEN x.changes THEN 'update' ELSE 'seen' END";
        let image = format!("CASE WHEN x.changes THEN {IMAGE} END");
        (kind, image, format!("{met} CROSS JOIN LATERAL (SELECT {changes} AS changes OFFSET 0) x"))
    };
    format!(
        "INSERT INTO {} (run, step, kind, key, before, mark) \
         SELECT $1, $2, {kind}, {}, {image}, t.xmin::pg_catalog.text {rows}",
        journal(spec),
        key_text("t.", &spec.key),
    )
}

const IMAGE: &str = "pg_catalog.to_jsonb(t.*)::pg_catalog.text";

/// Forgets which rows were met and stayed as they are.
pub async fn forget_seen(connection: &mut PgConnection, spec: &Target) -> Result<(), DatabaseError> {
    let sql = format!(
        "DELETE FROM {} u WHERE u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) $2 \
         AND u.kind OPERATOR(pg_catalog.=) 'seen'::pg_catalog.text",
        journal(spec)
    );
    let values = [Bound::Text(&spec.run), Bound::Number(i64::from(spec.step))];
    Hand::Ours.execute(connection, &sql, &values).await.map(drop)
}

/// Updates what would change; the journal learns by which mark the row is known until somebody
/// else changes it.
fn update(spec: &Target) -> Option<String> {
    let assignments: Vec<String> = assignable(spec)
        .iter()
        .map(|c| {
            let name = identifier(c);
            if spec.conflict == Conflict::Merge {
                format!("{name} = COALESCE(s.{name}, t.{name})")
            } else {
                format!("{name} = s.{name}")
            }
        })
        .collect();
    if assignments.is_empty() {
        return None;
    }
    let (table, on) =
        (qualified(&spec.namespace, &spec.table), spec.operators.matching("t", &spec.key, "s", &spec.key));
    // A row that was inserted just now may hold a default where the record has nothing.
    let known = if spec.points_at_itself() {
        format!(
            " AND EXISTS (SELECT 1 FROM {} k WHERE k.run OPERATOR(pg_catalog.=) $1 AND k.step OPERATOR(pg_catalog.=) $2 \
             AND k.kind OPERATOR(pg_catalog.=) 'update'::pg_catalog.text AND k.key OPERATOR(pg_catalog.=) {})",
            journal(spec),
            key_text("t.", &spec.key)
        )
    } else {
        String::new()
    };
    let journal = journal(spec);
    // Rows that an earlier step of the run wrote stay its own.
    let first = spec.continues.map_or_else(String::new, |step| {
        format!(
            ", first AS (UPDATE {journal} u SET mark = changed.mark FROM changed \
             JOIN {journal} m ON m.run OPERATOR(pg_catalog.=) $1 AND m.step OPERATOR(pg_catalog.=) $2 AND m.kind OPERATOR(pg_catalog.=) 'update' AND m.key OPERATOR(pg_catalog.=) changed.key \
             WHERE u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) {step} AND u.key OPERATOR(pg_catalog.=) changed.key AND u.kind OPERATOR(pg_catalog.=) ANY (ARRAY['insert', 'update']::pg_catalog.text[]) AND u.mark OPERATOR(pg_catalog.=) m.mark)"
        )
    });
    Some(format!(
        "WITH changed AS (UPDATE {table} t SET {} FROM {STAGE} s WHERE {on} AND {}{known} \
         RETURNING {} AS key, t.xmin::pg_catalog.text AS mark){first} \
         UPDATE {journal} u SET mark = changed.mark FROM changed \
         WHERE u.run OPERATOR(pg_catalog.=) $1 AND u.step OPERATOR(pg_catalog.=) $2 AND u.kind OPERATOR(pg_catalog.=) 'update' AND u.key OPERATOR(pg_catalog.=) changed.key",
        assignments.join(", "),
        would_change(spec),
        key_text("t.", &spec.key),
    ))
}

/// The keys as the table has them: two that its index takes for one may differ in their texts.
fn remember_keys(spec: &Target) -> String {
    format!(
        "INSERT INTO {} (run, step, kind, key) SELECT $1, $2, 'seen', {} FROM {STAGE} s JOIN {} t ON {}",
        journal(spec),
        key_text("t.", &spec.key),
        qualified(&spec.namespace, &spec.table),
        spec.operators.matching("t", &spec.key, "s", &spec.key),
    )
}

/// Notes what the database refused, in the transaction of the batch, so that a resumed load can
/// list it again.
pub async fn remember_refused(
    connection: &mut PgConnection,
    spec: &Target,
    refused: &[Refused],
) -> Result<(), DatabaseError> {
    if refused.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = refused.iter().map(Refused::to_json).collect();
    let keys: Vec<String> = refused.iter().map(|r| r.ordinal.to_string()).collect();
    let sql = format!(
        "INSERT INTO {} (run, step, kind, key, before) \
         SELECT $1, $2, 'refused', k, b FROM ROWS FROM (pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[])) AS u (k, b)",
        journal(spec)
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(&spec.run)
        .bind(i64::from(spec.step))
        .bind(keys)
        .bind(lines)
        .execute(connection)
        .await
        .map(drop)
        .map_err(translate)
}
