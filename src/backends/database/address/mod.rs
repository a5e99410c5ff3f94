//! Where a database is: addresses as people write them, parsed once and never printed whole.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::postgres::Known;
use crate::model::Engine;

mod postgres;
mod sqlite;

pub use sqlite::DEFAULT_DIRECTORY;

/// A database's address.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A database on a PostgreSQL server.
    Postgres(PostgresAddress),
    /// A directory of SQLite files.
    Sqlite(SqliteAddress),
}

/// How a PostgreSQL server is reached. What is `None` takes libpq's default.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PostgresAddress {
    /// Host name, IP address, or the directory of a Unix socket.
    pub host: Option<String>,
    /// TCP port, or the number in the socket's name.
    pub port: Option<u16>,
    /// The role to log in as.
    pub user: Option<String>,
    /// Its password. Never shown.
    pub password: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// How much protection the connection needs.
    pub ssl_mode: SslMode,
    /// File with the certificates of authorities to trust, in place of the system's.
    pub ssl_root_cert: Option<PathBuf>,
    /// File with the client's certificate.
    pub ssl_cert: Option<PathBuf>,
    /// File with the key of the client's certificate.
    pub ssl_key: Option<PathBuf>,
    /// What the first session found out there. Clones of the address share it.
    pub(super) known: Known,
}

/// `sslmode` with libpq's meanings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SslMode {
    /// No encryption.
    Disable,
    /// Encryption only if the server insists.
    Allow,
    /// Encryption if the server can.
    #[default]
    Prefer,
    /// Encryption always; the certificate is checked only if a root certificate is named.
    Require,
    /// The certificate must come from a trusted authority.
    VerifyCa,
    /// And it must be the host's own.
    VerifyFull,
}

impl SslMode {
    /// The mode as it is written in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

/// A catalog's file and, beside it, the folder of the tenants' files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteAddress {
    /// The file that the address names: the catalog, or a database to read from.
    pub file: PathBuf,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("the database address cannot be used: {reason}")]
#[diagnostic(code(fixtool::database::address))]
pub struct InvalidAddress {
    /// What is wrong; holds nothing of the address's user part.
    pub reason: String,
    /// What to write instead.
    #[help]
    pub help: String,
}

impl InvalidAddress {
    fn new(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self { reason: reason.into(), help: help.into() }
    }
}

impl Address {
    /// The engine at this address.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// The address for logs, plans and errors: a password is always shown as `***`.
    pub fn masked(&self) -> String {
        match self {
            Self::Postgres(address) => address.masked(),
            Self::Sqlite(address) => address.shown(),
        }
    }

    /// With this password where the address itself has none: from the environment, a password
    /// file, or a prompt.
    #[must_use]
    pub fn with_password(mut self, password: Option<String>) -> Self {
        if let Self::Postgres(address) = &mut self
            && address.password.is_none()
        {
            address.password = password;
            address.known = Known::default();
        }
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.masked())
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({})", self.masked())
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.contains('\0') {
            return Err(InvalidAddress::new("it contains a NUL character", EXAMPLES));
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(InvalidAddress::new("it has no scheme", EXAMPLES));
        };
        match scheme.to_ascii_lowercase().as_str() {
            // The second form is what SQLAlchemy users have in their DATABASE_URL.
            "postgres"
            | "postgresql"
            | "postgresql+asyncpg"
            | "postgres+asyncpg"
            | "postgresql+psycopg"
            | "postgresql+psycopg2" => PostgresAddress::parse(rest).map(Self::Postgres),
            "sqlite" | "sqlite+aiosqlite" => SqliteAddress::parse(rest).map(Self::Sqlite),
            "mysql" | "mariadb" => {
                Err(InvalidAddress::new("MySQL and MariaDB are not supported yet", "use PostgreSQL 13 to 18 or SQLite"))
            }
            "file" => Err(InvalidAddress::new("its scheme is 'file'", "write 'sqlite:' in place of 'file:'")),
            other => Err(InvalidAddress::new(format!("its scheme '{}' is not known", shorten(other)), EXAMPLES)),
        }
    }
}

const EXAMPLES: &str = "write postgres://user@host:5432/database or sqlite:path/to/catalog.db; the password belongs \
                        into PGPASSWORD or a password file";

fn shorten(text: &str) -> String {
    text.chars().take(30).flat_map(char::escape_debug).collect()
}

fn decode(text: &str) -> Result<String, InvalidAddress> {
    let wrong = || InvalidAddress::new("a '%' in it is not followed by two hexadecimal digits", "write '%' as %25");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(rest.next()).ok_or_else(wrong)?, digit(rest.next()).ok_or_else(wrong)?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| InvalidAddress::new("it is not UTF-8 once its '%' signs are resolved", EXAMPLES))?;
    if text.contains('\0') {
        return Err(InvalidAddress::new("it contains a NUL character", EXAMPLES));
    }
    Ok(text)
}

fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::Namespace;

    fn postgres(text: &str) -> PostgresAddress {
        match text.parse::<Address>() {
            Ok(Address::Postgres(address)) => address,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn sqlite(text: &str) -> PathBuf {
        match text.parse::<Address>() {
            Ok(Address::Sqlite(address)) => address.file,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn reads_what_libpq_reads() {
        let full =
            postgres("postgresql+asyncpg://us%40er:p%3Aw@db.example:6432/my%20db?sslmode=verify-full&sslrootcert=/ca");
        assert_eq!(full.user.as_deref(), Some("us@er"));
        assert_eq!(full.password.as_deref(), Some("p:w"));
        assert_eq!(full.host.as_deref(), Some("db.example"));
        assert_eq!(full.port, Some(6432));
        assert_eq!(full.database.as_deref(), Some("my db"));
        assert_eq!(full.ssl_mode, SslMode::VerifyFull);
        assert_eq!(full.ssl_root_cert.as_deref(), Some(Path::new("/ca")));
        assert_eq!(postgres("postgres:///db?host=/tmp&port=5544").host.as_deref(), Some("/tmp"));
        assert_eq!(postgres("postgres://%2Frun%2Fpg/db").host.as_deref(), Some("/run/pg"));
        assert_eq!(postgres("postgres://[::1]:5433/db").host.as_deref(), Some("::1"));
        assert_eq!(postgres("postgres://").ssl_mode, SslMode::Prefer);
    }

    #[test]
    fn says_what_to_write_instead() {
        for (text, word) in [
            ("host=localhost dbname=x", "postgres://"),
            ("mysql://x", "PostgreSQL"),
            ("file:x.db", "sqlite:"),
            ("postgres://a,b/db", "one host"),
            ("postgres://h/db?sslmode=on", "verify-full"),
            ("postgres://h/db?wat=1", "sslrootcert"),
            ("postgres://u:p@ss:w@h:1:2/db", "%40"),
            ("postgres://h:99999/db", "%40"),
            ("postgres://h/%zz", "%25"),
            ("sqlite::memory:", "name a file"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.help.contains(word), "{text}: {error:?}");
        }
    }

    #[test]
    fn never_shows_a_password() {
        for text in ["postgres://u:hunter2@h/db", "postgres://h/db?user=u&password=hunter2", "postgres://u:hunter2@"] {
            let address: Address = text.parse().unwrap();
            for shown in [address.masked(), format!("{address}"), format!("{address:?}")] {
                assert!(!shown.contains("hunter2"), "{shown}");
                assert!(shown.contains("***"), "{shown}");
            }
        }
        let error = "postgres://u:hunter2@h:hunter2/db".parse::<Address>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let given = "postgres://u@h".parse::<Address>().unwrap().with_password(Some("hunter2".into()));
        assert_eq!(given.masked(), "postgres://u:***@h");
    }

    #[test]
    fn what_is_shown_means_the_same_place() {
        for text in [
            "postgres:///db?host=mtokesql:/tmp&port=5544&user=u",
            "postgres://u@[fe80::1%25eth0]:5433/a%2Fb",
            "postgres://[::1]/db",
            "postgres:///?host=a]b%5B%2C%25",
            "sqlite:a%2520b.db",
            "sqlite:/srv/x%3Fy.db",
            "sqlite:%3Amemory:/x.db",
            "sqlite:%2F%2Fsrv/x.db",
        ] {
            let address: Address = text.parse().unwrap();
            let again: Address =
                address.masked().parse().unwrap_or_else(|e| panic!("{text}: {}: {e}", address.masked()));
            match (address, again) {
                (Address::Sqlite(one), Address::Sqlite(two)) => assert_eq!(one, two, "{text}"),
                (one, two) => assert!(one == two, "{text}: {one} {two}"),
            }
        }
    }

    #[test]
    fn sqlite_names_a_file_or_a_directory() {
        assert_eq!(sqlite("sqlite:"), Path::new("./.fixtool/catalog.db"));
        assert_eq!(sqlite("sqlite://"), Path::new("./.fixtool/catalog.db"));
        assert_eq!(sqlite("sqlite:data"), Path::new("data/catalog.db"));
        assert_eq!(sqlite("sqlite:/srv/x/"), Path::new("/srv/x/catalog.db"));
        assert_eq!(sqlite("sqlite:///srv/x.db?mode=rwc"), Path::new("/srv/x.db"));
        assert_eq!(sqlite("sqlite:////srv/x.db"), Path::new("/srv/x.db"));
        assert_eq!(sqlite("sqlite://x.sqlite3"), Path::new("x.sqlite3"));
    }

    #[test]
    fn no_namespace_leads_out_of_the_folder() {
        let address = SqliteAddress::in_directory("/srv");
        let file = |name: &str| address.file_of(&Namespace(name.into()));
        assert_eq!(file("tenant_a-1").unwrap(), Path::new("/srv/tenants/tenant_a-1.db"));
        assert_eq!(file("main").unwrap(), Path::new("/srv/catalog.db"));
        for hostile in ["..", "../../etc/passwd", "a/b", "C:\\x", "a\0b", "NUL.", "Ünï", "a?mode=memory", "A"] {
            let path = file(hostile).unwrap();
            assert_eq!(path.parent().unwrap(), Path::new("/srv/tenants"), "{hostile}");
            let stem = path.file_name().unwrap().to_str().unwrap();
            assert!(stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"%._-".contains(&b)), "{stem}");
        }
        // Two names never share a file, not even where the file system folds case.
        assert_ne!(file("a%2E").unwrap(), file("a.").unwrap());
        assert_ne!(file("A").unwrap().to_str().unwrap().to_lowercase(), file("a").unwrap().to_str().unwrap());
        assert_eq!(file(""), None);
        assert_eq!(file(&"x".repeat(300)), None);
    }
}
