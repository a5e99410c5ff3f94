//! `sqlite:` addresses, and the files that namespaces live in.

use std::path::{Path, PathBuf};

use super::{InvalidAddress, SqliteAddress, decode};
use crate::model::Namespace;

/// The directory that is used when nothing was configured.
pub const DEFAULT_DIRECTORY: &str = "./.fixtool";
/// The name of the catalog's file when the address names a directory.
const CATALOG_FILE: &str = "catalog.db";
/// The folder beside the catalog's file that holds the tenants' files.
const TENANTS_FOLDER: &str = "tenants";
/// Most bytes of a file's name on the file systems in use.
const LONGEST_FILE_NAME: usize = 255;

impl Default for SqliteAddress {
    fn default() -> Self {
        Self { file: Path::new(DEFAULT_DIRECTORY).join(CATALOG_FILE) }
    }
}

impl SqliteAddress {
    /// A directory that holds, or will hold, a catalog and its tenants.
    pub fn in_directory(directory: impl AsRef<Path>) -> Self {
        Self { file: directory.as_ref().join(CATALOG_FILE) }
    }

    pub(super) fn parse(rest: &str) -> Result<Self, InvalidAddress> {
        // sqlite:rel, sqlite:/abs, sqlite://rel (sqlx), sqlite:///abs and sqlite:////abs (SQLAlchemy) are all in use.
        let path = match rest.strip_prefix("//") {
            Some(path) if path.starts_with("//") => path.get(1..).unwrap_or_default(),
            Some(path) => path,
            None => rest,
        };
        let path = path.split_once('?').map_or(path, |(before, _)| before);
        if path == ":memory:" || path == "/:memory:" {
            return Err(InvalidAddress::new(
                "a database in memory would be gone when the command ends",
                format!("name a file, as in sqlite:{DEFAULT_DIRECTORY}/{CATALOG_FILE}"),
            ));
        }
        if path.is_empty() {
            return Ok(Self::default());
        }
        let path = PathBuf::from(decode(path)?);
        let directory = path.as_os_str().to_string_lossy().ends_with('/') || path.extension().is_none();
        Ok(if directory || path.is_dir() { Self::in_directory(path) } else { Self { file: path } })
    }

    /// The address, so that it names the same file when it is read again.
    pub(super) fn shown(&self) -> String {
        let path = self.file.display().to_string().replace('%', "%25").replace('?', "%3F");
        // Two slashes at the begin are one to the system, and something else in an address.
        let path = if path.starts_with("//") { format!("/{}", path.trim_start_matches('/')) } else { path };
        format!("sqlite:{path}")
    }

    /// The folder of the tenants' files.
    pub fn tenants_folder(&self) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(TENANTS_FOLDER)
    }

    /// The file of one namespace. `main` is the address's own file, as SQLite itself calls it.
    ///
    /// Any text may be a namespace; what could lead out of the folder, or mean another file on
    /// another system, is escaped as `%XX`, and `None` is the answer if the name gets too long.
    pub fn file_of(&self, namespace: &Namespace) -> Option<PathBuf> {
        if namespace.as_str() == "main" {
            return Some(self.file.clone());
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
        let stem: String = namespace.as_str().bytes().map(one).collect();
        // SQLite puts "-journal" after the name while it works.
        let fits = !stem.is_empty() && stem.len() + ".db-journal".len() <= LONGEST_FILE_NAME;
        fits.then(|| self.tenants_folder().join(format!("{stem}.db")))
    }
}
