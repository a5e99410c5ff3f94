//! PostgreSQL's errors, sorted by SQLSTATE.

use sqlx::postgres::PgDatabaseError;

use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Sorts an error of the driver. Never lets a row's values or a password through.
pub(crate) fn translate(error: sqlx::Error) -> DatabaseError {
    let new = |kind, message: String| DatabaseError::new(Engine::Postgres, kind, message);
    match error {
        sqlx::Error::Database(server) => match server.try_downcast_ref::<PgDatabaseError>() {
            Some(server) => of_server(server),
            None => new(DatabaseErrorKind::Other, server.message().to_owned()),
        },
        // rustls hands what it does not trust on as invalid data.
        sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => untrusted(&cause.to_string()),
        sqlx::Error::Io(cause) => DatabaseError {
            code: is_cut(cause.kind()).then(|| CUT.into()),
            ..new(DatabaseErrorKind::Unreachable, format!("the connection failed: {cause}"))
                .with_help("check that the server runs and that host and port are right: 'fixtool doctor'")
        },
        // A server that goes down in the middle of a greeting leaves half an answer.
        sqlx::Error::Protocol(cause) => DatabaseError {
            code: Some(CUT.into()),
            ..new(DatabaseErrorKind::Unreachable, format!("the connection broke off: {cause}"))
        },
        sqlx::Error::Tls(cause) => untrusted(&cause.to_string()),
        sqlx::Error::PoolTimedOut => new(DatabaseErrorKind::Unreachable, "no connection could be had in time".into())
            .with_help("check that the server answers: 'fixtool doctor'; if it does, raise DATABASE_POOL_SIZE"),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            new(DatabaseErrorKind::Unreachable, "the connection was closed".into())
        }
        sqlx::Error::Configuration(cause) => new(DatabaseErrorKind::Unsupported, cause.to_string()),
        sqlx::Error::BeginFailed => new(DatabaseErrorKind::Unreachable, "no transaction could be begun".into()),
        other => new(DatabaseErrorKind::Other, other.to_string()),
    }
}

/// The SQLSTATE of a connection that broke.
pub(super) const CUT: &str = "08006";

/// Whether somebody was there and hung up.
fn is_cut(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(kind, Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe)
}

fn untrusted(cause: &str) -> DatabaseError {
    DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Permission, format!("TLS failed: {cause}")).with_help(
        "check sslmode and sslrootcert; sslmode=verify-full with the right root certificate is the safe choice",
    )
}

fn of_server(server: &PgDatabaseError) -> DatabaseError {
    let code = server.code();
    let kind = kind_of(code, server.message());
    let message = match code.get(..2) {
        // "invalid input syntax for type integer: "…"" shows the value.
        Some("22") => without_quoted(server.message()),
        _ => server.message().to_owned(),
    };
    DatabaseError {
        engine: Engine::Postgres,
        kind,
        message,
        code: Some(code.into()),
        constraint: server.constraint().map(Into::into),
        context: server.r#where().map(without_value),
        help: help_of(code).map(str::to_owned),
    }
}

fn kind_of(code: &str, message: &str) -> DatabaseErrorKind {
    match code {
        // 25006: a write in a read-only transaction; 42501: privilege.
        "42501" | "25006" | "28000" | "28P01" => DatabaseErrorKind::Permission,
        // Serialization, deadlock, lock not available, and "tuple concurrently updated" of two GRANTs.
        "40001" | "40P01" | "55P03" | "55006" => DatabaseErrorKind::Contention,
        "XX000" if message.contains("concurrently updated") => DatabaseErrorKind::Contention,
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25P03" => DatabaseErrorKind::Unreachable,
        "53100" | "53200" | "53400" => DatabaseErrorKind::Full,
        "XX001" | "XX002" => DatabaseErrorKind::Corrupt,
        "0A000" | "3D000" => DatabaseErrorKind::Unsupported,
        _ => match code.get(..2) {
            Some("08") => DatabaseErrorKind::Unreachable,
            Some("23") => DatabaseErrorKind::Constraint,
            Some("28") => DatabaseErrorKind::Permission,
            Some("53") => DatabaseErrorKind::Full,
            _ => DatabaseErrorKind::Other,
        },
    }
}

fn help_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => {
            "check user and password: PGPASSWORD, PGPASSFILE or ~/.pgpass; 'fixtool doctor' tries them"
        }
        "42501" => "grant the role the missing privilege, or connect as a role that has it",
        "25006" => "the session may only read; a standby server or a read-only role cannot be written to",
        "3D000" => "create the database first: createdb NAME",
        "53300" => "raise max_connections on the server, or lower DATABASE_POOL_SIZE",
        "53100" => "make room on the server's disk, then resume the run",
        "53200" => "raise max_locks_per_transaction on the server",
        "55P03" => "another session holds a lock on the table; try again when it is done",
        _ => return None,
    })
}

/// `COPY t, line 3, column c: "…"` shows the value, and so may the lines of a function.
fn without_value(context: &str) -> Box<str> {
    context.split(": \"").next().unwrap_or_default().into()
}

fn without_quoted(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            let (before, after) = (message.get(..first), message.get(last + 1..));
            format!("{}\"…\"{}", before.unwrap_or_default(), after.unwrap_or_default())
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_sorted_by_what_can_be_done() {
        for (code, kind) in [
            ("40001", DatabaseErrorKind::Contention),
            ("40P01", DatabaseErrorKind::Contention),
            ("55P03", DatabaseErrorKind::Contention),
            ("57P01", DatabaseErrorKind::Unreachable),
            ("08006", DatabaseErrorKind::Unreachable),
            ("23505", DatabaseErrorKind::Constraint),
            ("42501", DatabaseErrorKind::Permission),
            ("28P01", DatabaseErrorKind::Permission),
            ("53100", DatabaseErrorKind::Full),
            ("XX001", DatabaseErrorKind::Corrupt),
            ("42601", DatabaseErrorKind::Other),
            ("", DatabaseErrorKind::Other),
        ] {
            assert_eq!(kind_of(code, ""), kind, "{code}");
        }
    }

    #[test]
    fn values_are_cut_out_of_messages() {
        assert_eq!(
            without_quoted(r#"invalid input syntax for type json: "{"a": secret"}""#),
            "invalid input syntax for type json: \"…\""
        );
        assert_eq!(without_quoted("division by zero"), "division by zero");
    }
}
