//! Archives: a repository in a file, holding one snapshot.
//!
//! | file | holds |
//! |---|---|
//! | [`mod@write`] | an archive, written beside its final name and renamed when it is whole |
//! | [`export`] | a snapshot of a repository as an archive |
//! | [`frames`] | random access into compressed tar files |
//! | [`tar_index`], [`zip_index`] | what an archive holds, every entry checked |
//! | [`trailer`] | the hash at the end of the file |
//!
//! The entries have the names of [`layout`]; so an archive that is unpacked is a repository. The manifest is the last
//! entry. The file ends with a hash of everything before it, in a form that `tar`, `zstd`, `gunzip` and `unzip`
//! skip: so a cut or a changed bit shows even where a decompressor or `tar` would not look, and
//! shows before anything in the file is believed.

pub mod export;
pub mod frames;
pub mod tar_index;
pub mod trailer;
pub mod write;
pub mod zip_index;

#[cfg(test)]
mod tests;

pub use write::ArchiveWriter;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backends::sealing::{Identities, KeyError, TenantKey};
use crate::model::TenantId;

use super::error::SnapshotError;
use super::keys::Keys;
use super::layout::{self, Object, SnapshotId};
use super::manifest::{MOST_STORED, Manifest};
use super::repository;

/// A sealed key is a short entry.
const MOST_KEY: u64 = 1 << 18;

/// The most entries: parts of sixteen megabytes for sixteen terabytes.
const MOST_ENTRIES: usize = 1 << 20;

/// The kinds of archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveFormat {
    /// `.tar.zst`
    TarZst,
    /// `.tar.gz`
    TarGz,
    /// `.tar`
    Tar,
    /// `.zip`
    Zip,
}

impl ArchiveFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::TarZst, Self::TarGz, Self::Tar, Self::Zip];

    /// The ending of its files, without the first point.
    pub fn ending(self) -> &'static str {
        match self {
            Self::TarZst => "tar.zst",
            Self::TarGz => "tar.gz",
            Self::Tar => "tar",
            Self::Zip => "zip",
        }
    }

    /// By the ending of a file's name.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let fits = |format: &Self| name.strip_suffix(format.ending()).is_some_and(|rest| rest.ends_with('.'));
        let found = Self::ALL.into_iter().find(fits);
        found.or_else(|| name.strip_suffix(".tgz").map(|_| Self::TarGz))
    }
}

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its first byte: in the unpacked tar file, or in the zip file itself.
    pub start: u64,
    /// Its bytes.
    pub size: u64,
}

/// Entries by name, in a form in which each name is checked already.
#[derive(Debug, Default)]
pub(super) struct Entries {
    by_path: BTreeMap<String, Place>,
    manifest: Option<(TenantId, SnapshotId)>,
}

impl Entries {
    /// Takes one entry in, unless no archive of fixtool holds such a one.
    fn add(&mut self, path: &str, place: Place) -> Result<(), String> {
        if self.manifest.is_some() {
            return Err("something comes after the manifest".to_owned());
        }
        let most = match Object::of(path) {
            Some(Object::Repository) => super::record::MOST,
            Some(Object::WrappedKey(..) | Object::KeyRecord(..)) => MOST_KEY,
            Some(Object::Part(_)) => super::part::MOST,
            Some(Object::Manifest(tenant, id)) => {
                self.manifest = Some((tenant, id));
                MOST_STORED
            }
            _ => return Err("no archive of fixtool holds an entry of this name".to_owned()),
        };
        if place.size > most {
            return Err(format!("it has {} bytes, the most is {most}", place.size));
        }
        if self.by_path.len() >= MOST_ENTRIES {
            return Err("there are too many entries".to_owned());
        }
        if self.by_path.insert(path.to_owned(), place).is_some() {
            return Err("there are two entries of this name".to_owned());
        }
        Ok(())
    }
}

/// How entries are read once their places are known.
#[derive(Debug)]
enum Access {
    Frames(frames::Frames),
    Whole,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    entries: BTreeMap<String, Place>,
    tenant: TenantId,
    id: SnapshotId,
    access: Access,
}

/// An archive whose entries were all checked. Cheap to clone; every read opens the file anew, so many may
/// read at once.
#[derive(Debug, Clone)]
pub struct Archive {
    inner: Arc<Inner>,
}

