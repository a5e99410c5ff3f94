//! The sources in a directory, each for the data type that its name says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{NameParts, SourceError};

/// What a directory holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectorySources {
    /// File by data type (`users.csv.gz` is for `users`), in order of the data types.
    pub sources: BTreeMap<String, PathBuf>,
    /// Files that hold records of no data type that is known.
    pub others: Vec<PathBuf>,
}

/// Lists the files of a directory that hold records. Hidden files, directories inside it and
/// files of other formats are passed over.
///
/// # Errors
/// If the directory cannot be read, or two files are for one data type.
pub fn sources_in(directory: &Path, is_known: impl Fn(&str) -> bool) -> Result<DirectorySources, SourceError> {
    let unreadable = |source| SourceError::Unreadable { path: directory.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found = DirectorySources::default();
    for path in paths {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let parts = NameParts::of(&name);
        if name.starts_with('.') || parts.format.is_none() {
            continue;
        }
        if !is_known(&parts.stem) {
            found.others.push(path);
        } else if let Some(first) = found.sources.insert(parts.stem.clone(), path) {
            return Err(SourceError::Directory {
                reason: format!("'{}' holds two sources of '{}': '{name}' is one", directory.display(), parts.stem),
                help: format!("keep one of them; the other is '{}'", first.display()),
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_matched_by_their_stem() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["users.csv.gz", "content.ndjson", "notes.txt", ".hidden.csv", "strangers.json"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::create_dir(path("more.csv")).unwrap();
        let known = |name: &str| name == "users" || name == "content";
        let found = sources_in(directory.path(), known).unwrap();
        assert_eq!(found.sources.into_values().collect::<Vec<_>>(), [path("content.ndjson"), path("users.csv.gz")]);
        assert_eq!(found.others, [path("strangers.json")]);
        std::fs::write(path("users.yaml"), "").unwrap();
        assert!(matches!(sources_in(directory.path(), known), Err(SourceError::Directory { .. })));
    }
}
