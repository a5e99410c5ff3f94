//! What a snapshot consists of. Everything but the rows themselves is in here.
//!
//! A manifest is stored as `{"format":1,"digest":…,"manifest":{…}}`, compressed with zstd and sealed for the tenant.
//! Its digest is a signature where it is sealed: a provider knows the public key and could seal a
//! forged manifest, but cannot sign one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::backends::sealing::{ContentKey, SealingKey};
use crate::model::{Engine, Model, TenantId};

use super::codec::{Codec, Compression, most_out_of};
use super::cut::CutRule;
use super::error::SnapshotError;
use super::instant::Instant;
use super::keys::Keys;
use super::layout::{Digest, SnapshotId};
use super::part::PartRef;
use super::record::Format;

/// The format that this fixtool writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The most bytes of a stored manifest.
pub const MOST_STORED: u64 = 256 << 20;

/// The most bytes of a manifest as text.
const MOST: u64 = 1 << 30;

/// The most bytes of a chunk of a file: a chunk is held in memory whole.
const MOST_CHUNK: u64 = 16 << 20;

/// How everything begins that is sealed.
pub const SEALED: &[u8] = b"age-encryption.org/v1\n";

/// Whether a snapshot stored everything anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Every row was read and every part looked for.
    Full,
    /// Ranges of keys and pages that did not change were taken over from the parent.
    Incremental,
}

/// With which key a manifest is sealed. Its parts name their own: an increment may hold parts of an older generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The generation of the tenant's key.
    pub generation: u32,
    /// Its public half.
    pub recipient: String,
}

/// A kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Structure, so that a tenant can be made from it.
    Structure,
    /// Rows.
    Rows,
    /// Of the files, also those that can be made again.
    Cache,
    /// Files.
    Files,
}

/// What was to be in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The kinds of content that were saved.
    pub contents: BTreeSet<Content>,
    /// The tables that were asked for; `None` is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<BTreeSet<String>>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEntry {
    /// Its name.
    pub name: String,
    /// Its columns in the order of the fields of a line.
    pub columns: Vec<String>,
    /// The columns of its primary key; empty for a table without one.
    pub key: Vec<String>,
    /// Its rows.
    pub rows: u64,
    /// How it was cut, if it was read in the order of its key; the next backup cuts it in the same way. Without a
    /// rule it was read in the order of its pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<CutRule>,
    /// Its parts in order.
    pub parts: Vec<PartRef>,
}

/// One file of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its path below the tenant's folder.
    pub path: String,
    /// Its mode.
    pub mode: u32,
    /// Its bytes.
    pub bytes: u64,
    /// Its content in order; a chunk has no rows and no key.
    pub chunks: Vec<PartRef>,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Whose it is.
    pub tenant: TenantId,
    /// The tenant's row in the registry.
    pub tenant_record: serde_json::Value,
    /// Whether everything was read.
    pub kind: Kind,
    /// The snapshot with which an increment was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SnapshotId>,
    /// The instant of which it tells, RFC 3339 in UTC.
    pub taken_at: Instant,
    /// The same instant in the server's terms, for the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The kind of server.
    pub engine: Engine,
    /// Its version.
    pub engine_version: String,
    /// The pack of the tenant.
    pub pack: String,
    /// Its version.
    pub pack_version: String,
    /// The tenant's model, as pack.md describes it.
    pub model: Model,
    /// Configuration, roles and sealed credentials, each under its name.
    pub configuration: BTreeMap<String, serde_json::Value>,
    /// What was asked for.
    pub scope: Scope,
    /// The tables, parents before children.
    pub tables: Vec<TableEntry>,
    /// The tenant's files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileEntry>,
    /// How new parts were compressed.
    pub compression: Compression,
    /// How it is sealed, unless it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Words to keep it by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// The version of fixtool that made it.
    pub fixtool: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a> {
    #[serde(rename = "format")]
    _format: u32,
    digest: Digest,
    #[serde(borrow)]
    manifest: &'a RawValue,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    digest: Digest,
    manifest: &'a RawValue,
}

impl Manifest {
    /// As it is stored.
    pub fn encode(&self, key: Option<&SealingKey>) -> Result<Vec<u8>, SnapshotError> {
        let failed = |reason: String| SnapshotError::damaged("the new manifest", reason);
        let text = serde_json::value::to_raw_value(self).map_err(|error| failed(error.to_string()))?;
        let digest = digest(key.map(SealingKey::content), text.get().as_bytes());
        let whole = Written { format: FORMAT, digest, manifest: &text };
        let bytes = serde_json::to_vec(&whole).map_err(|error| failed(error.to_string()))?;
        let small = Codec::default().compress(&bytes).map_err(|error| failed(error.to_string()))?;
        match key {
            Some(key) => Ok(key.seal_manifest(&small)?),
            None => Ok(small),
        }
    }

