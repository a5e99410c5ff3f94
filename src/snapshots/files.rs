//! The files of a tenant: cut into chunks where their content says so, stored like parts, and written again.
//!
//! A file is read once. Where its content is cut depends on the bytes there alone, so what is put into the middle of a large file
//! moves no cut beyond the next one, and the chunks after it are found stored already.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use fastcdc::v2020::{Normalization, StreamCDC};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;

use super::beside;
use super::cut::{RawPart, Rows};
use super::error::SnapshotError;
use super::keys::Keys;
use super::manifest::FileEntry;
use super::part::{Packing, PartRef};
use super::part_store::PartStore;
use super::source::{SnapshotSource, blocking};
use super::take::Watch;
use crate::backends::files::{Contents, FileError, OpenFolder, SeenFile, TenantFolder};
use crate::model::Namespace;
use crate::model::size::bytes;

/// The sizes of chunks. Backups of years are compared with each other, so these stay; a file that is smaller is one chunk.
const LEAST: usize = 512 << 10;
const AVERAGE: usize = 1 << 20;

/// No chunk is larger.
pub const MOST: usize = 8 << 20;

/// Files that are read side by side: many small ones wait for the store, and a large one for the disk.
const AT_ONCE: usize = 3;

/// The folders directly below a tenant's that hold what can be made again.
pub const CACHE: [&str; 2] = ["cache", "tmp"];

/// Remarks on single files that are told; the others are counted.
const TOLD: usize = 10;

/// What a plan says of the files before they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Amount {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files = if self.files == 1 { "file" } else { "files" };
        write!(f, "{} {files} of {}", self.files, bytes(self.bytes))
    }
}

/// Counts the files of a folder; `None` when there is no such folder.
///
/// # Errors
/// If it cannot be read.
pub async fn foresee(folder: &TenantFolder, cache: bool) -> Result<Option<Amount>, SnapshotError> {
    let folder = folder.clone();
    blocking(move || {
        let Some(open) = folder.open()? else { return Ok(None) };
        let files = looked(&open, cache)?.files;
        Ok(Some(Amount { files: files.len() as u64, bytes: files.iter().map(|file| file.bytes).sum() }))
    })
    .await
}

fn looked(open: &OpenFolder, cache: bool) -> Result<Contents, FileError> {
    open.contents(|folder| !cache && CACHE.contains(&folder))
}

/// Stores the files of a tenant.
pub struct Storing<'a> {
    /// Where they lie.
    pub folder: &'a TenantFolder,
    /// Whether what can be made again is stored as well.
    pub cache: bool,
    /// Where chunks go.
    pub store: Arc<dyn PartStore>,
    /// How they are compressed and sealed.
    pub packing: &'a Packing,
    /// The tenant's keys that are at hand.
    pub keys: &'a Keys,
    /// Who is told, and asked whether to go on.
    pub watch: Arc<dyn Watch>,
}

/// What was stored.
#[derive(Debug, Default)]
pub struct Stored {
    /// The files for the manifest; `None` when there is no folder.
    pub files: Option<Vec<FileEntry>>,
    /// Bytes that were written to the store.
    pub written: u64,
    /// Chunks that were there already.
    pub reused: u64,
    /// What was passed over, and what changed meanwhile.
    pub notes: Vec<String>,
}

/// What became of one file.
enum One {
    Stored { entry: FileEntry, written: u64, reused: u64, before: u64 },
    Vanished(String),
    Stopped,
}

impl Storing<'_> {
    /// Stores them all; `None` when the user stopped it.
    ///
    /// # Errors
    /// If a file cannot be read, or the store fails.
    pub async fn store(&self) -> Result<Option<Stored>, SnapshotError> {
        let (folder, cache) = (self.folder.clone(), self.cache);
        let seen = blocking(move || {
            let Some(open) = folder.open()? else { return Ok(None) };
            let contents = looked(&open, cache)?;
            Ok(Some((Arc::new(open), contents)))
        });
        let Some((open, contents)) = seen.await? else {
            let note = format!("there are no files: {} does not exist", self.folder.path().display());
            return Ok(Some(Stored { notes: vec![note], ..Stored::default() }));
        };
        let mut files = Vec::with_capacity(contents.files.len());
        let mut remarks: Vec<String> =
            contents.passed_over.iter().map(|one| format!("passed over, {}", one.escape_debug())).collect();
        let mut stored = Stored::default();
        let mut all = futures_util::stream::iter(contents.files).map(|seen| self.one(&open, seen)).buffered(AT_ONCE);
        while let Some(one) = all.try_next().await? {
            match one {
                One::Stopped => return Ok(None),
                One::Vanished(path) => {
                    let path = path.escape_debug();
                    remarks.push(format!("vanished while it was backed up, {path}"));
                }
                One::Stored { entry, written, reused, before } => {
                    if entry.bytes != before {
                        let path = entry.path.escape_debug();
                        let change = format!("had {before} bytes, and {} when it was read: {path}", entry.bytes);
                        remarks.push(change);
                    }
                    stored.written += written;
                    stored.reused += reused;
                    files.push(entry);
                }
            }
        }
        stored.files = Some(files);
        stored.notes = told(remarks);
        Ok(Some(stored))
    }

    async fn one(&self, open: &Arc<OpenFolder>, seen: SeenFile) -> Result<One, SnapshotError> {
        if self.watch.stopped() {
            return Ok(One::Stopped);
        }
        let (sender, mut receiver) = mpsc::channel(1);
        let (folder, path, key) = (open.clone(), seen.path.clone(), self.packing.cut_seed());
        // Without its receiver the reader ends by itself.
        let reading = tokio::spawn(blocking(move || Ok(read(&folder, &path, key, &sender)?)));
        let (mut chunks, mut written, mut reused) = (Vec::new(), 0, 0);
        while let Some(bytes) = receiver.recv().await {
            let size = Vec::len(&bytes) as u64;
            let kept = self.store.keep(self.packing, self.keys, RawPart { bytes, rows: Rows::default() }).await?;
            written += kept.written;
            reused += u64::from(kept.written == 0);
            chunks.push(kept.part);
            self.watch.advance(size);
            if self.watch.stopped() {
                return Ok(One::Stopped);
            }
        }
        let read = reading.await.map_err(|error| SnapshotError::damaged(&seen.path, error.to_string()))??;
        let Some(mode) = read else { return Ok(One::Vanished(seen.path)) };
        let bytes = chunks.iter().map(|chunk: &PartRef| chunk.raw_bytes).sum();
        let entry = FileEntry { path: seen.path, mode, bytes, chunks };
        Ok(One::Stored { entry, written, reused, before: seen.bytes })
    }
}

