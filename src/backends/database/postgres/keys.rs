//! Questions by key, many keys at once: one query, however many.

use std::collections::HashMap;

use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe, PgConnection, Row as _};

use super::error::translate;
use super::introspect::get;
use super::{Postgres, described};
use crate::backends::database::load::parse_text;
use crate::backends::database::quote::{identifier, qualified};
use crate::backends::database::{DatabaseError, DatabaseErrorKind, Lookup};
use crate::model::{Engine, Namespace, Row, Value};

/// Types of a table's columns, in full and without what would cut a value short.
const TYPES: &str = "\
SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS full_type,
       pg_catalog.format_type(COALESCE(NULLIF(t.typbasetype, 0), t.oid), -1) AS open_type
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped";

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
        let mut transaction = self.begin(namespace).await?;
        let types = types(&mut transaction, namespace, table).await?;
        let sql = format!(
            "SELECT DISTINCT k.place FROM {} JOIN {} t ON {}",
            given(columns),
            qualified(namespace, table),
            matching(columns, &types)?
        );
        let found = sqlx::query_with(AssertSqlSafe(sql), arguments(columns, keys)?)
            .fetch_all(&mut *transaction)
            .await
            .map_err(translate)?;
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
        let mut transaction = self.begin(namespace).await?;
        let types = types(&mut transaction, namespace, table).await?;
        let logical = described::logical(&type_of(&types, wanted)?.full, None);
        let sql = format!(
            "SELECT DISTINCT ON (k.place) k.place, t.{}::text FROM {} JOIN {} t ON {} ORDER BY k.place",
            identifier(wanted),
            given(columns),
            qualified(namespace, table),
            matching(columns, &types)?
        );
        let found = sqlx::query_with(AssertSqlSafe(sql), arguments(columns, keys)?)
            .fetch_all(&mut *transaction)
            .await
            .map_err(translate)?;
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
    let rows =
        sqlx::query(TYPES).bind(namespace.as_str()).bind(table).fetch_all(connection).await.map_err(translate)?;
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

/// The keys as a table: one array a column, and each key's place.
fn given(columns: &[String]) -> String {
    let arrays: Vec<String> = (1..=columns.len()).map(|at| format!("${at}::text[]")).collect();
    let names: Vec<String> = (1..=columns.len()).map(|at| format!("k{at}")).collect();
    format!("unnest({}) WITH ORDINALITY AS k({}, place)", arrays.join(", "), names.join(", "))
}

fn matching(columns: &[String], types: &HashMap<String, ColumnType>) -> Result<String, DatabaseError> {
    let parts: Result<Vec<String>, DatabaseError> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| Ok(format!("t.{} = k.k{}::{}", identifier(column), at + 1, type_of(types, column)?.open)))
        .collect();
    Ok(parts?.join(" AND "))
}

fn arguments(columns: &[String], keys: &[Row]) -> Result<PgArguments, DatabaseError> {
    let mut arguments = PgArguments::default();
    for at in 0..columns.len() {
        let array: Vec<Option<String>> = keys.iter().map(|key| key.get(at).and_then(parse_text::text_of)).collect();
        arguments
            .add(array)
            .map_err(|error| DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, error.to_string()))?;
    }
    Ok(arguments)
}

/// An ordinality as an index.
fn place(ordinal: i64) -> usize {
    usize::try_from(ordinal - 1).unwrap_or(usize::MAX)
}
