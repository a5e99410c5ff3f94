//! Rows into a table by COPY, of which some may hold what only the server can judge: a document's number, an address,
//! a range. COPY takes all rows or none, and says which one it could not read.

use std::ops::Range;

use bytes::Bytes;
use sqlx::{AssertSqlSafe, PgConnection};

use super::super::error::translate;
use super::Target;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::copy_binary;
use crate::backends::database::load::search::Search;
use crate::backends::database::load::{Encoding, Refused};
use crate::backends::database::quote::list;
use crate::model::LogicalType;

/// A COPY into a table.
#[derive(Debug, Clone)]
pub struct Copying {
    statement: String,
    /// The table's name as the server says it in an error's context.
    name: String,
    columns: Vec<String>,
    binary: bool,
}

impl Copying {
    /// Into a table, given by its full name and its bare one.
    pub fn into((table, name): (&str, &str), columns: Vec<String>, binary: bool) -> Self {
        let format = if binary { "FORMAT binary" } else { "FORMAT text, ENCODING 'UTF8'" };
        let statement = format!("COPY {table} ({}) FROM STDIN WITH ({format})", list("", &columns));
        Self { statement, name: name.to_owned(), columns, binary }
    }

    /// The statement.
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// Which row an error is about, from zero, and which column, where the server says it. The words around them are
    /// in the server's language.
    pub fn place_of(&self, error: &DatabaseError) -> Option<(usize, Option<String>)> {
        let context = error.context.as_deref()?;
        let prefix = format!("COPY {}, ", self.name);
        let told = context.lines().find_map(|line| line.strip_prefix(&prefix))?;
        let from = told.find(|c: char| c.is_ascii_digit())?;
        let rest = told.get(from..)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let line: usize = rest.get(..end)?.parse().ok()?;
        let after = rest.get(end..)?;
        let after = after.split_once(": ").map_or(after, |(before, _)| before);
        let named = self.columns.iter().filter(|column| after.ends_with(&format!(" {column}")));
        Some((line.checked_sub(1)?, named.max_by_key(|column| column.len()).cloned()))
    }

    /// The row that an error is about, where that is known, as the one that ends the load.
    pub fn refused(&self, error: &DatabaseError, ordinal: impl FnOnce(usize) -> Option<u64>) -> Option<Vec<Refused>> {
        let (row, column) = self.place_of(error).filter(|_| error.is_of_row())?;
        Some(vec![Refused::by_database(ordinal(row)?, error, column)])
    }

    /// Sends rows, in pieces as they came.
    pub async fn send(&self, connection: &mut PgConnection, pieces: &[Bytes]) -> Result<(), DatabaseError> {
        let mut copy = connection.copy_in_raw(&self.statement).await.map_err(translate)?;
        if self.binary {
            copy.send(copy_binary::HEADER).await.map_err(translate)?;
        }
        for piece in pieces {
            copy.send(piece.as_ref()).await.map_err(translate)?;
        }
        if self.binary {
            copy.send(copy_binary::TRAILER).await.map_err(translate)?;
        }
        copy.finish().await.map(drop).map_err(translate)
    }

