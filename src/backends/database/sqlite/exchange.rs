//! Two files change places.
//!
//! A file system can exchange two names in one step, so nobody ever finds neither file. What is meant is
//! written down first, beside the living file: whoever is interrupted in between leaves a state that
//! the next one who opens the living file puts in order. Where the file system cannot exchange names, the two
//! are renamed one after the other, with the same promise but for a moment without the file.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::files::{io_error, missing};
use super::session::beside;
use super::writing::{COMPANIONS, refuse_own_file, sync_folder};
use super::{Sqlite, sharing, translate};
use crate::backends::database::{Access, DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Namespace};

/// What the name of a note ends with.
const NOTE: &str = "-exchange";

/// How long a single try to have a file alone may wait.
const PATIENCE: Duration = Duration::from_millis(100);
/// The pause before the next try.
const PAUSE: Duration = Duration::from_millis(2);

/// What is meant to happen to a living file. As it is written, it holds names of the living file's folder; as it is
/// read, the paths of these files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    fresh: PathBuf,
    old: PathBuf,
    /// Which file is to become the living one.
    chosen: String,
}

impl Sqlite {
    /// Exchanges the files' names.
    pub(super) async fn exchange(
        &self,
        living: &Namespace,
        fresh: &Namespace,
        old: &Namespace,
    ) -> Result<(), DatabaseError> {
        self.refuse_if_reading()?;
        for namespace in [living, fresh, old] {
            refuse_own_file(namespace)?;
        }
        self.settle(living)?;
        let (file, fresh_file, old_file) = (self.file(living)?, self.file(fresh)?, self.file(old)?);
        for (namespace, file) in [(living, &file), (fresh, &fresh_file)] {
            if !file.is_file() {
                return Err(missing(namespace));
            }
        }
        if COMPANIONS.iter().map(|end| beside(&old_file, end)).chain([old_file.clone()]).any(|path| path.exists()) {
            let message = format!("{} exists already", old_file.display());
            return Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Other, message));
        }
        let mut held = Vec::new();
        for file in [&file, &fresh_file] {
            self.close_file(file).await;
            let writing = sharing::write(file).await?;
            held.push((self.hold(file).await?, writing));
        }
        self.stands().await?;
        write_note(&file, &Note { chosen: inode(&fresh_file).unwrap_or_default(), fresh: fresh_file, old: old_file })?;
        let done = carry_out(&file);
        for (connection, writing) in held {
            // Only a lock is let go: a failure to say goodbye changes nothing.
            let _ = connection.close().await;
            drop(writing);
        }
        done
    }

    /// Folds the log into the file and keeps everybody else out of it.
    async fn hold(&self, file: &Path) -> Result<SqliteConnection, DatabaseError> {
        let begun = Instant::now();
        loop {
            match hold(file).await {
                // Readers come and go, and SQLite does not queue for a file that it has to have alone.
                Err(error) if error.kind == DatabaseErrorKind::Contention => {
                    if begun.elapsed() >= self.limits.lock {
                        return Err(in_use());
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    /// Puts in order what an interrupted exchange left behind.
    pub(super) fn settle(&self, living: &Namespace) -> Result<(), DatabaseError> {
        if self.access == Access::ReadOnly {
            return Ok(());
        }
        settle(&self.file(living)?)
    }
}

async fn hold(file: &Path) -> Result<SqliteConnection, DatabaseError> {
    // Leaving the log is possible only for whoever has the file alone.
    let mut connection = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(PATIENCE)
        .journal_mode(SqliteJournalMode::Delete)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
        .connect()
        .await
        .map_err(translate)?;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut connection).await.map_err(translate)?;
    Ok(connection)
}

fn in_use() -> DatabaseError {
    let message = "another program has the file open";
    DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Contention, message)
        .with_help("stop the program that uses the tenant, then try again")
}

fn write_note(living: &Path, note: &Note) -> Result<(), DatabaseError> {
    let path = beside(living, NOTE);
    let failed = |error: io::Error| io_error(&path, &error);
    let folder = living.parent().unwrap_or(Path::new("."));
    let name = |file: &Path| file.file_name().map(PathBuf::from).unwrap_or_default();
    let named = Note { fresh: name(&note.fresh), old: name(&note.old), chosen: note.chosen.clone() };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    serde_json::to_writer(&mut file, &named).map_err(|error| failed(error.into()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    sync_folder(&path)
}

fn read_note(living: &Path) -> Result<Option<Note>, DatabaseError> {
    let path = beside(living, NOTE);
    let strange = |what: &str| {
        let message = format!("the note {} {what}; nothing was moved", path.display());
        DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Corrupt, message)
            .with_help("find out who wrote the note; without it the tenant's file is used as it is")
    };
    match fs::symlink_metadata(&path) {
        Ok(found) if !found.is_file() => return Err(strange("is no plain file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&path, &error)),
        Ok(_) => {}
    }
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&path, &error)),
    };
    let note: Note = serde_json::from_slice(&text).map_err(|_| strange("cannot be read"))?;
    let fresh = neighbour(living, &note.fresh).ok_or_else(|| strange("names a file that it may not name"))?;
    let old = neighbour(living, &note.old).ok_or_else(|| strange("names a file that it may not name"))?;
    if fresh == old {
        return Err(strange("names one file twice"));
    }
    Ok(Some(Note { fresh, old, chosen: note.chosen }))
}

/// The file of this name beside the living one. Whoever can write a note must not reach any other file with it, so a
/// path leads nowhere unless it is that of the same folder, which is how release 0.1.0 wrote it, and neither does a link.
fn neighbour(living: &Path, named: &Path) -> Option<PathBuf> {
    let folder = living.parent()?;
    let named = named.to_str()?;
    let name = match named.rsplit_once('/') {
        Some((before, name)) if Path::new(before) == folder => name,
        Some(_) => return None,
        None => named,
    };
    let plain = !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0']);
    let file = folder.join(name);
    let link = fs::symlink_metadata(&file).is_ok_and(|found| !found.is_file());
    (plain && !link && file != living).then_some(file)
}

/// Does what the note says.
fn carry_out(living: &Path) -> Result<(), DatabaseError> {
    let Some(note) = read_note(living)? else { return Ok(()) };
    match swap(living, &note.fresh) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(INVALID) => {
            rename(living, &note.old)?;
        }
        Err(error) => {
            // Nothing has happened yet, and nothing is to happen later.
            let _ = fs::remove_file(beside(living, NOTE));
            return Err(io_error(living, &error));
        }
    }
    settle(living)
}

/// What a file system answers that does not know how to exchange names.
const INVALID: i32 = 22;

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn swap(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(io::Error::from)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn swap(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Goes on from wherever an exchange came: by the file that is found under the living name.
fn settle(living: &Path) -> Result<(), DatabaseError> {
    let Some(note) = read_note(living)? else { return Ok(()) };
    match inode(living) {
        Some(found) if found == note.chosen => {
            if note.fresh.exists() && !note.old.exists() {
                rename(&note.fresh, &note.old)?;
            }
        }
        // Not begun: the living file is still the one that it was.
        Some(_) => {}
        None if inode(&note.fresh).is_some_and(|found| found == note.chosen) => rename(&note.fresh, living)?,
        None => return Ok(()),
    }
    sync_folder(living)?;
    let path = beside(living, NOTE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&path, &error)),
        _ => sync_folder(living),
    }
}

/// Renames, unless somebody else who puts things in order has done it already.
fn rename(from: &Path, to: &Path) -> Result<(), DatabaseError> {
    match fs::rename(from, to) {
        Err(error) if !(error.kind() == io::ErrorKind::NotFound && to.exists()) => Err(io_error(to, &error)),
        _ => Ok(()),
    }
}

/// Which file it is, whatever its name.
fn inode(file: &Path) -> Option<String> {
    fs::metadata(file).ok().map(|metadata| format!("{:x}.{:x}", metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Site {
        folder: tempfile::TempDir,
    }

    impl Site {
        fn new() -> Self {
            let site = Self { folder: tempfile::TempDir::new().unwrap() };
            fs::write(site.path("living"), "before").unwrap();
            fs::write(site.path("fresh"), "after").unwrap();
            let (fresh, old) = (site.path("fresh"), site.path("old"));
            let note = Note { chosen: inode(&fresh).unwrap(), fresh, old };
            write_note(&site.path("living"), &note).unwrap();
            site
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn found(&self) -> Vec<(String, String)> {
            let mut found: Vec<(String, String)> = fs::read_dir(self.folder.path())
                .unwrap()
                .map(|entry| entry.unwrap())
                .map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read_to_string(e.path()).unwrap()))
                .collect();
            found.sort();
            found
        }
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_note_names_plain_files_of_its_own_folder_only() {
        let elsewhere = tempfile::TempDir::new().unwrap();
        let far = elsewhere.path().join("far");
        fs::write(&far, "after").unwrap();
        let far = far.to_str().unwrap();
        for (fresh, old) in [
            (far, "old"),
            ("fresh", far),
            ("../fresh", "old"),
            ("fresh", "sub/old"),
            ("./fresh", "old"),
            ("..", "old"),
            ("", "old"),
            ("link", "old"),
            ("fresh", "dangling"),
            ("living", "old"),
            ("fresh", "living"),
            ("fresh", "fresh"),
        ] {
            for chosen in ["fresh", "living"] {
                let site = Site::new();
                std::os::unix::fs::symlink(far, site.path("link")).unwrap();
                std::os::unix::fs::symlink(elsewhere.path().join("none"), site.path("dangling")).unwrap();
                let chosen = inode(&site.path(chosen)).unwrap();
                let text = serde_json::json!({"fresh": fresh, "old": old, "chosen": chosen}).to_string();
                fs::write(site.path("living-exchange"), text).unwrap();
                for answer in [settle(&site.path("living")), carry_out(&site.path("living"))] {
                    let error = answer.expect_err("a hostile note");
                    assert_eq!(error.kind, DatabaseErrorKind::Corrupt, "{fresh} {old}: {error}");
                    assert!(error.message.contains("living-exchange"), "{error}");
                }
                assert_eq!(fs::read_to_string(site.path("living")).unwrap(), "before", "{fresh} {old}");
                assert_eq!(fs::read_to_string(site.path("fresh")).unwrap(), "after", "{fresh} {old}");
                assert_eq!(fs::read_to_string(far).unwrap(), "after", "{fresh} {old}");
                assert!(!site.path("old").exists(), "{fresh} {old}");
            }
        }
        // The note itself is no link, and what is no note is none.
        let site = Site::new();
        fs::rename(site.path("living-exchange"), elsewhere.path().join("note")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("note"), site.path("living-exchange")).unwrap();
        assert_eq!(settle(&site.path("living")).unwrap_err().kind, DatabaseErrorKind::Corrupt);
        fs::remove_file(site.path("living-exchange")).unwrap();
        fs::write(site.path("living-exchange"), "{").unwrap();
        assert_eq!(settle(&site.path("living")).unwrap_err().kind, DatabaseErrorKind::Corrupt);
    }

    #[test]
    fn a_note_of_release_0_1_0_is_understood() {
        let site = Site::new();
        let (fresh, old) = (site.path("fresh"), site.path("old"));
        let note = Note { chosen: inode(&fresh).unwrap(), fresh, old };
        fs::write(site.path("living-exchange"), serde_json::to_string(&note).unwrap()).unwrap();
        carry_out(&site.path("living")).unwrap();
        assert_eq!(site.found(), pairs(&[("living", "after"), ("old", "before")]));
    }

    #[test]
    fn every_interruption_is_put_in_order() {
        let begun = pairs(&[("fresh", "after"), ("living", "before")]);
        let done = pairs(&[("living", "after"), ("old", "before")]);
        let put_aside = |site: &Site| fs::rename(site.path("living"), site.path("old")).unwrap();
        for step in ["noted", "swapped", "put aside", "both renamed", "carried out"] {
            let site = Site::new();
            match step {
                "swapped" => swap(&site.path("living"), &site.path("fresh")).unwrap(),
                "put aside" => put_aside(&site),
                "both renamed" => {
                    put_aside(&site);
                    fs::rename(site.path("fresh"), site.path("living")).unwrap();
                }
                "carried out" => carry_out(&site.path("living")).unwrap(),
                _ => {}
            }
            let expected = if step == "noted" { &begun } else { &done };
            for _ in 0..2 {
                settle(&site.path("living")).unwrap();
                assert_eq!(site.found(), *expected, "{step}");
            }
        }
    }
}
