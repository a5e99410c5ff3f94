//! What can go wrong at a database, sorted by what can be done about it.

use crate::model::Engine;

/// What sort of database error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatabaseErrorKind {
    /// The server cannot be reached, or the connection was lost.
    Unreachable,
    /// Password, certificate or privilege.
    Permission,
    /// Serialization failure, deadlock, lock timeout, a busy SQLite file.
    Contention,
    /// A constraint was violated by data.
    Constraint,
    /// The disk is full or a quota of the server is used up.
    Full,
    /// The table would hold more rows than the load was allowed to make.
    Quota,
    /// The run that writes has lost its lease.
    Fenced,
    /// The file or a page of it is damaged.
    Corrupt,
    /// The address or the server is not one that fixtool can work with.
    Unsupported,
    /// Anything else the server refused.
    Other,
}

/// An error from a database, with the server's own words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {message}", engine.title())]
pub struct DatabaseError {
    /// Which engine.
    pub engine: Engine,
    /// What sort of error.
    pub kind: DatabaseErrorKind,
    /// What happened, in the server's words; no password and no row of data in it.
    pub message: String,
    /// SQLSTATE or SQLite's result code.
    pub code: Option<Box<str>>,
    /// The constraint that was violated.
    pub constraint: Option<Box<str>>,
    /// Where the server says that it was, without the value.
    pub context: Option<Box<str>>,
    /// What to do next.
    pub help: Option<String>,
}

impl DatabaseError {
    /// An error of this kind without a server's code.
    pub fn new(engine: Engine, kind: DatabaseErrorKind, message: impl Into<String>) -> Self {
        Self { engine, kind, message: message.into(), code: None, constraint: None, context: None, help: None }
    }

    /// With advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it is about one row: without that row the call goes through. Everything else is about the whole work: the
    /// connection, a right, a lock, a full disk, a statement that cannot be.
    pub fn is_of_row(&self) -> bool {
        if self.kind == DatabaseErrorKind::Constraint {
            return true;
        }
        let code = self.code.as_deref().unwrap_or_default();
        match self.engine {
            Engine::Postgres => is_row_state(code),
            // Too big; a row id that is no whole number; a text that a function of SQLite could not read.
            Engine::Sqlite => {
                matches!(code, "18" | "20") || (code == "1" && self.message.starts_with("malformed JSON"))
            }
        }
    }

    /// Whether somebody answered and hung up, or has no place yet: a server that is starting, a balancer that changes its
    /// mind. Where nobody answers, or somebody refuses, this is not so.
    pub fn is_cut(&self) -> bool {
        self.engine == Engine::Postgres && matches!(self.code.as_deref(), Some("08006" | "57P03" | "53300"))
    }

    /// Whether the same call may go through later by itself.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, DatabaseErrorKind::Unreachable | DatabaseErrorKind::Contention)
    }
}

/// SQLSTATE classes that are not about a row; all others, those that a trigger made up too, are.
///
/// Source: PostgreSQL documentation, appendix A.
const WHOLE: [&str; 28] = [
    "00", "01", "02", "03", "08", "0A", "0L", "0P", "0Z", "20", "25", "26", "28", "2B", "2D", "34", "3B", "3D", "3F",
    "40", "42", "53", "55", "57", "58", "F0", "HV", "XX",
];

fn is_row_state(code: &str) -> bool {
    match code.get(..2) {
        // An entry too long for its index; the others of the class are about the statement.
        Some("54") => code == "54000",
        Some(class) => !WHOLE.contains(&class),
        None => false,
    }
}

impl miette::Diagnostic for DatabaseError {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let what = match self.kind {
            DatabaseErrorKind::Unreachable => "unreachable",
            DatabaseErrorKind::Permission => "permission",
            DatabaseErrorKind::Contention => "contention",
            DatabaseErrorKind::Constraint => "constraint",
            DatabaseErrorKind::Full => "full",
            DatabaseErrorKind::Quota => "quota",
            DatabaseErrorKind::Fenced => "fenced",
            DatabaseErrorKind::Corrupt => "corrupt",
            DatabaseErrorKind::Unsupported => "unsupported",
            DatabaseErrorKind::Other => "other",
        };
        Some(Box::new(format!("fixtool::database::{what}")))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn std::fmt::Display>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_one_row_is_told_from_what_is_about_the_whole() {
        for row in ["22P02", "22003", "22023", "23502", "23514", "23P01", "54000", "P0001", "44000", "21000", "A0001"] {
            assert!(is_row_state(row), "{row}");
        }
        for whole in
            ["", "08006", "40001", "40P01", "53100", "57014", "25P02", "42501", "42703", "54001", "55P03", "XX001"]
        {
            assert!(!is_row_state(whole), "{whole}");
        }
    }
}
