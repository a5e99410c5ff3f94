//! Unique values that go from row to row within one source: a row may take what another one gives up.

use sqlx::PgConnection;

use super::super::as_owner::{Bound, Hand};
use super::super::code::Effect;
use super::super::operators::Comparison;
use super::super::session::hold_tables;
use super::Target;
use super::merge::later;
use super::probes::{POSITION, STAGE, key_text};
use super::unload::children_of;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::Conflict;
use crate::backends::database::load::probed::Holder;
use crate::backends::database::quote::{identifier, qualified};
use crate::model::{LogicalType, Table};

/// Staged rows whose unique value another row of the table has, and what becomes of that one.
pub async fn holders(
    connection: &mut PgConnection,
    spec: &Target,
    key: &[String],
) -> Result<Vec<(u64, Holder)>, DatabaseError> {
    let journal = qualified(&spec.namespace, "_fixtool_undo");
    let fate = if spec.carries_key() {
        let own = spec.operators.matching("t", &spec.key, "s", &spec.key);
        format!(
            "CASE WHEN EXISTS (SELECT 1 FROM {journal} u WHERE u.run OPERATOR(pg_catalog.=) $1 \
               AND u.step OPERATOR(pg_catalog.=) $2 AND u.key OPERATOR(pg_catalog.=) {}) THEN 'loaded' \
             WHEN NOT EXISTS (SELECT 1 FROM {STAGE} s WHERE {own}) THEN 'open' \
             WHEN EXISTS (SELECT 1 FROM {STAGE} s WHERE {own} AND {}) THEN 'moves' ELSE 'stays' END",
            key_text("t.", &spec.key),
            moved(spec, key)
        )
    } else {
        "CASE WHEN $1::pg_catalog.text IS NOT NULL AND $2::pg_catalog.int8 IS NOT NULL THEN 'stays' END".to_owned()
    };
    let sql = format!(
        "SELECT DISTINCT r.{POSITION}::pg_catalog.text, {fate} FROM {STAGE} r JOIN {} t ON {}{}{}",
        spec.full_name(),
        spec.operators.matching("t", key, "r", key),
        another_row(spec),
        claiming(spec, "r"),
    );
    let values = [Bound::Text(&spec.run), Bound::Number(i64::from(spec.step))];
    let found = spec.hand.texts::<2>(connection, &sql, &values).await?;
    let read = |[row, fate]: [Option<String>; 2]| Some((row?.parse().ok()?, Holder::parse(fate.as_deref())));
    Ok(found.into_iter().filter_map(read).collect())
}

fn another_row(spec: &Target) -> String {
    if !spec.carries_key() || spec.conflict == Conflict::Error {
        return String::new();
    }
    format!(" AND NOT ({})", spec.operators.matching("t", &spec.key, "r", &spec.key))
}

/// A staged row that would change nothing takes no unique value, as a condition beginning with `AND`.
pub fn claiming(spec: &Target, row: &str) -> String {
    if spec.conflict == Conflict::Skip && spec.carries_key() {
        return format!(
            " AND NOT EXISTS (SELECT 1 FROM {} o WHERE {})",
            spec.full_name(),
            spec.operators.matching("o", &spec.key, row, &spec.key)
        );
    }
    let Some(newest) = spec.definition.newest.as_deref().filter(|_| spec.conflict == Conflict::Newest) else {
        return String::new();
    };
    let name = identifier(newest);
    let older = spec.operators.compare(newest, &format!("o.{name}"), Comparison::Less, &format!("{row}.{name}"));
    format!(
        " AND NOT EXISTS (SELECT 1 FROM {} o WHERE {} AND o.{name} IS NOT NULL AND ({row}.{name} IS NOT NULL AND {older}) IS NOT TRUE)",
        spec.full_name(),
        spec.operators.matching("o", &spec.key, row, &spec.key)
    )
}

/// Whether the staged row `s` takes a unique key's value away from the row `t` that it meets.
fn moved(spec: &Target, key: &[String]) -> String {
    let other = |column: &String| {
        let column = std::slice::from_ref(column);
        format!("({}) IS NOT TRUE", spec.operators.matching("t", column, "s", column))
    };
    let each = |column: &String| match spec.conflict {
        Conflict::Merge => format!("(s.{} IS NOT NULL AND {})", identifier(column), other(column)),
        _ => other(column),
    };
    if !spec.moves_values() {
        return "false".to_owned();
    }
    let any: Vec<String> = key.iter().map(each).collect();
    let any = format!("({})", any.join(" OR "));
    match spec.definition.newest.as_deref().filter(|_| spec.conflict == Conflict::Newest) {
        Some(newest) => {
            let name = identifier(newest);
            format!("{any} AND s.{name} IS NOT NULL AND (t.{name} IS NULL OR {})", later(spec, newest))
        }
        None => any,
    }
}

/// Whether the record gives the column a value, as a condition beginning with `AND`: a merge keeps what it gives none.
fn replaced(spec: &Target, column: &str) -> String {
    if spec.conflict == Conflict::Merge { format!(" AND s.{} IS NOT NULL", identifier(column)) } else { String::new() }
}

