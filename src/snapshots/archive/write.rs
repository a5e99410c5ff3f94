//! An archive, written beside its final name and renamed when it is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::backends::sealing::SealingKey;
use crate::snapshots::codec::Codec;
use crate::snapshots::cut::Rows;
use crate::snapshots::error::SnapshotError;
use crate::snapshots::layout::{self, Digest, SnapshotId};
use crate::snapshots::manifest::Manifest;
use crate::snapshots::part::{Packed, PartRef};
use crate::snapshots::repository::new_label;

use super::{ArchiveFormat, trailer};

/// The blocks of a tar file.
const BLOCK: usize = 512;

/// The wrapping of what is compressed already: speed is all that counts.
const LEVEL: u32 = 1;

enum Output {
    Tar(BufWriter<NamedTempFile>),
    Zip(Box<ZipWriter<BufWriter<NamedTempFile>>>),
}

/// Writes an archive. Nothing is visible under its name before [`finish`](Self::finish); dropped before that, it
/// leaves nothing behind. All of it blocks.
pub struct ArchiveWriter {
    output: Output,
    format: ArchiveFormat,
    target: PathBuf,
    written: BTreeSet<String>,
    parts: BTreeMap<Digest, PartRef>,
}

impl std::fmt::Debug for ArchiveWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchiveWriter").field("target", &self.target).finish_non_exhaustive()
    }
}

impl ArchiveWriter {
    /// For this file, whose folder must exist. A file of that name is never replaced.
    pub fn create(target: &Path, format: ArchiveFormat) -> Result<Self, SnapshotError> {
        let failed = |error: &io::Error| unwritable(target, error);
        if target.symlink_metadata().is_ok() {
            return Err(failed(&io::ErrorKind::AlreadyExists.into()));
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".fixtool-unfinished-").tempfile_in(folder);
        let file = BufWriter::with_capacity(1 << 17, file.map_err(|error| failed(&error))?);
        let output = match format {
            ArchiveFormat::Zip => Output::Zip(Box::new(ZipWriter::new(file))),
            _ => Output::Tar(file),
        };
        let mut writer =
            Self { output, format, target: target.to_owned(), written: BTreeSet::new(), parts: BTreeMap::new() };
        writer.add(layout::REPOSITORY, &new_label()?)?;
        Ok(writer)
    }

    /// Adds an object under the name that it has in a repository; one that is there already is left alone. The
    /// sealed keys that one needs to open the archive belong into it, too.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), SnapshotError> {
        if !self.written.insert(path.to_owned()) {
            return Ok(());
        }
        let put = match &mut self.output {
            Output::Zip(zip) => add_to_zip(zip, path, bytes),
            Output::Tar(file) => tar_entry(path, bytes).and_then(|entry| add_frame(file, self.format, &entry)),
        };
        put.map_err(|error| unwritable(&self.target, &error))
    }

    /// Adds a part, and gives what the manifest must say of it. Of two parts of one name the first one stays: sealing
    /// gives other bytes each time, so their hash is that of the first.
    pub fn put_part(&mut self, part: &Packed, rows: &Rows) -> Result<PartRef, SnapshotError> {
        let new = part.reference(rows);
        if let Some(known) = self.parts.get(&part.name) {
            let same = PartRef { first: new.first, last: new.last, rows: new.rows, ..known.clone() };
            return Ok(same);
        }
        self.add(&layout::part(&part.name), &part.bytes)?;
        self.parts.insert(part.name.clone(), part.reference(&Rows::default()));
        Ok(new)
    }

    /// Adds the manifest and makes the archive visible.
    pub fn publish(self, manifest: &Manifest, key: Option<&SealingKey>) -> Result<SnapshotId, SnapshotError> {
        let stored = manifest.encode(key)?;
        let id = SnapshotId::of(manifest.taken_at.0, &stored);
        let path = layout::manifest(&manifest.tenant, &id);
        self.finish(&path, &stored)?;
        Ok(id)
    }

    /// Adds a manifest as it is stored and makes the archive visible.
    pub fn finish(mut self, path: &str, manifest: &[u8]) -> Result<(), SnapshotError> {
        self.add(path, manifest)?;
        let Self { output, format, target, .. } = self;
        end(output, format, &target).map_err(|error| unwritable(&target, &error))
    }
}

fn end(output: Output, format: ArchiveFormat, target: &Path) -> io::Result<()> {
    let file = match output {
        Output::Zip(mut zip) => {
            zip.set_raw_comment(trailer::zip_comment())?;
            zip.finish()?
        }
        Output::Tar(mut file) => {
            add_frame(&mut file, format, &[0; 2 * BLOCK])?;
            file
        }
    };
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    trailer::write(file.as_file_mut(), format)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(target).map_err(|error| error.error)?;
    #[cfg(unix)]
    File::open(target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
        .sync_all()?;
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> SnapshotError {
    SnapshotError::File { path: path.to_owned(), action: "written", reason: error.to_string() }
}

fn add_to_zip(zip: &mut ZipWriter<BufWriter<NamedTempFile>>, path: &str, bytes: &[u8]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o600)
        .large_file(u32::try_from(bytes.len()).is_err());
    zip.start_file(path, options)?;
    zip.write_all(bytes)
}

/// An entry with its header and its padding.
fn tar_entry(path: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let mut entry = Vec::with_capacity(bytes.len() + 2 * BLOCK);
    entry.extend_from_slice(header.as_bytes());
    entry.extend_from_slice(bytes);
    entry.resize(entry.len().next_multiple_of(BLOCK), 0);
    Ok(entry)
}

/// Writes one frame, which can be unpacked by itself.
fn add_frame(file: &mut BufWriter<NamedTempFile>, format: ArchiveFormat, bytes: &[u8]) -> io::Result<()> {
    let level = i32::try_from(LEVEL).unwrap_or(1);
    match format {
        ArchiveFormat::TarZst => file.write_all(&Codec::Zstd { level }.compress(bytes)?),
        ArchiveFormat::TarGz => file.write_all(&Codec::Gzip { level: LEVEL }.compress(bytes)?),
        ArchiveFormat::Tar | ArchiveFormat::Zip => file.write_all(bytes),
    }
}