/// Sends the chunks of a file and tells its mode; `None` when it vanished.
fn read(folder: &OpenFolder, path: &str, seed: u64, sender: &mpsc::Sender<Vec<u8>>) -> Result<Option<u32>, FileError> {
    let Some((mut file, mode)) = folder.read(path)? else { return Ok(None) };
    let wrong = |error: std::io::Error| folder.error(path, "read", error);
    // The cutter's buffer is large, and most files are small.
    let mut first = Vec::new();
    (&mut file).take(LEAST as u64).read_to_end(&mut first).map_err(wrong)?;
    if first.len() < LEAST {
        if !first.is_empty() {
            // Nobody listens any more: then it was stopped.
            let _ = sender.blocking_send(first);
        }
        return Ok(Some(mode));
    }
    let whole = first.chain(file);
    for chunk in StreamCDC::with_level_and_seed(whole, LEAST, AVERAGE, MOST, Normalization::Level1, seed) {
        let chunk = chunk.map_err(|error| wrong(error.into()))?;
        if sender.blocking_send(chunk.data).is_err() {
            break;
        }
    }
    Ok(Some(mode))
}

/// The first remarks, and how many more there are.
fn told(mut remarks: Vec<String>) -> Vec<String> {
    if remarks.len() > TOLD {
        let more = remarks.len() - TOLD;
        remarks.truncate(TOLD);
        remarks.push(format!("and {more} files more that were passed over or changed"));
    }
    remarks
}

/// The folders of a restore beside a tenant's: what it brings, what it keeps, and the mark that there was nothing to keep. The run
/// may also be given by the digits at the end of its namespaces. The point keeps them from being the folder of a tenant.
pub fn names(run: &str) -> [String; 3] {
    ["new", "old", "none"].map(|kind| format!(".{}", beside::namespace(kind, run)))
}

/// Removes what a restore kept of the files, given the namespace that it kept. Whether there was anything.
///
/// # Errors
/// If it cannot be removed.
pub async fn forget(folder: &TenantFolder, kept: &Namespace) -> Result<bool, SnapshotError> {
    let Some(digits) = kept.0.strip_prefix("fixtool_old_") else { return Ok(false) };
    let (folder, [_, old, none]) = (folder.clone(), names(digits));
    blocking(move || {
        let was_none = folder.remove(&none)?;
        Ok(folder.remove(&old)? || was_none)
    })
    .await
}

/// Writes the files of a snapshot into a fresh folder of this name beside the tenant's. A second try begins anew. `None` when the
/// user stopped it.
///
/// # Errors
/// If a file cannot be written, the store fails, or what is stored is damaged.
pub async fn bring(
    source: &dyn SnapshotSource,
    (folder, name): (&TenantFolder, &str),
    watch: &dyn Watch,
) -> Result<Option<Amount>, SnapshotError> {
    let files = &source.manifest().files;
    let mut done = Amount::default();
    let all: u64 = files.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
    if let Some(room) = folder.room().filter(|room| *room < all) {
        let reason = format!("the files have {}, and there is room for {}", bytes(all), bytes(room));
        return Err(FileError { path: folder.path(), action: "restored", reason }.into());
    }
    let (place, fresh) = (folder.clone(), name.to_owned());
    let open = Arc::new(blocking(move || Ok(place.fresh(&fresh)?)).await?);
    for entry in files {
        let (within, path) = (open.clone(), entry.path.clone());
        let mut file = blocking(move || Ok(within.write(&path)?)).await?;
        for chunk in &entry.chunks {
            if watch.stopped() {
                return Ok(None);
            }
            let bytes = source.chunk(&entry.path, chunk).await?;
            file = written(&open, (&entry.path, file), bytes).await?;
            watch.advance(chunk.raw_bytes);
        }
        let (within, path, mode) = (open.clone(), entry.path.clone(), entry.mode);
        blocking(move || Ok(within.finish(&path, &file, mode)?)).await?;
        done.files += 1;
        done.bytes += entry.bytes;
    }
    let place = folder.clone();
    blocking(move || Ok(place.share(&open)?)).await?;
    Ok(Some(done))
}

async fn written(
    open: &Arc<OpenFolder>,
    (path, mut file): (&str, File),
    bytes: bytes::Bytes,
) -> Result<File, SnapshotError> {
    let (open, path) = (open.clone(), path.to_owned());
    blocking(move || match file.write_all(&bytes) {
        Ok(()) => Ok(file),
        Err(error) => Err(open.error(&path, "written", error).into()),
    })
    .await
}