    /// From what is stored; `what` names it in errors.
    pub fn decode(what: &str, stored: &[u8], keys: &Keys) -> Result<Self, SnapshotError> {
        let failed = |reason: String| SnapshotError::damaged(what, reason);
        let (opened, key) = if stored.starts_with(SEALED) {
            let (opened, key) = keys.open_manifest(stored, MOST_STORED, what)?;
            (Some(opened), Some(key))
        } else {
            (None, None)
        };
        let small = opened.as_deref().unwrap_or(stored);
        // A few kilobytes would else become a gigabyte before anything of them is checked.
        let most = MOST.min(most_out_of(small.len() as u64));
        let text = Compression::Zstd.decompress(small, most).map_err(|error| failed(error.to_string()))?;
        let Format { format } = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        if format > FORMAT {
            return Err(SnapshotError::Newer { what: what.to_owned(), found: format, known: FORMAT });
        }
        if format == 0 {
            return Err(failed("there is no format 0".to_owned()));
        }
        let read: Read = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        let key = key.map(|key| key.content().clone());
        if digest(key.as_ref(), read.manifest.get().as_bytes()) != read.digest {
            return Err(failed("its content and its digest differ".to_owned()));
        }
        let manifest: Self = serde_json::from_str(read.manifest.get()).map_err(|error| failed(error.to_string()))?;
        if manifest.encryption.is_some() != key.is_some() {
            return Err(failed("it says otherwise about its encryption".to_owned()));
        }
        manifest.check(what)?;
        Ok(manifest)
    }

    /// What no honest manifest gets wrong.
    fn check(&self, what: &str) -> Result<(), SnapshotError> {
        let names: BTreeSet<&str> = self.tables.iter().map(|table| &*table.name).collect();
        if names.len() != self.tables.len() {
            return Err(SnapshotError::damaged(what, "two of its tables have one name"));
        }
        for table in &self.tables {
            let rows: u64 = table.parts.iter().map(|part| part.rows).fold(0, u64::saturating_add);
            if rows != table.rows {
                let reason = format!("table {} has {} rows, and its parts have {rows}", table.name, table.rows);
                return Err(SnapshotError::damaged(what, reason));
            }
        }
        check_files(&self.files).map_err(|reason| SnapshotError::damaged(what, reason))
    }

    /// Each part with the table or the file that it belongs to; a part that several use comes several times.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &PartRef)> {
        let tables = self.tables.iter().flat_map(|table| table.parts.iter().map(move |part| (&*table.name, part)));
        tables.chain(self.chunks())
    }

    /// Each chunk of a file with the file's path.
    pub fn chunks(&self) -> impl Iterator<Item = (&str, &PartRef)> {
        self.files.iter().flat_map(|file| file.chunks.iter().map(move |part| (&*file.path, part)))
    }

    /// The bytes of all files.
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }

    /// Whether files were asked for; a tenant may have none.
    pub fn has_files(&self) -> bool {
        self.scope.contents.contains(&Content::Files)
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).fold(0, u64::saturating_add)
    }

    /// All bytes before compression.
    pub fn raw_bytes(&self) -> u64 {
        self.parts().map(|(_, part)| part.raw_bytes).fold(0, u64::saturating_add)
    }

    /// All bytes in the store, each part counted once.
    pub fn stored_bytes(&self) -> u64 {
        let each: BTreeMap<&Digest, u64> = self.parts().map(|(_, part)| (&part.name, part.stored_bytes)).collect();
        each.values().copied().fold(0, u64::saturating_add)
    }

    /// Whether a tenant can be made of it: structure, and the rows of every table.
    pub fn is_whole(&self) -> bool {
        let has = |content| self.scope.contents.contains(&content);
        has(Content::Structure) && has(Content::Rows) && self.tables.len() == self.model.tables.len()
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&TableEntry> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The generations of keys that one needs to read everything.
    pub fn generations(&self) -> BTreeSet<u32> {
        let parts = self.parts().filter_map(|(_, part)| part.generation);
        parts.chain(self.encryption.as_ref().map(|encryption| encryption.generation)).collect()
    }
}

/// What no honest manifest gets wrong about files: each lies below the tenant's folder, and none where another one is.
fn check_files(files: &[FileEntry]) -> Result<(), String> {
    let shown = |path: &str| path.escape_debug().take(80).collect::<String>();
    let paths: BTreeSet<&str> = files.iter().map(|file| &*file.path).collect();
    if paths.len() != files.len() {
        return Err("two of its files have one path".to_owned());
    }
    for FileEntry { path, bytes, chunks, .. } in files {
        let found = chunks.iter().map(|chunk| chunk.raw_bytes).fold(0, u64::saturating_add);
        if found != *bytes {
            return Err(format!("a file has {bytes} bytes, and its chunks have {found}"));
        }
        if chunks.iter().any(|chunk| chunk.raw_bytes > MOST_CHUNK) {
            return Err(format!("a chunk of the file '{}' is larger than any honest one", shown(path)));
        }
        let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['\0', '\\']);
        if !path.split('/').all(plain) {
            return Err(format!("the file '{}' would lie outside of the tenant", shown(path)));
        }
        let above = path.match_indices('/').map(|(end, _)| path.get(..end).unwrap_or_default());
        if above.into_iter().any(|folder| paths.contains(folder)) {
            return Err(format!("the file '{}' would lie in another file", shown(path)));
        }
    }
    Ok(())
}

fn digest(key: Option<&ContentKey>, text: &[u8]) -> Digest {
    key.map_or_else(|| blake3::hash(text), |key| key.sign(text)).into()
}
