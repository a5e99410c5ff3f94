//! SQLite's errors, sorted by result code.

use super::room;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Sorts an error of the driver.
pub(crate) fn translate(error: sqlx::Error) -> DatabaseError {
    let new = |kind, message: String| DatabaseError::new(Engine::Sqlite, kind, message);
    match error {
        sqlx::Error::Database(server) => {
            let code = server.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
            of_file(code, server.message())
        }
        sqlx::Error::Io(cause) => new(DatabaseErrorKind::Unreachable, cause.to_string()),
        sqlx::Error::PoolTimedOut => new(DatabaseErrorKind::Contention, "no connection became free in time".into())
            .with_help("raise DATABASE_POOL_SIZE, or lower --concurrency"),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            new(DatabaseErrorKind::Unreachable, "the connection was closed".into())
        }
        other => new(DatabaseErrorKind::Other, other.to_string()),
    }
}

fn of_file(code: i32, message: &str) -> DatabaseError {
    let (mut kind, mut message) = (kind_of(code), message.to_owned());
    if kind == DatabaseErrorKind::Unreachable
        && let Some(folder) = room::full()
    {
        kind = DatabaseErrorKind::Full;
        message = format!("{message}; no space is left in {}", folder.display());
    }
    DatabaseError {
        engine: Engine::Sqlite,
        kind,
        code: Some(code.to_string().into()),
        constraint: (kind == DatabaseErrorKind::Constraint).then(|| constraint_of(&message)).flatten().map(Into::into),
        message,
        context: None,
        help: help_of(kind).map(str::to_owned),
    }
}

fn kind_of(code: i32) -> DatabaseErrorKind {
    // The low byte is the primary code; https://sqlite.org/rescode.html lists them.
    match code & 0xff {
        5 | 6 | 15 | 17 => DatabaseErrorKind::Contention,
        19 => DatabaseErrorKind::Constraint,
        3 | 8 | 23 => DatabaseErrorKind::Permission,
        10 | 14 => DatabaseErrorKind::Unreachable,
        13 => DatabaseErrorKind::Full,
        11 | 26 => DatabaseErrorKind::Corrupt,
        _ => DatabaseErrorKind::Other,
    }
}

/// `CHECK constraint failed: name` names the constraint, `UNIQUE constraint failed: t.a, t.b` the columns.
fn constraint_of(message: &str) -> Option<String> {
    message.split_once("failed: ").map(|(_, name)| name.to_owned())
}

fn help_of(kind: DatabaseErrorKind) -> Option<&'static str> {
    Some(match kind {
        DatabaseErrorKind::Contention => "another program is writing to the file; try again when it is done",
        DatabaseErrorKind::Full => "make room on the disk, then resume the run",
        DatabaseErrorKind::Corrupt => "the file is damaged or no SQLite database; restore it from a backup",
        DatabaseErrorKind::Permission => "check the owner and the mode of the file and of its directory",
        DatabaseErrorKind::Unreachable => "check that the path exists and the disk answers",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_can_be_done() {
        for (code, kind) in [
            (5, DatabaseErrorKind::Contention),
            (261, DatabaseErrorKind::Contention),
            (517, DatabaseErrorKind::Contention),
            (2067, DatabaseErrorKind::Constraint),
            (787, DatabaseErrorKind::Constraint),
            (8, DatabaseErrorKind::Permission),
            (1032, DatabaseErrorKind::Permission),
            (13, DatabaseErrorKind::Full),
            (11, DatabaseErrorKind::Corrupt),
            (26, DatabaseErrorKind::Corrupt),
            (14, DatabaseErrorKind::Unreachable),
            (1, DatabaseErrorKind::Other),
        ] {
            assert_eq!(kind_of(code), kind, "{code}");
        }
        assert_eq!(constraint_of("UNIQUE constraint failed: users.email").as_deref(), Some("users.email"));
    }
}
