//! What a zip file holds, every entry checked.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use crate::snapshots::error::SnapshotError;

use super::{Entries, Place, refused};

/// The entries of a zip file: plain files that are only stored, with the names of fixtool, and nothing else.
pub(super) fn entries(path: &Path, file: File) -> Result<Entries, SnapshotError> {
    let whole = |reason: &str| refused(path, "the list of entries", reason);
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| whole(&error.to_string()))?;
    if archive.has_duplicate_names() {
        return Err(whole("there are two entries of one name"));
    }
    let mut entries = Entries::default();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(|error| whole(&error.to_string()))?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let plain = entry.is_file() && !entry.is_symlink() && !entry.encrypted();
        if !plain || entry.compression() != CompressionMethod::Stored || entry.size() != entry.compressed_size() {
            return Err(refused(path, &name, "it is no plain stored file"));
        }
        let start = entry.data_start().ok_or_else(|| refused(path, &name, "it lies nowhere"))?;
        let place = Place { start, size: entry.size() };
        entries.add(&name, place).map_err(|reason| refused(path, &name, &reason))?;
    }
    if archive.has_overlapping_files().map_err(|error| whole(&error.to_string()))? {
        return Err(whole("entries overlap"));
    }
    Ok(entries)
}
