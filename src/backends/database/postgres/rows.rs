//! Rows out of PostgreSQL, as a stream: `COPY … TO STDOUT`, the fastest way there is, in constant
//! memory.

use futures_util::StreamExt;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Column as _, Executor, PgConnection, Statement as _};
use tokio::sync::mpsc;

use super::error::translate;
use super::session::{OWN_PATH, hold};
use super::{Postgres, code, described, plain};
use crate::backends::database::load::parse_text;
use crate::backends::database::quote::{list, qualified};
use crate::backends::database::{Access, DatabaseError, DatabaseErrorKind, Select};
use crate::model::{Engine, LogicalType, Namespace, Row};

/// Rows that are handed on together.
const CHUNK: usize = 1000;
/// Bytes after which a chunk is handed on however few its rows are.
const CHUNK_BYTES: usize = 1 << 20;

/// What the names in a query mean.
pub(super) enum Names {
    /// One table, named in full, and the columns of its key.
    Of(String, Vec<String>),
    /// What the user who wrote it means.
    Users,
}

/// What a query that the user wrote finds: it names tables as its author does.
const USERS_PATH: &str = "pg_catalog, public, pg_temp";

/// The namespace of what the user wrote.
pub(super) fn users_own() -> Namespace {
    Namespace("public".to_owned())
}

impl Postgres {
    /// Streams a table's rows. They come in no order where to ask for one would run the table's owner's code.
    pub(super) async fn stream(&self, what: &Select, out: &mpsc::Sender<Vec<Row>>) -> Result<u64, DatabaseError> {
        let names: Vec<String> = what.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut sql = format!("SELECT {} FROM {}", list("", &names), qualified(&what.namespace, &what.table));
        if !what.order.is_empty() {
            sql.push_str(" ORDER BY ");
            sql.push_str(&list("", &what.order));
        }
        let names = Names::Of(qualified(&what.namespace, &what.table), what.order.clone());
        self.stream_sql(&what.namespace, names, (&sql, &what.columns), out).await
    }

    /// Columns that a query gives, with the logical types nearest to theirs.
    pub(super) async fn columns_of(&self, sql: &str) -> Result<Vec<(String, LogicalType)>, DatabaseError> {
        let mut transaction = self.acquire(&users_own()).await?;
        run(&mut transaction, format!("{}; SET LOCAL search_path = {USERS_PATH}", self.begin_sql())).await?;
        // What was prepared stays with its connection; this one is closed, so nobody meets it again.
        transaction.close_on_drop();
        let sql = without_end(sql);
        let described = parsed(&mut transaction, sql).await?;
        let names: Vec<(String, i64)> = described
            .columns()
            .iter()
            .map(|column| {
                let oid = column.type_info().oid().map_or(0, |oid| i64::from(oid.0));
                (column.name().to_owned(), oid)
            })
            .collect();
        run(&mut transaction, format!("SET LOCAL search_path = {OWN_PATH}")).await?;
        let mut columns = Vec::with_capacity(names.len());
        for (name, oid) in names {
            let (type_name, words): (String, Option<Vec<String>>) = sqlx::query_as(
                "SELECT pg_catalog.format_type($1::pg_catalog.oid, NULL), \
                 (SELECT pg_catalog.array_agg(enumlabel::pg_catalog.text ORDER BY enumsortorder) \
                  FROM pg_catalog.pg_enum WHERE enumtypid OPERATOR(pg_catalog.=) $1::pg_catalog.oid)",
            )
            .bind(oid)
            .fetch_one(&mut *transaction)
            .await
            .map_err(translate)?;
            columns.push((name, of_query(described::logical(&type_name, words), oid)));
        }
        run(&mut transaction, "ROLLBACK".to_owned()).await?;
        Ok(columns)
    }

    /// Streams what a query gives, each column read as the type given for it.
    pub(super) async fn stream_sql(
        &self,
        namespace: &Namespace,
        names: Names,
        (sql, columns): (&str, &[(String, LogicalType)]),
        out: &mpsc::Sender<Vec<Row>>,
    ) -> Result<u64, DatabaseError> {
        let mut connection = Unfinished(Some(self.acquire(namespace).await?));
        let Some(open) = connection.0.as_mut() else { return Ok(0) };
        run(open, self.begin_sql_for(Access::ReadOnly)).await?;
        // The line end keeps a comment at the end of the query from taking the rest with it.
        let mut statements = vec![format!("COPY ({sql}\n) TO STDOUT WITH (FORMAT text, ENCODING 'UTF8')")];
        let key = match names {
            Names::Users => {
                run(open, format!("SET LOCAL search_path = {USERS_PATH}")).await?;
                parsed(open, sql).await?;
                // What was prepared stays with its connection.
                open.close_on_drop();
                Vec::new()
            }
            Names::Of(table, key) => {
                let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
                for (family, _) in hold(open, &[table]).await? {
                    statements = family.places()?.iter().map(|place| plain::copy_sql(place, &names)).collect();
                }
                key
            }
        };
        let mut rows = 0;
        for statement in &statements {
            let Some(copied) = copy(open, statement, (columns, &key), out).await? else { return Ok(0) };
            rows += copied;
        }
        run(open, "ROLLBACK".to_owned()).await?;
        // All was read and said: the connection is as good as new.
        drop(connection.0.take());
        Ok(rows)
    }
}

