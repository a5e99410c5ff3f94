//! Rows and keys out of a SQLite file.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Column as _, Executor, Row as _, SqliteConnection, Statement as _, TypeInfo as _};
use tokio::sync::mpsc;

use super::stored::Stored;
use super::{translate, value};
use crate::backends::database::ddl::column_types::of_sqlite;
use crate::backends::database::quote::{identifier, list};
use crate::backends::database::{DatabaseError, DatabaseErrorKind, Lookup, Select};
use crate::model::{Engine, LogicalType, Row, Value};

/// Rows that are handed on together.
const CHUNK: usize = 1000;
/// Values that one statement binds at most; SQLite's own limit is 32766.
const BOUND: usize = 4000;

/// What happens to a stored value that is no value of its column's type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// It is an error.
    Refused,
    /// It is handed on as text: the types were only guessed.
    AsText,
    /// It is an error, and a time that names no zone is handed on as text: no moment is known for it.
    RefusedOrLocal,
}

/// The statement behind a [`Select`].
pub(super) fn statement(what: &Select) -> String {
    let names: Vec<String> = what.columns.iter().map(|(name, _)| name.clone()).collect();
    let mut sql = format!("SELECT {} FROM {}", list("", &names), identifier(&what.table));
    if !what.order.is_empty() {
        sql.push_str(" ORDER BY ");
        sql.push_str(&list("", &what.order));
    }
    sql
}

/// Streams what a statement gives. `None` when the receiver went away.
pub(super) async fn stream(
    connection: &mut SqliteConnection,
    sql: &str,
    (columns, odd): (&[(String, LogicalType)], Odd),
    out: &mpsc::Sender<Vec<Row>>,
) -> Result<Option<u64>, DatabaseError> {
    let mut found = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(connection);
    let (mut rows, mut total) = (Vec::new(), 0_u64);
    while let Some(row) = found.try_next().await.map_err(translate)? {
        let at = |error: DatabaseError| {
            DatabaseError::new(Engine::Sqlite, error.kind, format!("row {}: {}", total + 1, error.message))
        };
        rows.push(read(&row, columns, odd).map_err(at)?);
        total += 1;
        if rows.len() >= CHUNK && out.send(std::mem::take(&mut rows)).await.is_err() {
            return Ok(None);
        }
    }
    if !rows.is_empty() && out.send(rows).await.is_err() {
        return Ok(None);
    }
    Ok(Some(total))
}

/// A row as values of these types.
pub(super) fn read(
    row: &sqlx::sqlite::SqliteRow,
    columns: &[(String, LogicalType)],
    odd: Odd,
) -> Result<Row, DatabaseError> {
    let mut values = Vec::with_capacity(columns.len());
    for (at, (name, logical)) in columns.iter().enumerate() {
        let stored = Stored::of(row, at)?;
        let class = stored.class();
        let text = if odd == Odd::AsText { stored.clone().plain() } else { None };
        let local = if odd == Odd::RefusedOrLocal { stored.local_time(logical) } else { None };
        let value =
            local.map(Value::Text).or_else(|| stored.read_as(logical)).or_else(|| text.map(Value::Text)).ok_or_else(
                || {
                    let message = format!("the column {} holds {class} that is no {logical}", identifier(name));
                    DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Other, message)
                },
            )?;
        values.push(value);
    }
    Ok(values)
}