    /// Sends rows, and leaves out those that the server cannot read. The answer names them by their place among the
    /// rows; `ordinals` says which record each row came from.
    pub async fn send_what_goes(
        &self,
        connection: &mut PgConnection,
        pieces: &[Bytes],
        ordinals: &[u64],
    ) -> Result<Vec<(usize, Refused)>, DatabaseError> {
        run(connection, "SAVEPOINT copied").await?;
        let first = match self.send(connection, pieces).await {
            Ok(()) => {
                run(connection, "RELEASE SAVEPOINT copied").await?;
                return Ok(Vec::new());
            }
            Err(error) if error.is_of_row() => error,
            Err(error) => return Err(error),
        };
        let rows = Rows::of(pieces, self.binary);
        let mut search = Search::over(rows.ends.len());
        let mut found = Vec::new();
        let mut known = Some(first);
        while let Some(piece) = search.piece() {
            let done = match known.take() {
                Some(error) => Err(error),
                None => self.send(connection, &[rows.piece(&piece)]).await,
            };
            match done {
                Ok(()) => {
                    search.passed();
                    run(connection, "RELEASE SAVEPOINT copied; SAVEPOINT copied").await?;
                }
                Err(error) if error.is_of_row() => {
                    run(connection, "ROLLBACK TO SAVEPOINT copied").await?;
                    let (line, column) = self.place_of(&error).map_or((None, None), |(line, c)| (Some(line), c));
                    if let Some(row) = search.failed(line) {
                        let ordinal = ordinals.get(row).copied().unwrap_or_default();
                        found.push((row, Refused::by_database(ordinal, &error, column)));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        run(connection, "RELEASE SAVEPOINT copied").await?;
        Ok(found)
    }
}

/// Encoded rows, and where each ends.
struct Rows {
    bytes: Bytes,
    ends: Vec<usize>,
}

impl Rows {
    fn of(pieces: &[Bytes], binary: bool) -> Self {
        let bytes = match pieces {
            [one] => one.clone(),
            many => many.concat().into(),
        };
        let ends = if binary {
            copy_binary::ends(&bytes)
        } else {
            memchr::memchr_iter(b'\n', &bytes).map(|at| at + 1).collect()
        };
        Self { bytes, ends }
    }

    fn piece(&self, rows: &Range<usize>) -> Bytes {
        let end = |row: usize| row.checked_sub(1).and_then(|row| self.ends.get(row)).copied().unwrap_or_default();
        self.bytes.slice(end(rows.start)..end(rows.end))
    }
}

/// Binary where every column has to the letter the type that its values are encoded for.
pub async fn encoding(connection: &mut PgConnection, spec: &Target, table: &str) -> Result<Encoding, DatabaseError> {
    let known = spec.columns.iter().map(|name| Some((name.as_str(), &spec.definition.columns.get(name)?.logical)));
    let typed: Option<Vec<_>> = known.collect();
    let wires = wires(connection, table, &typed.unwrap_or_default()).await?;
    let wires = wires.filter(|wires| wires.len() == spec.columns.len());
    Ok(match wires {
        Some(wires) => Encoding::CopyBinary { wires: wires.into() },
        None => Encoding::CopyText { positions: false },
    })
}

/// How values of these columns are written in binary; `None` unless each has to the letter the type for which that is
/// known.
pub async fn wires(
    connection: &mut PgConnection,
    table: &str,
    columns: &[(&str, &LogicalType)],
) -> Result<Option<Vec<copy_binary::Wire>>, DatabaseError> {
    let found: Vec<(String, i64)> = sqlx::query_as(
        "SELECT attname::pg_catalog.text, atttypid::pg_catalog.int8 FROM pg_catalog.pg_attribute \
         WHERE attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped",
    )
    .bind(table)
    .fetch_all(connection)
    .await
    .map_err(translate)?;
    let wire = |(name, logical): &(&str, &LogicalType)| {
        let (_, oid) = found.iter().find(|(column, _)| column == name)?;
        copy_binary::wire(logical, u32::try_from(*oid).ok()?)
    };
    Ok(columns.iter().map(wire).collect())
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop).map_err(translate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::database::DatabaseErrorKind;
    use crate::model::Engine;

    #[test]
    fn the_row_and_the_column_are_read_in_any_language() {
        let columns = ["ip", "the ip", "a, line 9"].map(str::to_owned).to_vec();
        let copying = Copying::into(("s.nat", "nat"), columns, false);
        let place = |context: &str| {
            let error = DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Other, "");
            copying.place_of(&DatabaseError { context: Some(context.into()), ..error })
        };
        assert_eq!(place("COPY nat, line 2, column ip"), Some((1, Some("ip".to_owned()))));
        assert_eq!(place("COPY nat, line 2, column the ip: null input"), Some((1, Some("the ip".to_owned()))));
        assert_eq!(place("COPY nat, Zeile 12, Spalte a, line 9"), Some((11, Some("a, line 9".to_owned()))));
        assert_eq!(place("PL/pgSQL function f() line 3 at RAISE\nCOPY nat, line 7"), Some((6, None)));
        assert_eq!(place("COPY other, line 2, column ip"), None);
        assert_eq!(place("COPY nat, line 0"), None);
    }
}
