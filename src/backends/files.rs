//! The folder of a tenant's files. It is read and written name by name, each below the folder that is open already, and no
//! link is followed: whatever somebody changes in it meanwhile, nothing outside of it is reached.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use rustix::fs::{self as system, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use thiserror::Error;

/// Why a file of a tenant cannot be read or written.
#[derive(Debug, Error, Diagnostic)]
#[error("'{}' cannot be {action}: {reason}", path.display().to_string().escape_debug())]
#[diagnostic(
    code(fixtool::files::failed),
    help("check the rights and the space below paths.storage, then run it again; nothing was put in place")
)]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What was to be done with it, as in "cannot be read".
    pub action: &'static str,
    /// What the system said.
    pub reason: String,
}

/// Where the files of a tenant lie, or will lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantFolder {
    root: PathBuf,
    above: Vec<String>,
    name: String,
}

/// A folder that is open: what lies in it is reached from here, and from nowhere else.
#[derive(Debug)]
pub struct OpenFolder {
    folder: OwnedFd,
    path: PathBuf,
}

/// A file that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    /// Its path below the folder.
    pub path: String,
    /// Its bytes at that time.
    pub bytes: u64,
}

/// What lies in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The files, by their paths.
    pub files: Vec<SeenFile>,
    /// What is no file and no folder, or has a name that cannot be kept: path and why.
    pub passed_over: Vec<String>,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const PRIVATE: Mode = Mode::RWXU;
const EVERYBODY: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

impl TenantFolder {
    /// Below the root of all files, at a path that names the tenant.
    pub fn new(root: &Path, below: &str) -> Self {
        let mut above: Vec<String> =
            below.split('/').filter(|name| !matches!(*name, "" | "." | "..")).map(str::to_owned).collect();
        let name = above.pop().unwrap_or_default();
        Self { root: root.to_owned(), above, name }
    }

    /// Its path.
    pub fn path(&self) -> PathBuf {
        self.beside(&self.name)
    }

