//! Objects as files of a directory, safe against a crash at any moment.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::error::Place;
use super::{Entry, FailureKind, Put, StorageError};

/// How the names of unfinished files begin; an object's name never begins with a dot.
const UNFINISHED: &str = ".fixtool-unfinished-";

/// After this time nobody is writing to an unfinished file any more.
const ABANDONED: Duration = Duration::from_hours(24);

/// A directory. Folders below it are made as they are needed, for their owner alone.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// This directory, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) async fn put_new(&self, location: &str, path: &str, bytes: Bytes) -> Result<Put, StorageError> {
        let root = self.root.clone();
        at(location, path, "stored", move |path| write(&root, path, &bytes, false)).await
    }

    pub(super) async fn put(&self, location: &str, path: &str, bytes: Bytes) -> Result<(), StorageError> {
        let root = self.root.clone();
        at(location, path, "stored", move |path| write(&root, path, &bytes, true)).await.map(|_| ())
    }

    pub(super) async fn get(&self, location: &str, path: &str, most: u64) -> Result<Option<Bytes>, StorageError> {
        let root = self.root.clone();
        match at(location, path, "read", move |path| read(&root.join(path), most)).await? {
            Found::Missing => Ok(None),
            Found::Whole(bytes) => Ok(Some(bytes)),
            Found::TooLarge(size) => {
                Err(StorageError::TooLarge { location: location.to_owned(), path: path.to_owned(), size, most })
            }
        }
    }

    pub(super) async fn head(&self, location: &str, path: &str) -> Result<Option<u64>, StorageError> {
        let root = self.root.clone();
        let look = move |path: &str| match fs::symlink_metadata(root.join(path)) {
            Ok(data) if data.is_file() => Ok(Some(data.len())),
            Ok(_) => Ok(None),
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(error),
        };
        at(location, path, "looked at", look).await
    }

    pub(super) async fn list(&self, location: &str, folder: &str) -> Result<Vec<Entry>, StorageError> {
        let root = self.root.clone();
        let walk = move |folder: &str| {
            let mut entries = Vec::new();
            let mut unfinished = Vec::new();
            list(&root, folder, &mut (&mut entries, &mut unfinished))?;
            Ok(entries)
        };
        at(location, folder, "listed", walk).await
    }

    /// Removes what writers left behind that died long ago.
    pub(super) async fn clear_abandoned(&self, location: &str) -> Result<u64, StorageError> {
        let root = self.root.clone();
        let clear = move |_: &str| {
            let mut unfinished = Vec::new();
            list(&root, "", &mut (&mut Vec::new(), &mut unfinished))?;
            let mut cleared = 0;
            for path in unfinished {
                match fs::metadata(&path).and_then(|data| data.modified()) {
                    Ok(modified) if SystemTime::now().duration_since(modified).is_ok_and(|age| age > ABANDONED) => {
                        fs::remove_file(&path)?;
                        cleared += 1;
                    }
                    Ok(_) => {}
                    // Its writer renamed it meanwhile.
                    Err(error) if absent(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(cleared)
        };
        at(location, "", "cleared", clear).await
    }

    pub(super) async fn delete(&self, location: &str, path: &str) -> Result<(), StorageError> {
        let root = self.root.clone();
        let remove = move |path: &str| match fs::remove_file(root.join(path)) {
            Ok(()) => sync_folder(root.join(path).parent()),
            Err(error) if absent(&error) => Ok(()),
            Err(error) => Err(error),
        };
        at(location, path, "removed", remove).await
    }
}

/// Runs blocking work where it stops nobody else, and says where it failed.
async fn at<T: Send + 'static>(
    location: &str,
    path: &str,
    action: &'static str,
    work: impl FnOnce(&str) -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    let owned = path.to_owned();
    let place = Place { location, path, action };
    match tokio::task::spawn_blocking(move || work(&owned)).await {
        Ok(result) => result.map_err(|error| place.io(&error)),
        Err(error) => Err(place.failed(FailureKind::Other, error.to_string())),
    }
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn write(root: &Path, path: &str, bytes: &[u8], replace: bool) -> io::Result<Put> {
    let target = root.join(path);
    if !replace && target.symlink_metadata().is_ok() {
        return Ok(Put::Existed);
    }
    let folder = target.parent().unwrap_or(root);
    make_folders(folder)?;
    // A random name, because two writers of one object must not write into one file.
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let put = if replace {
        file.persist(&target).map_err(|error| error.error)?;
        Put::Created
    } else {
        match file.persist_noclobber(&target) {
            Ok(_) => Put::Created,
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Put::Existed,
            Err(error) => return Err(error.error),
        }
    };
    sync_folder(Some(folder))?;
    Ok(put)
}

/// Makes folders one by one, so that each new name can be made durable in the folder that holds it.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent();
    if let Some(parent) = parent {
        make_folders(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Ok(()) => sync_folder(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Without this a name that was made or removed may be back after a power cut.
fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

enum Found {
    Missing,
    TooLarge(u64),
    Whole(Bytes),
}

fn read(path: &Path, most: u64) -> io::Result<Found> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if absent(&error) => return Ok(Found::Missing),
        Err(error) => return Err(error),
    };
    let data = file.metadata()?;
    if !data.is_file() {
        return Ok(Found::Missing);
    }
    if data.len() > most {
        return Ok(Found::TooLarge(data.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(data.len()).unwrap_or(0));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Ok(Found::TooLarge(bytes.len() as u64));
    }
    Ok(Found::Whole(Bytes::from(bytes)))
}

/// Objects, and the files that are no objects yet.
type Listing<'a> = (&'a mut Vec<Entry>, &'a mut Vec<PathBuf>);

fn list(root: &Path, folder: &str, found_so_far: &mut Listing) -> io::Result<()> {
    let here = if folder.is_empty() { root.to_owned() } else { root.join(folder) };
    let found = match fs::read_dir(&here) {
        Ok(found) => found,
        // Others may remove a folder while it is read; a file of that name holds no objects.
        Err(error) if absent(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in found {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with(UNFINISHED) {
            found_so_far.1.push(entry.path());
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if super::check(&path).is_err() {
            continue;
        }
        // Links are not followed: fixtool makes none, and one might lead out of the repository.
        let data = match entry.metadata() {
            Ok(data) => data,
            Err(error) if absent(&error) => continue,
            Err(error) => return Err(error),
        };
        if data.is_dir() {
            list(root, &path, found_so_far)?;
        } else if data.is_file() {
            found_so_far.0.push(Entry { path, size: data.len(), modified: data.modified()? });
        }
    }
    Ok(())
}