/// Rows that give a unique value up stand aside, since the server looks at each row of an update by itself.
pub async fn park(connection: &mut PgConnection, spec: &Target) -> Result<(), DatabaseError> {
    for key in spec.secondary_keys() {
        let Some((column, aside)) = aside(&spec.definition, &key, &key_text("t.", &spec.key)) else { continue };
        let replaced = replaced(spec, column);
        let sql = format!(
            "UPDATE {} t SET {} = {aside} WHERE EXISTS (SELECT 1 FROM {STAGE} s WHERE {} AND {}{replaced}) \
             AND EXISTS (SELECT 1 FROM {STAGE} r WHERE {}{})",
            spec.full_name(),
            identifier(column),
            spec.operators.matching("t", &spec.key, "s", &spec.key),
            moved(spec, &key),
            spec.operators.matching("t", &key, "r", &key),
            another_row(spec),
        );
        spec.hand.execute(connection, &sql, &[]).await?;
    }
    Ok(())
}

/// Which column of a unique key can be given a value that no other row has, and that value, for the row whose key has
/// this text: NULL, or one that is made of the key.
pub fn aside<'k>(table: &Table, key: &'k [String], text: &str) -> Option<(&'k String, String)> {
    let of = |column: &&'k String| table.columns.get(*column);
    if let Some(column) = key.iter().find(|c| of(c).is_some_and(|of| !of.required) && !table.primary_key.contains(c)) {
        return Some((column, "NULL".to_owned()));
    }
    let mark = format!("pg_catalog.md5({text})");
    let made = |column: &'k String| {
        let value = match of(&column)?.logical {
            LogicalType::Text => mark.clone(),
            LogicalType::String(most) => format!("pg_catalog.substr({mark}, 1, {most})"),
            LogicalType::Int | LogicalType::BigInt => format!(
                "-1::pg_catalog.int4 OPERATOR(pg_catalog.-) \
                 pg_catalog.abs(pg_catalog.hashtext({mark}) OPERATOR(pg_catalog./) 2::pg_catalog.int4)"
            ),
            LogicalType::Uuid => format!("{mark}::pg_catalog.uuid"),
            _ => return None,
        };
        Some((column, value))
    };
    key.iter().filter(|column| !table.primary_key.contains(column)).find_map(made)
}

/// Deletes rows that the complete source does not hold and whose unique value a staged row takes; only those that no
/// row points at, since a deletion may take others along. The answer is their number.
pub async fn release(connection: &mut PgConnection, spec: &Target) -> Result<u64, DatabaseError> {
    let (table, journal) = (spec.full_name(), qualified(&spec.namespace, "_fixtool_undo"));
    let text = key_text("t.", &spec.key);
    let values = [Bound::Text(&spec.run), Bound::Number(i64::from(spec.step))];
    let mut released = 0;
    for key in spec.secondary_keys() {
        let gone = format!(
            "EXISTS (SELECT 1 FROM {STAGE} r WHERE {}{}) AND NOT EXISTS (SELECT 1 FROM {STAGE} s WHERE {}) \
             AND NOT EXISTS (SELECT 1 FROM {journal} u WHERE u.run OPERATOR(pg_catalog.=) $1 \
                 AND u.step OPERATOR(pg_catalog.=) $2 AND u.key OPERATOR(pg_catalog.=) {text})",
            spec.operators.matching("t", &key, "r", &key),
            another_row(spec),
            spec.operators.matching("t", &spec.key, "s", &spec.key),
        );
        let count = format!("SELECT pg_catalog.count(*)::pg_catalog.text FROM {table} t WHERE {gone}");
        if spec.hand.number(connection, &count, &values).await? == 0 {
            continue;
        }
        // A deletion may reach more of the tenant's code than an insert does.
        let tables = std::slice::from_ref(&table);
        if Hand::for_tables(connection, &spec.namespace, (tables, Effect::Removes)).await? != spec.hand {
            return Ok(released);
        }
        let children = children_of(connection, (&spec.namespace, &spec.table), true).await?;
        let names: Vec<String> = children.iter().map(|(child, _)| child.clone()).collect();
        if spec.hand == Hand::Ours {
            hold_tables(connection, &names).await?;
        }
        let unless_referenced: String = children
            .iter()
            .flat_map(|(child, on)| [" AND NOT EXISTS (SELECT 1 FROM ", child, " c WHERE ", on, ")"])
            .collect();
        let sql = format!(
            "WITH gone AS (DELETE FROM {table} t WHERE {gone}{unless_referenced} \
             RETURNING {text} AS key, pg_catalog.to_jsonb(t.*)::pg_catalog.text AS before) \
             INSERT INTO {journal} (run, step, kind, key, before) SELECT $1, $2, 'delete', gone.key, gone.before FROM gone"
        );
        released += spec.hand.execute(connection, &sql, &values).await?;
    }
    Ok(released)
}