    /// The path of another folder of this name beside it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.above.iter().fold(self.root.clone(), |path, one| path.join(one)).join(name)
    }

    /// Opens it; `None` when there is none.
    ///
    /// # Errors
    /// If it is a link, or may not be read.
    pub fn open(&self) -> Result<Option<OpenFolder>, FileError> {
        let Some(above) = self.parent(false)? else { return Ok(None) };
        let path = self.path();
        match open_folder(&above, &self.name) {
            Ok(folder) => Ok(Some(OpenFolder { folder, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed(&path, "opened", error)),
        }
    }

    /// A fresh folder of this name beside it, which nobody else may enter. What a try before left there goes.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn fresh(&self, name: &str) -> Result<OpenFolder, FileError> {
        self.remove(name)?;
        let path = self.beside(name);
        let missing = || failed(&path, "made", Errno::NOENT);
        let above = self.parent(true)?.ok_or_else(missing)?;
        system::mkdirat(&above, name, PRIVATE).map_err(|error| failed(&path, "made", error))?;
        let folder = open_folder(&above, name).map_err(|error| failed(&path, "opened", error))?;
        Ok(OpenFolder { folder, path })
    }

    /// Opens a fresh folder to whom this one is open, or the one above where this one does not exist.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn share(&self, fresh: &OpenFolder) -> Result<(), FileError> {
        let living = self.open()?.map(|living| living.folder);
        let Some(like) = living.map_or_else(|| self.parent(false), |living| Ok(Some(living)))? else { return Ok(()) };
        let wrong = |error| failed(&fresh.path, "opened to others", error);
        let mode = Mode::from_raw_mode(system::fstat(&like).map_err(wrong)?.st_mode) & EVERYBODY;
        system::fchmod(&fresh.folder, mode).map_err(wrong)?;
        system::fsync(&fresh.folder).map_err(wrong)
    }

    /// Removes the folder of this name beside it. Whether there was one.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<bool, FileError> {
        if !self.has(name)? {
            return Ok(false);
        }
        let path = self.beside(name);
        std::fs::remove_dir_all(&path).map_err(|error| failed(&path, "removed", error))?;
        Ok(true)
    }

    /// Puts the folder `new` in its place and keeps it as `old`. Without one, an empty folder `none` remembers that. Does nothing
    /// where there is no `new`, and goes on where a try before was stopped. Whether anything is kept.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn exchange(&self, [new, old, none]: [&str; 3]) -> Result<bool, FileError> {
        if !self.has(new)? {
            return self.has(old);
        }
        if !self.has(old)? && !self.has(none)? {
            if self.has(&self.name)? {
                self.rename(&self.name, old)?;
            } else {
                self.fresh(none)?;
            }
        }
        self.rename(new, &self.name)?;
        self.has(old)
    }

    /// Takes an exchange back: what was put in place is `new` again. Whether there was anything to take back.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn exchange_back(&self, [new, old, none]: [&str; 3]) -> Result<bool, FileError> {
        let (kept, was_none) = (self.has(old)?, self.has(none)?);
        if !kept && !was_none {
            return Ok(false);
        }
        if self.has(&self.name)? && !self.has(new)? {
            self.rename(&self.name, new)?;
        }
        if kept {
            self.rename(old, &self.name)?;
        } else {
            self.remove(none)?;
        }
        Ok(true)
    }

    /// Bytes that may still be written below the root, as far as the system tells.
    pub fn room(&self) -> Option<u64> {
        let nearest = self.root.ancestors().find(|path| path.exists())?;
        system::statvfs(nearest).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn has(&self, name: &str) -> Result<bool, FileError> {
        let Some(above) = self.parent(false)? else { return Ok(false) };
        match system::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(failed(&self.beside(name), "looked at", error)),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let Some(above) = self.parent(false)? else { return Ok(()) };
        let done = system::renameat(&above, from, &above, to).and_then(|()| system::fsync(&above));
        done.map_err(|error| failed(&self.beside(from), "renamed", error))
    }

    /// The folder above it. The root may be a link, which the configuration chose; nothing below it may.
    fn parent(&self, make: bool) -> Result<Option<OwnedFd>, FileError> {
        if make {
            std::fs::create_dir_all(&self.root).map_err(|error| failed(&self.root, "made", error))?;
        }
        let mut path = self.root.clone();
        let mut open = system::open(&path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        for name in &self.above {
            path.push(name);
            open = open.and_then(|above| {
                if make {
                    made(&above, name)?;
                }
                open_folder(&above, name)
            });
        }
        match open {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT) if !make => Ok(None),
            Err(error) => Err(failed(&path, "opened", error)),
        }
    }
}

/// Who may do what, without the bits that make a program run as somebody else.
const PERMISSIONS: u32 = 0o777;

