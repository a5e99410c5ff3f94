//! Packs on disk: finds them by name or folder, reads them within bounds, writes new ones.
//!
//! Links are refused, wherever they lead: a pack is a folder of plain files, so nothing outside of
//! it can be read by naming it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::Pack;
use crate::model::pack::source::MAX_FILE;
use crate::model::pack::{Files, PackError, builtin};

/// A pack has at most this many files.
const MAX_FILES: usize = 2000;
/// All files of a pack together have at most this many bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Folders below a pack's folder are read this deep.
const MAX_DEPTH: usize = 4;

/// Why a pack cannot be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PackSourceError {
    /// There is none of this name.
    #[error("there is no pack '{name}'")]
    #[diagnostic(code(fixtool::pack::not_found))]
    NotFound {
        /// What was asked for.
        name: String,
        /// The one meant, perhaps, or where packs are looked for.
        #[help]
        help: String,
    },
    /// Its files have mistakes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(#[from] PackError),
    /// A file or folder cannot be read.
    #[error("'{}' cannot be read: {reason}", path.display())]
    #[diagnostic(code(fixtool::pack::unreadable))]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is too large, or not made of plain files.
    #[error("'{}' is no pack that can be read: {reason}", path.display())]
    #[diagnostic(code(fixtool::pack::refused))]
    Refused {
        /// What stands in the way.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file would be overwritten.
    #[error("'{}' exists already, and nothing is overwritten", path.display())]
    #[diagnostic(code(fixtool::pack::exists), help("choose another folder with --output-path"))]
    Exists {
        /// What exists.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("'{}' cannot be written: {reason}", path.display())]
    #[diagnostic(code(fixtool::pack::unwritable))]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Where a pack comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// fixtool carries it.
    BuiltIn,
    /// A folder.
    Folder(PathBuf),
}

/// Where the pack comes from that a user means: a built-in pack or a folder below `packs` by its
/// name, or any folder by its path (anything with a `/`, and `.`).
pub fn find(reference: &str, packs: &Path) -> Result<Origin, PackSourceError> {
    let is_path = reference.contains('/') || reference.contains('\\') || matches!(reference, "." | "..");
    if is_path {
        let folder = PathBuf::from(reference);
        return if folder.join("pack.yaml").is_file() {
            Ok(Origin::Folder(folder))
        } else {
            Err(not_found(reference, packs))
        };
    }
    if builtin::names().contains(&reference) {
        return Ok(Origin::BuiltIn);
    }
    let folder = packs.join(reference);
    if !reference.is_empty() && folder.join("pack.yaml").is_file() {
        return Ok(Origin::Folder(folder));
    }
    Err(not_found(reference, packs))
}

/// Reads the pack that a user means. See [`find`].
pub fn load(reference: &str, packs: &Path) -> Result<Arc<Pack>, PackSourceError> {
    match find(reference, packs)? {
        Origin::BuiltIn => match builtin::pack(reference) {
            Some(pack) => Ok(pack?),
            None => Err(not_found(reference, packs)),
        },
        Origin::Folder(folder) => Ok(Arc::new(Pack::from_files(reference, &read_folder(&folder)?)?)),
    }
}

/// Reads the pack that is taken when nobody names one, so that it is at hand when somebody asks for it.
pub fn warm() {
    // Whether it is right is told to whoever asks.
    let _ = builtin::pack(builtin::DEFAULT);
}

/// The files of the pack that a user means, not yet understood.
pub fn files(reference: &str, packs: &Path) -> Result<Files, PackSourceError> {
    match find(reference, packs)? {
        Origin::BuiltIn => builtin::files(reference).ok_or_else(|| not_found(reference, packs)),
        Origin::Folder(folder) => read_folder(&folder),
    }
}

/// Names of all packs: the built-in ones, then the folders below `packs`, by name. A folder with the
/// name of a built-in pack is not listed: the built-in one is meant by that name.
pub fn names(packs: &Path) -> Result<Vec<(String, Origin)>, PackSourceError> {
    let mut names: Vec<(String, Origin)> =
        builtin::names().iter().map(|name| ((*name).to_owned(), Origin::BuiltIn)).collect();
    let entries = match fs::read_dir(packs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        Err(error) => return Err(unreadable(packs, &error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(packs, &error))?;
        let path = entry.path();
        if let Some(name) = entry.file_name().to_str()
            && !builtin::names().contains(&name)
            && path.join("pack.yaml").is_file()
        {
            folders.push((name.to_owned(), Origin::Folder(path)));
        }
    }
    folders.sort_by(|a, b| a.0.cmp(&b.0));
    names.extend(folders);
    Ok(names)
}

fn not_found(name: &str, packs: &Path) -> PackSourceError {
    let known = names(packs).unwrap_or_default();
    let near = known
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let help = near.map_or_else(
        || format!("a pack is built in, a folder below '{}', or a folder given by its path", packs.display()),
        |(_, near)| format!("did you mean '{near}'?"),
    );
    PackSourceError::NotFound { name: name.chars().take(200).flat_map(char::escape_debug).collect(), help }
}

fn unreadable(path: &Path, error: &io::Error) -> PackSourceError {
    PackSourceError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

fn refused(path: &Path, reason: impl Into<String>) -> PackSourceError {
    PackSourceError::Refused { path: path.to_owned(), reason: reason.into() }
}

/// Reads every file of a folder, hidden ones left out. What is too much, and every link, is refused.
pub fn read_folder(folder: &Path) -> Result<Files, PackSourceError> {
    let mut files = Files::new();
    let mut left = MAX_BYTES;
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((path, prefix, depth)) = open.pop() {
        for entry in fs::read_dir(&path).map_err(|error| unreadable(&path, &error))? {
            let entry = entry.map_err(|error| unreadable(&path, &error))?;
            let file = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                return Err(refused(&file, "its name is not UTF-8"));
            };
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type().map_err(|error| unreadable(&file, &error))?;
            let inside = format!("{prefix}{name}");
            if kind.is_dir() && depth < MAX_DEPTH {
                open.push((file, format!("{inside}/"), depth + 1));
            } else if kind.is_file() {
                let bytes = read_file(&file)?;
                left =
                    left.checked_sub(bytes.len()).ok_or_else(|| refused(folder, "its files are more than 64 MiB"))?;
                files.insert(inside, bytes);
            } else {
                let what = if kind.is_symlink() { "it is a link" } else { "it is no plain file" };
                return Err(refused(&file, if kind.is_dir() { "it lies too deep" } else { what }));
            }
            if files.len() + open.len() > MAX_FILES {
                return Err(refused(folder, format!("it has more than {MAX_FILES} files")));
            }
        }
    }
    Ok(files)
}

fn read_file(path: &Path) -> Result<Vec<u8>, PackSourceError> {
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut bytes = Vec::new();
    let bound = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() > MAX_FILE {
        return Err(refused(path, format!("it has more than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

/// What stands in the way of writing files into a folder; nothing is written.
pub fn obstacle(folder: &Path, files: &Files) -> Option<PathBuf> {
    files.keys().map(|path| folder.join(path)).find(|path| path.symlink_metadata().is_ok())
}

/// Writes one file of a pack. An existing one is never overwritten.
pub fn write_file(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), PackSourceError> {
    let file = folder.join(path);
    let unwritable = |error: &io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => PackSourceError::Exists { path: file.clone() },
        _ => PackSourceError::Unwritable { path: file.clone(), reason: error.to_string() },
    };
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).map_err(|error| unwritable(&error))?;
    }
    let mut open = fs::OpenOptions::new().write(true).create_new(true).open(&file).map_err(|e| unwritable(&e))?;
    open.write_all(bytes).and_then(|()| open.sync_all()).map_err(|error| unwritable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(files: &Files) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            write_file(folder.path(), path, bytes).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_reads_as_it_was_written() {
        let files = builtin::files(builtin::DEFAULT).unwrap();
        let folder = folder_of(&files);
        assert_eq!(read_folder(folder.path()).unwrap(), files);
        let reference = folder.path().to_str().unwrap();
        let pack = load(reference, Path::new("/nowhere")).unwrap();
        assert_eq!(pack.digest, builtin::pack(builtin::DEFAULT).unwrap().unwrap().digest);
        assert_eq!(obstacle(folder.path(), &files), Some(folder.path().join("1.0.0/fixtures/ai_sessions.ndjson")));
        let again = write_file(folder.path(), "pack.yaml", b"x");
        assert!(matches!(again, Err(PackSourceError::Exists { .. })));
    }

    #[test]
    fn packs_are_found_by_name_and_guessed_at() {
        let packs = tempfile::tempdir().unwrap();
        write_file(packs.path(), "mine/pack.yaml", b"name: mine").unwrap();
        write_file(packs.path(), "spotify-ai-agent/pack.yaml", b"hidden by the built-in one").unwrap();
        fs::create_dir(packs.path().join("empty")).unwrap();
        let names: Vec<String> = names(packs.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["spotify-ai-agent", "mine"]);
        assert_eq!(find("mine", packs.path()).unwrap(), Origin::Folder(packs.path().join("mine")));
        match find("spotify-ai-agnet", packs.path()) {
            Err(PackSourceError::NotFound { help, .. }) => assert_eq!(help, "did you mean 'spotify-ai-agent'?"),
            other => panic!("{other:?}"),
        }
        for wrong in ["", "..", "../mine", "empty", "/etc", "mine\0"] {
            assert!(find(wrong, &packs.path().join("below")).is_err(), "{wrong:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_sockets_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_file(folder.path(), "pack.yaml", b"x").unwrap();
        let link = folder.path().join("link.yaml");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(matches!(read_folder(folder.path()), Err(PackSourceError::Refused { .. })));
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        assert!(matches!(read_folder(folder.path()), Err(PackSourceError::Refused { .. })));
        fs::remove_file(&link).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&link).unwrap();
        assert!(matches!(read_folder(folder.path()), Err(PackSourceError::Refused { .. })));
    }

    #[test]
    fn a_pack_that_is_too_large_or_too_deep_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large.yaml");
        fs::File::create(&large).unwrap().set_len(MAX_FILE as u64 + 1).unwrap();
        assert!(matches!(read_folder(folder.path()), Err(PackSourceError::Refused { .. })));
        fs::remove_file(&large).unwrap();
        fs::create_dir_all(folder.path().join("a/b/c/d/e/f")).unwrap();
        assert!(matches!(read_folder(folder.path()), Err(PackSourceError::Refused { .. })));
    }
}