/// A connection in the middle of a COPY. Until all is read it is of no use to anybody else: when a
/// reader stops early, or a task is dropped, it must not go back into the pool.
pub(super) struct Unfinished(pub(super) Option<PoolConnection<sqlx::Postgres>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// Relations of others that our transaction has locked, with their partitions and children.
const LOCKED: &str = r"
WITH RECURSIVE family (id) AS (
    SELECT l.relation FROM pg_catalog.pg_locks l
    WHERE l.locktype OPERATOR(pg_catalog.=) 'relation'::pg_catalog.text
      AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
    UNION
    SELECT h.inhrelid FROM family f JOIN pg_catalog.pg_inherits h ON h.inhparent OPERATOR(pg_catalog.=) f.id
)
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM family f
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.id
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) c.relowner
WHERE NOT o.rolsuper AND o.rolname OPERATOR(pg_catalog.<>) current_user";

/// What a query that the user wrote gives. It is parsed and not planned; then what it names is locked, through every view,
/// and is refused where it would run the code of somebody who has fewer rights than we.
async fn parsed(
    connection: &mut PgConnection,
    sql: &str,
) -> Result<<sqlx::Postgres as sqlx::Database>::Statement, DatabaseError> {
    let described = (&mut *connection)
        .prepare(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql.to_owned())))
        .await
        .map_err(translate)?;
    let others: Vec<String> = sqlx::query_scalar(LOCKED).fetch_all(&mut *connection).await.map_err(translate)?;
    match code::planned(connection, &others).await?.pop_first() {
        Some((_, why)) => Err(why),
        None => Ok(described),
    }
}

/// Sends statements that answer nothing.
pub(super) async fn run(connection: &mut PgConnection, sql: String) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop).map_err(translate)
}

/// `None` when the receiver went away.
async fn copy(
    connection: &mut PgConnection,
    statement: &str,
    (columns, key): (&[(String, LogicalType)], &[String]),
    out: &mpsc::Sender<Vec<Row>>,
) -> Result<Option<u64>, DatabaseError> {
    let mut stream = connection.copy_out_raw(statement).await.map_err(translate)?;
    let mut rows = Vec::new();
    let (mut total, mut bytes) = (0_u64, 0);
    // The server sends one message a row, and the driver hands them on one by one.
    while let Some(line) = stream.next().await.transpose().map_err(translate)? {
        bytes += line.len();
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let row = parse_text::row(text, columns.iter().map(|(_, logical)| logical));
        rows.push(row.map_err(|what| unreadable(&what, (total, text), (columns, key)))?);
        total += 1;
        if rows.len() >= CHUNK || bytes >= CHUNK_BYTES {
            bytes = 0;
            if out.send(std::mem::take(&mut rows)).await.is_err() {
                return Ok(None);
            }
        }
    }
    drop(stream);
    if !rows.is_empty() && out.send(rows).await.is_err() {
        return Ok(Some(total));
    }
    Ok(Some(total))
}

/// A statement without the semicolon that people type behind it.
pub(super) fn without_end(sql: &str) -> &str {
    sql.trim().trim_end_matches(';').trim_end()
}

/// The oid of `timestamp without time zone`, which never changes.
const LOCAL_TIME: i64 = 1114;

/// A column of a query by itself says nothing about zones, so times without one stay the texts that they are.
fn of_query(logical: LogicalType, oid: i64) -> LogicalType {
    if oid == LOCAL_TIME { LogicalType::Native("timestamp without time zone".to_owned()) } else { logical }
}

/// A row that cannot be told in the values of its types: where it is, and the column at fault.
fn unreadable(
    what: &str,
    (before, line): (u64, &[u8]),
    (columns, key): (&[(String, LogicalType)], &[String]),
) -> DatabaseError {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    let one = |(field, (_, logical)): (&&[u8], &(String, LogicalType))| {
        **field != *b"\\N" && parse_text::row(field, std::iter::once(logical)).is_err()
    };
    let wrong =
        fields.iter().zip(columns).find(|pair| one(*pair)).map(|(_, (name, _))| format!(" in the column '{name}'"));
    // Numbers and identifiers are nobody's name, so they may be shown.
    let of_key = |name: &String| {
        let place = columns.iter().position(|(column, logical)| {
            column == name && matches!(logical, LogicalType::Int | LogicalType::BigInt | LogicalType::Uuid)
        })?;
        let field = fields.get(place)?;
        Some(format!("{name} = {}", String::from_utf8_lossy(field)))
    };
    let place: Vec<String> = key.iter().filter_map(of_key).collect();
    let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
    let message = format!("row {}{place}: the server sent {what}{}", before + 1, wrong.unwrap_or_default());
    DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, message)
}