impl OpenFolder {
    /// What lies in it, in the order of the paths; folders for which `without` is true are left out.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn contents(&self, without: impl Fn(&str) -> bool) -> Result<Contents, FileError> {
        let mut found = Contents::default();
        let mut open = vec![String::new()];
        while let Some(folder) = open.pop() {
            let wrong = |error: Errno| failed(&self.path.join(&folder), "read", error);
            match self.list(&folder, &mut found) {
                Ok(folders) => open.extend(folders.into_iter().filter(|folder| !without(folder))),
                // It went, or was replaced, since its name was read.
                Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) if !folder.is_empty() => {
                    found.passed_over.push(format!("{folder}: it vanished"));
                }
                Err(error) => return Err(wrong(error)),
            }
        }
        found.files.sort_by(|one, other| one.path.cmp(&other.path));
        found.passed_over.sort();
        Ok(found)
    }

    /// Adds what lies in one folder, and tells the folders in it.
    fn list(&self, folder: &str, found: &mut Contents) -> Result<Vec<String>, Errno> {
        let opened = self.below(folder)?;
        let mut folders = Vec::new();
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let shown = name.to_string_lossy();
            let path = if folder.is_empty() { shown.to_string() } else { format!("{folder}/{shown}") };
            let stat = match system::statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                other => other?,
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            let keepable = name.to_str().is_ok_and(|name| !name.contains('\\'));
            match kind {
                _ if !keepable => {
                    found.passed_over.push(format!("{path}: its name is not UTF-8, or holds a backslash"));
                }
                FileType::RegularFile => {
                    found.files.push(SeenFile { path, bytes: u64::try_from(stat.st_size).unwrap_or(0) });
                }
                FileType::Directory => folders.push(path),
                FileType::Symlink => found.passed_over.push(format!("{path}: it is a link")),
                _ => found.passed_over.push(format!("{path}: it is no file")),
            }
        }
        Ok(folders)
    }

    /// Opens a file to be read, and tells its mode; `None` when it vanished, or became something else.
    ///
    /// # Errors
    /// If it may not be read.
    pub fn read(&self, path: &str) -> Result<Option<(File, u32)>, FileError> {
        let (folder, name) = parted(path);
        // Without the last flag, a pipe that took the file's place would be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = self.below(folder).and_then(|folder| system::openat(&folder, name, flags, Mode::empty()));
        let stat = opened.and_then(|file| system::fstat(&file).map(|stat| (File::from(file), stat)));
        match stat {
            Ok((file, stat)) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                let seen = file.metadata().map_err(|error| self.error(path, "read", error))?;
                Ok(Some((file, seen.permissions().mode() & PERMISSIONS)))
            }
            Ok(_) | Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(failed(&self.path.join(path), "read", error)),
        }
    }

    /// Makes a file that nobody else may open, and the folders on its way.
    ///
    /// # Errors
    /// If it is there already, or cannot be made.
    pub fn write(&self, path: &str) -> Result<File, FileError> {
        let (folder, name) = parted(path);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = self.way(folder).and_then(|folder| system::openat(&folder, name, flags, Mode::RUSR | Mode::WUSR));
        made.map(File::from).map_err(|error| failed(&self.path.join(path), "written", error))
    }

    /// Gives a file that was written its mode, without the bits that make a program run as somebody else, and makes it last.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn finish(&self, path: &str, file: &File, mode: u32) -> Result<(), FileError> {
        let done = file.set_permissions(Permissions::from_mode(mode & PERMISSIONS)).and_then(|()| file.sync_all());
        done.map_err(|error| self.error(path, "written", error))
    }

    /// An error about a file in it.
    pub fn error(&self, path: &str, action: &'static str, error: io::Error) -> FileError {
        failed(&self.path.join(path), action, error)
    }

    fn below(&self, folder: &str) -> Result<OwnedFd, Errno> {
        let mut open = open_folder(&self.folder, ".")?;
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            open = open_folder(&open, name)?;
        }
        Ok(open)
    }

    fn way(&self, folder: &str) -> Result<OwnedFd, Errno> {
        let mut open = open_folder(&self.folder, ".")?;
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            made(&open, name)?;
            open = open_folder(&open, name)?;
        }
        Ok(open)
    }
}

/// The folder and the name of a path.
fn parted(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn open_folder(above: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    // Nothing leads upwards, whoever asks for it.
    if name == ".." || name.contains('/') {
        return Err(Errno::INVAL);
    }
    system::openat(above, name, OFlags::RDONLY | FOLDER, Mode::empty())
}

/// Makes a folder as the system's mask says, unless it is there.
fn made(above: &OwnedFd, name: &str) -> Result<(), Errno> {
    match system::mkdirat(above, name, EVERYBODY) {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

fn failed(path: &Path, action: &'static str, error: impl Into<io::Error>) -> FileError {
    let error = error.into();
    let link = matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::LOOP | Errno::NOTDIR));
    let reason =
        if link { "it is a link, or no folder, and links are not followed".to_owned() } else { error.to_string() };
    FileError { path: path.to_owned(), action, reason }
}

#[cfg(test)]
mod tests;