/// Columns that a query gives, by the types that they were declared with. What has none, such as the
/// result of a function, is what it is in the first row.
pub(super) async fn columns_of(
    connection: &mut SqliteConnection,
    sql: &str,
) -> Result<Vec<(String, LogicalType)>, DatabaseError> {
    let sql = sql.trim().trim_end_matches(';');
    let statement =
        connection.prepare(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql.to_owned()))).await.map_err(translate)?;
    // The line end keeps a comment at the end of the query from taking the rest with it.
    let first = sqlx::query(AssertSqlSafe(format!("SELECT * FROM ({sql}\n) LIMIT 1")))
        .fetch_optional(&mut *connection)
        .await
        .map_err(translate)?;
    let mut columns = Vec::with_capacity(statement.columns().len());
    for (at, column) in statement.columns().iter().enumerate() {
        let stored = first.as_ref().map_or(Ok(Stored::Null), |row| Stored::of(row, at))?;
        // The driver folds declared types into SQLite's classes; those that it does not know are NULL.
        let logical = match (column.type_info().name(), stored) {
            ("INTEGER", _) | ("NULL", Stored::Integer(_)) => LogicalType::BigInt,
            ("NULL", Stored::Real(_)) => LogicalType::Float,
            ("NULL", Stored::Blob(_)) => LogicalType::Bytes,
            ("NULL", _) => LogicalType::Text,
            // A declared type promises nothing about zones, so times stay the texts that they are.
            (other, _) => match of_sqlite(other, None) {
                LogicalType::Timestamp => LogicalType::Text,
                logical => logical,
            },
        };
        columns.push((column.name().to_owned(), logical));
    }
    Ok(columns)
}

/// Which keys exist.
pub(super) async fn which_exist(
    connection: &mut SqliteConnection,
    table: &str,
    columns: &[String],
    keys: &[Row],
) -> Result<Vec<bool>, DatabaseError> {
    let mut answer = vec![false; keys.len()];
    by_keys(connection, (table, columns, "1"), keys, |place, _| {
        if let Some(exists) = answer.get_mut(place) {
            *exists = true;
        }
        Ok(())
    })
    .await?;
    Ok(answer)
}

/// One column's values by key.
pub(super) async fn values_by_key(
    connection: &mut SqliteConnection,
    question: &Lookup,
    keys: &[Row],
) -> Result<Vec<Option<Value>>, DatabaseError> {
    let declared: Option<String> =
        sqlx::query_scalar("SELECT type FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE")
            .bind(&question.table)
            .bind(&question.wanted)
            .fetch_optional(&mut *connection)
            .await
            .map_err(translate)?;
    let logical = of_sqlite(&declared.unwrap_or_default(), None);
    let wanted = format!("t.{}", identifier(&question.wanted));
    let mut answer = vec![None; keys.len()];
    by_keys(connection, (&question.table, &question.columns, &wanted), keys, |place, stored| {
        let text = stored.clone().plain().map(Value::Text);
        if let Some(slot) = answer.get_mut(place) {
            *slot = stored.read_as(&logical).or(text);
        }
        Ok(())
    })
    .await?;
    Ok(answer)
}

/// Asks for many keys with one statement, and hands each key that exists to `found`.
async fn by_keys(
    connection: &mut SqliteConnection,
    (table, columns, wanted): (&str, &[String], &str),
    keys: &[Row],
    mut found: impl FnMut(usize, Stored) -> Result<(), DatabaseError> + Send,
) -> Result<(), DatabaseError> {
    let together = (BOUND / columns.len().max(1)).max(1);
    for (chunk, some) in keys.chunks(together).enumerate() {
        let mut arguments = SqliteArguments::default();
        let mut tuples = Vec::with_capacity(some.len());
        for (at, key) in some.iter().enumerate() {
            tuples.push(format!("({at}{})", ", ?".repeat(columns.len())));
            for column in 0..columns.len() {
                value::bind(key.get(column).cloned().unwrap_or(Value::Null), &mut arguments)?;
            }
        }
        let names: Vec<String> = (0..columns.len()).map(|at| format!("k{at}")).collect();
        let matching: Vec<String> =
            columns.iter().zip(&names).map(|(c, k)| format!("t.{} = k.{k}", identifier(c))).collect();
        // CROSS JOIN keeps SQLite from reading the whole table to find a few keys.
        let sql = format!(
            "WITH k(place, {}) AS (VALUES {}) SELECT k.place, {wanted} FROM k CROSS JOIN {} t WHERE {}",
            names.join(", "),
            tuples.join(", "),
            identifier(table),
            matching.join(" AND ")
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments)
            .persistent(some.len() == together)
            .fetch_all(&mut *connection)
            .await
            .map_err(translate)?;
        for row in &rows {
            let place: i64 = row.try_get(0).map_err(translate)?;
            let place = usize::try_from(place).unwrap_or(usize::MAX).saturating_add(chunk * together);
            found(place, Stored::of(row, 1)?)?;
        }
    }
    Ok(())
}
