//! One transaction that sees two namespaces of a placement: the living one, and one beside it whose rows go over.
//!
//! On PostgreSQL both are schemas of one database. On SQLite the second file is attached, and only the first is
//! written to, so that what is committed is committed in one place.

use super::quote::{identifier, qualified};
use crate::model::{Engine, Namespace};

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

/// What is done in the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JointStep {
    /// Changes rows.
    Change(String),
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
