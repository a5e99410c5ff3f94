//! Tables that belong to other roles, read without a query.
//!
//! Whoever owns a table may hang an index, statistics or a partition key on it, and the planner calls a function of his in
//! them before the first row is read, with the rights of whoever asks. `COPY table TO STDOUT` plans nothing: it calls
//! nothing, whatever hangs on the table and whenever somebody hangs it there. It reads all rows, in no order.

use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use sqlx::{AssertSqlSafe, PgConnection};

use super::error::translate;
use crate::backends::database::quote::{list, literal};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// A table of which a part belongs to somebody who has fewer rights than we.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Family {
    /// Its full name, as it was asked for.
    pub(super) name: String,
    /// It, its partitions and its children.
    pub(super) members: Vec<String>,
    places: Vec<String>,
    no_table: bool,
    not_copied: bool,
}

impl Family {
    /// The tables in which its rows lie.
    ///
    /// # Errors
    /// If some lie elsewhere.
    pub(super) fn places(&self) -> Result<&[String], DatabaseError> {
        if !self.not_copied {
            return Ok(&self.places);
        }
        let message = format!("{} belongs to another role, and a part of it is no table of this database", self.name);
        Err(DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, message)
            .with_help("take the foreign table out of it, or connect as the role that owns it"))
    }
}

/// A query over names that are locked: what [`families`] reads.
pub(super) fn look_sql(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
    LOOK.replace("{names}", &names.join(", "))
}

const LOOK: &str = r#"
WITH RECURSIVE given (name, id) AS (
    SELECT w.name, pg_catalog.to_regclass(w.name)::pg_catalog.oid
    FROM pg_catalog.unnest(ARRAY[{names}]::pg_catalog.text[]) AS w (name)
), family (name, id, root) AS (
    SELECT g.name, g.id, true FROM given g
    UNION
    SELECT f.name, h.inhrelid, false FROM family f
    JOIN pg_catalog.pg_inherits h ON h.inhparent OPERATOR(pg_catalog.=) f.id
), told AS (
    SELECT f.name, f.root, pg_catalog.format('%I.%I', n.nspname, c.relname) AS member,
           c.relkind OPERATOR(pg_catalog.=) 'r'::pg_catalog."char" AS held,
           c.relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['r', 'p']::pg_catalog."char"[]) AS strange,
           NOT o.rolsuper AND o.rolname OPERATOR(pg_catalog.<>) current_user AS other
    FROM family f JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.id
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) c.relowner
)
SELECT pg_catalog.jsonb_agg(x.one)::pg_catalog.text FROM (
    SELECT pg_catalog.jsonb_build_object('name'::pg_catalog.text, t.name,
        'no_table'::pg_catalog.text, pg_catalog.bool_or(t.root AND t.strange),
        'not_copied'::pg_catalog.text, pg_catalog.bool_or(t.strange),
        'members'::pg_catalog.text, pg_catalog.array_agg(t.member ORDER BY t.member),
        'places'::pg_catalog.text, COALESCE(pg_catalog.array_agg(t.member ORDER BY t.member) FILTER (WHERE t.held),
            ARRAY[]::pg_catalog.text[])) AS one
    FROM told t GROUP BY t.name HAVING pg_catalog.bool_or(t.other) OR pg_catalog.bool_or(t.root AND t.strange)
) x"#;

/// The tables of others among those that were looked at.
///
/// # Errors
/// If something is no table.
pub(super) fn families(found: Option<String>) -> Result<Vec<Family>, DatabaseError> {
    let Some(found) = found else { return Ok(Vec::new()) };
    let families: Vec<Family> = serde_json::from_str(&found).map_err(|error| {
        let message = format!("the server's answer about owners cannot be read: {error}");
        DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, message)
    })?;
    let none: Vec<&str> = families.iter().filter(|family| family.no_table).map(|family| family.name.as_str()).collect();
    if none.is_empty() {
        return Ok(families);
    }
    let message = format!("{} is no table any more", none.join(", "));
    Err(DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, message)
        .with_help("somebody put something else in its place: look at it, then begin again"))
}

/// The statement that reads all rows of one table: these columns, or all that can be copied.
pub(super) fn copy_sql(place: &str, columns: &[String]) -> String {
    let columns = if columns.is_empty() { String::new() } else { format!(" ({})", list("", columns)) };
    format!("COPY {place}{columns} TO STDOUT WITH (FORMAT text, ENCODING 'UTF8')")
}

/// Rows, and the sum of the hashes of their lines: the order does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) rows: u64,
    sum: u128,
}

impl Content {
    pub(super) fn add(&mut self, line: &Bytes) {
        let hash = blake3::hash(line);
        let half = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        self.join(Self { rows: 1, sum: u128::from_le_bytes(half) });
    }

    fn join(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The sum as a mark. No sum of transactions looks like it.
    pub(super) fn mark(&self) -> String {
        format!("lines-{:032x}", self.sum)
    }
}

/// What a table holds in these columns, or in all.
pub(super) async fn content(
    connection: &mut PgConnection,
    family: &Family,
    columns: &[String],
) -> Result<Content, DatabaseError> {
    let mut content = Content::default();
    for place in family.places()? {
        let mut lines = connection.copy_out_raw(&copy_sql(place, columns)).await.map_err(translate)?;
        while let Some(line) = lines.next().await.transpose().map_err(translate)? {
            content.add(&line);
        }
    }
    Ok(content)
}

/// Counts the rows of tables by the column that is sent fastest.
pub(super) async fn count(connection: &mut PgConnection, family: &Family) -> Result<u64, DatabaseError> {
    let sql = format!(
        "SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({})::pg_catalog.oid \
         AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped \
         AND a.attgenerated OPERATOR(pg_catalog.=) ''::pg_catalog.\"char\" \
         ORDER BY a.attlen OPERATOR(pg_catalog.<) 0::pg_catalog.int2, a.attlen, a.attnum LIMIT 1",
        literal(&family.name)
    );
    let column: Option<String> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&mut *connection).await.map_err(translate)?;
    Ok(content(connection, family, column.as_slice()).await?.rows)
}
