//! Questions by key, many keys at once: one query, however many.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::error::translate;
use super::introspect::get;
use super::operators::{Comparison, Operators, text_of};
use super::{Postgres, described};
use crate::backends::database::load::parse_text;
use crate::backends::database::quote::{identifier, literal, qualified};
use crate::backends::database::{DatabaseError, DatabaseErrorKind, Lookup};
use crate::model::{Engine, Namespace, Row, Value};

/// Types of a table's columns: in full, and the type under every domain without what would cut a value short.
const TYPES: &str = "\
WITH RECURSIVE base AS (
    SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, t.oid, t.typtype, t.typbasetype
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid
      AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, b.attname, b.atttypid, b.atttypmod, t.oid, t.typtype, t.typbasetype
    FROM base b JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) b.typbasetype
    WHERE b.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog.\"char\"
)
SELECT attname::pg_catalog.text AS name, pg_catalog.format_type(atttypid, atttypmod) AS full_type,
       pg_catalog.format_type(oid, -1) AS open_type
FROM base WHERE typtype OPERATOR(pg_catalog.<>) 'd'::pg_catalog.\"char\"";

struct ColumnType {
    full: String,
    open: String,
}

impl Postgres {
    /// Which keys exist.
    pub(super) async fn which_exist(
        &self,
        (namespace, table): (&Namespace, &str),
        columns: &[String],
        keys: &[Row],
    ) -> Result<Vec<bool>, DatabaseError> {
        let mut transaction = self.begin_reading(namespace, &[table]).await?;
        let types = types(&mut transaction, namespace, table).await?;
        let operators = Operators::of(&mut transaction, namespace, table).await?;
        let sql = format!(
            "SELECT DISTINCT k.place FROM {} JOIN {} t ON {}",
            given(columns, &types, keys)?,
            qualified(namespace, table),
            matching(columns, &operators)
        );
        let found = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await.map_err(translate)?;
        let mut answer = vec![false; keys.len()];
        for row in &found {
            if let Some(exists) = answer.get_mut(place(row.try_get(0).map_err(translate)?)) {
                *exists = true;
            }
        }
        transaction.rollback().await.map_err(translate)?;
        Ok(answer)
    }

    /// One column's values by key.
    pub(super) async fn values_by_key(
        &self,
        question: &Lookup,
        keys: &[Row],
    ) -> Result<Vec<Option<Value>>, DatabaseError> {
        let Lookup { namespace, table, columns, wanted } = question;
        let mut transaction = self.begin_reading(namespace, &[table]).await?;
        let types = types(&mut transaction, namespace, table).await?;
        let operators = Operators::of(&mut transaction, namespace, table).await?;
        let logical = described::logical(&type_of(&types, wanted)?.full, None);
        let sql = format!(
            "SELECT DISTINCT ON (k.place) k.place, {} FROM {} JOIN {} t ON {} ORDER BY k.place",
            text_of(&format!("t.{}", identifier(wanted))),
            given(columns, &types, keys)?,
            qualified(namespace, table),
            matching(columns, &operators)
        );
        let found = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await.map_err(translate)?;
        let mut answer = vec![None; keys.len()];
        for row in &found {
            let value = match row.try_get::<Option<String>, _>(1).map_err(translate)? {
                None => Value::Null,
                Some(text) => parse_text::value(&text, &logical).unwrap_or(Value::Text(text)),
            };
            if let Some(slot) = answer.get_mut(place(row.try_get(0).map_err(translate)?)) {
                *slot = Some(value);
            }
        }
        transaction.rollback().await.map_err(translate)?;
        Ok(answer)
    }
}

async fn types(
    connection: &mut PgConnection,
    namespace: &Namespace,
    table: &str,
) -> Result<HashMap<String, ColumnType>, DatabaseError> {
    let rows = sqlx::query(TYPES).bind(qualified(namespace, table)).fetch_all(connection).await.map_err(translate)?;
    rows.iter()
        .map(|row| Ok((get(row, "name")?, ColumnType { full: get(row, "full_type")?, open: get(row, "open_type")? })))
        .collect()
}

fn type_of<'t>(types: &'t HashMap<String, ColumnType>, column: &str) -> Result<&'t ColumnType, DatabaseError> {
    types.get(column).ok_or_else(|| {
        let message = format!("there is no column {} in the table", identifier(column));
        DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, message)
    })
}

/// The keys as a table, each with its place. A literal is read by its type's own input; to cast a text would be to ask
/// for a cast, and the type's owner may have made one.
fn given(columns: &[String], types: &HashMap<String, ColumnType>, keys: &[Row]) -> Result<String, DatabaseError> {
    let open: Vec<&str> =
        columns.iter().map(|column| Ok(type_of(types, column)?.open.as_str())).collect::<Result<_, DatabaseError>>()?;
    let value = |value: Option<&Value>, open: &str| match value.and_then(parse_text::text_of) {
        Some(text) => format!("{}::{open}", literal(&text)),
        None => format!("NULL::{open}"),
    };
    let row = |(place, key): (usize, &Row)| {
        let values: Vec<String> = open.iter().enumerate().map(|(at, open)| value(key.get(at), open)).collect();
        format!("({}::pg_catalog.int8, {})", place + 1, values.join(", "))
    };
    let rows: Vec<String> = keys.iter().enumerate().map(row).collect();
    let names: Vec<String> = (1..=columns.len()).map(|at| format!("k{at}")).collect();
    Ok(format!("(VALUES {}) AS k(place, {})", rows.join(", "), names.join(", ")))
}

fn matching(columns: &[String], operators: &Operators) -> String {
    let part = |(at, column): (usize, &String)| {
        operators.compare(column, &format!("t.{}", identifier(column)), Comparison::Equal, &format!("k.k{}", at + 1))
    };
    let parts: Vec<String> = columns.iter().enumerate().map(part).collect();
    parts.join(" AND ")
}

/// An ordinality as an index.
fn place(ordinal: i64) -> usize {
    usize::try_from(ordinal - 1).unwrap_or(usize::MAX)
}
