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
    /// The file or a page of it is damaged.
    Corrupt,
    /// The address or the server is not one that fixtool can work with.
    Unsupported,
    /// Anything else the server refused.
    Other,
}

/// An error from a database, with the server's own words.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", engine.title())]
pub struct DatabaseError {
    /// Which engine.
    pub engine: Engine,
    /// What sort of error.
    pub kind: DatabaseErrorKind,
    /// What happened, in the server's words; no password and no row of data in it.
    pub message: String,
    /// SQLSTATE or SQLite's result code.
    pub code: Option<String>,
    /// The constraint that was violated.
    pub constraint: Option<String>,
    /// What to do next.
    pub help: Option<String>,
}

impl DatabaseError {
    /// An error of this kind without a server's code.
    pub fn new(engine: Engine, kind: DatabaseErrorKind, message: impl Into<String>) -> Self {
        Self { engine, kind, message: message.into(), code: None, constraint: None, help: None }
    }

    /// With advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the same call may go through later by itself.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, DatabaseErrorKind::Unreachable | DatabaseErrorKind::Contention)
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
