//! Filling the tables of a fresh namespace with the lines that a moment gave (see
//! [`instant`](super::instant)).
//!
//! Tables come first and without keys ([`ddl::stages`](super::ddl::stages)), then the rows, then keys and
//! foreign keys. On PostgreSQL the lines go to the server as they are, several tables or several parts
//! of one table side by side. SQLite has one writer: there the calls must come one after the other.

use bytes::Bytes;
use memchr::memchr_iter;

use super::{DatabaseError, DatabaseErrorKind};
use crate::model::{Checkpoint, Engine, LogicalType, Namespace};

/// What is filled.
#[derive(Debug, Clone, PartialEq)]
pub struct RefillSpec {
    /// Where.
    pub namespace: Namespace,
    /// The table, without its keys yet.
    pub table: String,
    /// The columns in the order of the lines.
    pub columns: Vec<(String, LogicalType)>,
    /// The engine that wrote the lines, if nobody changed them since. PostgreSQL has one text for each value: such
    /// lines need not be parsed by the server once more.
    pub written_by: Option<Engine>,
    /// Whether these are all lines of the table: it is emptied first, so that a second try is as good
    /// as the first, and PostgreSQL need not come back to its rows later. Otherwise they are added.
    pub alone: bool,
    /// What is noted in the transaction of the rows.
    pub checkpoint: Option<Checkpoint>,
}

/// What the source of the lines says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refill {
    /// Lines; one may begin here and end in the next piece.
    Lines(Bytes),
    /// That was all. A source that goes away without it has failed, and nothing is kept.
    End,
}

/// Counts the lines that come by.
#[derive(Debug, Default)]
pub(super) struct Tally {
    lines: u64,
    open: bool,
}

impl Tally {
    /// Takes notice of some bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.lines += memchr_iter(b'\n', bytes).count() as u64;
        self.open = bytes.last().map_or(self.open, |last| *last != b'\n');
    }

    /// Refuses a last line without its end, and a database that took another number of rows.
    pub(super) fn prove(&self, spec: &RefillSpec, engine: Engine, rows: u64) -> Result<u64, DatabaseError> {
        if self.open {
            return Err(damaged(engine, spec, "the last line has no end"));
        }
        if self.lines != rows {
            return Err(damaged(engine, spec, &format!("{rows} of {} lines were rows", self.lines)));
        }
        Ok(rows)
    }
}

/// The lines are not what they should be.
pub(super) fn damaged(engine: Engine, spec: &RefillSpec, what: &str) -> DatabaseError {
    DatabaseError::new(
        engine,
        DatabaseErrorKind::Corrupt,
        format!("the lines for '{}' are damaged: {what}", spec.table),
    )
}

/// The source went away before its end.
pub(super) fn broken_off(engine: Engine, spec: &RefillSpec) -> DatabaseError {
    let message = format!("the lines for '{}' broke off", spec.table);
    DatabaseError::new(engine, DatabaseErrorKind::Other, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_across_pieces() {
        let spec = RefillSpec {
            namespace: Namespace("tenant_a".into()),
            table: "a".into(),
            columns: vec![],
            written_by: None,
            alone: true,
            checkpoint: None,
        };
        let proved = |pieces: &[&str], rows| {
            let mut tally = Tally::default();
            for piece in pieces {
                tally.push(piece.as_bytes());
            }
            tally.prove(&spec, Engine::Sqlite, rows).is_ok()
        };
        assert!(proved(&["a\nb", "c\n", ""], 2));
        assert!(proved(&[], 0));
        assert!(!proved(&["a\nb"], 1));
        assert!(!proved(&["a\nb\n"], 1));
    }
}