impl Archive {
    /// Reads the whole file once: its hash, then the names and places of its entries. Blocks.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let incomplete =
            |reason: &str| SnapshotError::ArchiveIncomplete { path: path.to_owned(), reason: reason.to_owned() };
        let format = ArchiveFormat::of(path)
            .ok_or_else(|| incomplete("its name ends in none of .tar.zst, .tar.gz, .tar and .zip"))?;
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        trailer::check(&file, format).map_err(|fault| match fault {
            trailer::Fault::Io(error) => unreadable(path, &error),
            trailer::Fault::Wrong(reason) => incomplete(reason),
        })?;
        let (entries, access) = match format {
            ArchiveFormat::Zip => (zip_index::entries(path, file)?, Access::Whole),
            ArchiveFormat::Tar => (tar_index::entries(path, std::io::BufReader::new(file))?, Access::Whole),
            ArchiveFormat::TarGz | ArchiveFormat::TarZst => {
                let mut reader = frames::FrameReader::new(file, format).map_err(|error| unreadable(path, &error))?;
                let entries = tar_index::entries(path, &mut reader)?;
                (entries, Access::Frames(reader.into_frames()))
            }
        };
        let (tenant, id) = entries.manifest.ok_or_else(|| incomplete("it holds no manifest"))?;
        if !entries.by_path.contains_key(layout::REPOSITORY) {
            return Err(incomplete("it does not say what it is"));
        }
        let inner = Inner { path: path.to_owned(), entries: entries.by_path, tenant, id, access };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Whose snapshot it holds.
    pub fn tenant(&self) -> &TenantId {
        &self.inner.tenant
    }

    /// Which snapshot it holds.
    pub fn id(&self) -> &SnapshotId {
        &self.inner.id
    }

    /// The names and sizes of all entries.
    pub fn entries(&self) -> impl Iterator<Item = (&str, u64)> {
        self.inner.entries.iter().map(|(path, place)| (path.as_str(), place.size))
    }

    /// The size of an entry, unless there is none of that name.
    pub fn entry_size(&self, path: &str) -> Option<u64> {
        self.inner.entries.get(path).map(|place| place.size)
    }

    /// The keys that can be had: each generation in the archive that the identities open. Blocks.
    pub fn keys(&self, identities: &Identities) -> Result<Keys, SnapshotError> {
        let mut keys = Keys::none();
        if identities.is_empty() {
            return Ok(keys);
        }
        for path in self.inner.entries.keys() {
            let Some(Object::WrappedKey(tenant, generation)) = Object::of(path) else { continue };
            let Some(wrapped) = self.entry(path, MOST_KEY)? else { continue };
            if tenant != self.inner.tenant {
                return Err(self.refused(path, "it is the key of another tenant"));
            }
            match TenantKey::unwrap(&wrapped, identities, path) {
                Ok(key) => keys.add(generation, key),
                Err(KeyError::Wrong { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(keys)
    }

    /// The manifest. Blocks.
    pub fn manifest(&self, keys: &Keys) -> Result<Manifest, SnapshotError> {
        let (tenant, id) = (&self.inner.tenant, &self.inner.id);
        let path = layout::manifest(tenant, id);
        let stored = self.entry(&path, MOST_STORED)?.unwrap_or_default();
        if !id.fits(&stored) {
            return Err(self.refused(&path, "it was changed or exchanged after it was written"));
        }
        repository::open_manifest(&stored, tenant, id, keys)
    }

    /// The bytes of an entry, unless there is none of that name; more than `most` bytes are refused unread. Blocks.
    pub fn entry(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, SnapshotError> {
        let Some(place) = self.inner.entries.get(path) else { return Ok(None) };
        if place.size > most {
            return Err(self.refused(path, &format!("it has {} bytes and should have {most}", place.size)));
        }
        let read = match &self.inner.access {
            Access::Whole => frames::read_at(&self.inner.path, *place),
            Access::Frames(frames) => frames.read(&self.inner.path, *place),
        };
        read.map(Some).map_err(|error| self.refused(path, &error.to_string()))
    }

    fn refused(&self, entry: &str, reason: &str) -> SnapshotError {
        refused(&self.inner.path, entry, reason)
    }
}

fn refused(path: &Path, entry: &str, reason: &str) -> SnapshotError {
    let entry = entry.escape_debug().take(120).collect();
    SnapshotError::ArchiveEntry { path: path.to_owned(), entry, reason: reason.to_owned() }
}

fn unreadable(path: &Path, error: &std::io::Error) -> SnapshotError {
    SnapshotError::File { path: path.to_owned(), action: "read", reason: error.to_string() }
}
