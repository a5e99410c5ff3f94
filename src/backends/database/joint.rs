//! One transaction that sees two namespaces of a placement: the living one, and one beside it whose rows go over.
//!
//! On PostgreSQL both are schemas of one database. On SQLite the second file is attached, and only the first is
//! written to, so that what is committed is committed in one place.

use super::quote::{identifier, qualified};
use crate::model::{Engine, LogicalType, Namespace, Table};

/// The two namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The one that is written to.
    pub living: Namespace,
    /// The one that is only read.
    pub beside: Namespace,
}

/// Under which name SQLite knows the file that is attached.
pub(super) const ATTACHED: &str = "beside";

impl Pair {
    /// The full name of a table of the living one.
    pub fn living_table(&self, engine: Engine, table: &str) -> String {
        match engine {
            Engine::Postgres => qualified(&self.living, table),
            Engine::Sqlite => format!("main.{}", identifier(table)),
        }
    }

    /// The full name of a table beside.
    pub fn beside_table(&self, engine: Engine, table: &str) -> String {
        match engine {
            Engine::Postgres => qualified(&self.beside, table),
            Engine::Sqlite => format!("{ATTACHED}.{}", identifier(table)),
        }
    }
}

/// Whether the columns of two rows are pairwise equal. The first row is of this table.
///
/// On PostgreSQL each operator is named in full. Of types that are not among the logical ones the stored bytes are
/// compared, which needs no operator of theirs: values that a type takes for one are then told apart.
pub fn matching(engine: Engine, (one, table, own): (&str, &Table, &[String]), other: (&str, &[String])) -> String {
    let pair = |(column, its): (&String, &String)| {
        let (left, right) = (format!("{one}.{}", identifier(column)), format!("{}.{}", other.0, identifier(its)));
        let native = table.columns.get(column).is_some_and(|c| matches!(c.logical, LogicalType::Native(_)));
        match engine {
            Engine::Postgres if native => {
                format!("ROW({left})::pg_catalog.record OPERATOR(pg_catalog.*=) ROW({right})::pg_catalog.record")
            }
            Engine::Postgres => format!("{left} OPERATOR(pg_catalog.=) {right}"),
            Engine::Sqlite => format!("{left} = {right}"),
        }
    };
    let pairs: Vec<String> = own.iter().zip(other.1).map(pair).collect();
    pairs.join(" AND ")
}

/// Whether two values differ, NULL being a value like any other. Not every type of PostgreSQL can be compared, but each
/// has a text.
pub fn differ(engine: Engine, left: &str, right: &str) -> String {
    match engine {
        Engine::Postgres => format!(
            "(pg_catalog.concat({left}) OPERATOR(pg_catalog.<>) pg_catalog.concat({right}) \
             OR ({left} IS NULL) OPERATOR(pg_catalog.<>) ({right} IS NULL))"
        ),
        Engine::Sqlite => format!("{left} IS NOT {right}"),
    }
}

/// What is done in the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JointStep {
    /// Changes rows of a table of the living one.
    Change {
        /// The table's name.
        table: String,
        /// The statement.
        sql: String,
    },
    /// Locks a table, or writes to fixtool's own.
    Own(String),
    /// Gives one number of rows; unless it is 0, the transaction ends with these words.
    Refuse {
        /// The query.
        query: String,
        /// What to say; the number comes before it.
        message: String,
        /// What to do.
        help: String,
    },
}
