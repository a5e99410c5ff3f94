//! Who in this process has a file open, and how.
//!
//! All connections of a process share one mapping of `-shm`: if the first of them asked for it
//! read-only, a writer that comes later cannot write. And when an `immutable` connection is closed,
//! the operating system forgets every lock that the process holds on the file. So a reader opens a
//! file in one of these ways only while nobody here writes to it, and a writer waits until such
//! readers are done.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::files::BUSY;
use super::session::disturbed;
use crate::backends::database::DatabaseError;

static FILES: LazyLock<Mutex<HashMap<PathBuf, Arc<FileUse>>>> = LazyLock::new(Mutex::default);

#[derive(Debug, Default)]
struct FileUse {
    /// Held by those who read without a trace.
    quiet: Arc<RwLock<()>>,
    writers: AtomicUsize,
}

fn of(file: &Path) -> Arc<FileUse> {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    files.retain(|known, used| known == file || Arc::strong_count(used) > 1);
    Arc::clone(files.entry(file.to_owned()).or_default())
}

/// Leave to read without a trace.
#[derive(Debug)]
pub(super) struct Quiet {
    _guard: OwnedRwLockReadGuard<()>,
    _used: Arc<FileUse>,
}

/// Leave to read without a trace; `None` while somebody here writes to the file.
pub(super) fn quiet(file: &Path) -> Option<Quiet> {
    let used = of(file);
    let guard = Arc::clone(&used.quiet).try_read_owned().ok()?;
    (used.writers.load(Ordering::SeqCst) == 0).then_some(Quiet { _guard: guard, _used: used })
}

/// Notice that somebody here may write to the file.
#[derive(Debug)]
pub(super) struct Writing {
    used: Arc<FileUse>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.used.writers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until nobody here reads the file without a trace.
pub(super) async fn write(file: &Path) -> Result<Writing, DatabaseError> {
    let used = of(file);
    let guard = tokio::time::timeout(BUSY, used.quiet.write()).await.map_err(|_| disturbed())?;
    used.writers.fetch_add(1, Ordering::SeqCst);
    drop(guard);
    Ok(Writing { used })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_waits_for_quiet_readers_and_keeps_new_ones_away() {
        let file = Path::new("/nowhere/sharing.db");
        let first = quiet(file).unwrap();
        let waiting = tokio::spawn(write(file));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        let leave = waiting.await.unwrap().unwrap();
        assert!(quiet(file).is_none());
        assert!(quiet(Path::new("/nowhere/other.db")).is_some());
        drop(leave);
        assert!(quiet(file).is_some());
    }
}
