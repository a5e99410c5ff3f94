//! Whether a disk is full where SQLite does not say so.
//!
//! SQLite calls a page that could not be written what it is. But the same lack of space, met when it grows its shared
//! memory, makes a log or waits for the disk, has only the code of any trouble with files. Then the disk is asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Folders of the files that this process has written to.
static FOLDERS: LazyLock<Mutex<BTreeSet<PathBuf>>> = LazyLock::new(Mutex::default);

/// With less than this, neither a log nor its shared memory can grow.
const LEAST: u64 = 128 * 1024;

/// Remembers where a file lies that is written to.
pub(crate) fn remember(file: &Path) {
    if let Some(folder) = file.parent() {
        FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
    }
}

/// A folder that has no space left, if there is one.
pub(crate) fn full() -> Option<PathBuf> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|folder| is_full(folder)).cloned()
}

fn is_full(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|found| {
        // Some file systems count no files.
        found.f_bavail.saturating_mul(found.f_frsize) < LEAST || (found.f_files > 0 && found.f_favail == 0)
    })
}
