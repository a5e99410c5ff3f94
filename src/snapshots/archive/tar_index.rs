//! What a tar file holds, every entry checked.

use std::io::Read;
use std::path::Path;

use crate::snapshots::error::SnapshotError;

use super::{Entries, Place, refused};

/// The entries of a tar file: plain files with the names of fixtool, and nothing else.
pub(super) fn entries(path: &Path, reader: impl Read) -> Result<Entries, SnapshotError> {
    let mut entries = Entries::default();
    let mut archive = tar::Archive::new(reader);
    let mut name = String::new();
    let broken = |name: &str, error: std::io::Error| refused(path, &format!("after {name}"), &error.to_string());
    // Raw: long names and extensions would come as entries of their own kind, and fixtool writes none.
    let found = archive.entries().map_err(|error| broken("the start", error))?.raw(true);
    for entry in found {
        let entry = entry.map_err(|error| broken(&name, error))?;
        name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let header = entry.header();
        if header.entry_type() != tar::EntryType::Regular {
            return Err(refused(path, &name, &format!("it is no plain file but {:?}", header.entry_type())));
        }
        let place = Place { start: entry.raw_file_position(), size: entry.size() };
        entries.add(&name, place).map_err(|reason| refused(path, &name, &reason))?;
    }
    Ok(entries)
}
