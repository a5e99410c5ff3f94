//! One part: some megabytes of rows on the way to a store, and back.
//!
//! On the way: hash, name, compress, seal, hash again. The name depends on the rows and the compression alone, so a
//! part that is stored already is recognised before any work is spent on it. Sealing gives other bytes each time; so
//! the hash of the stored bytes of such a part is taken from what is there: `Repository::store_part` does all this.
//!
//! On the way back every one of these is checked against the manifest, and each difference has its own error.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backends::sealing::SealingKey;

use super::codec::{Codec, Compression, plausible};
use super::cut::Rows;
use super::error::{PartFault, SnapshotError};
use super::keys::Keys;
use super::layout::Digest;

/// One row may have a gigabyte; nothing that is larger is a part.
pub const MOST: u64 = 2 << 30;

/// A part as the manifest knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRef {
    /// Its name in the store.
    pub name: Digest,
    /// The key of its first row, as COPY text fields; empty for a table without a key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<String>,
    /// The key of its last row, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last: Vec<String>,
    /// The first page of the range of pages that its rows lay in, for a table that was read by pages. Parts of one
    /// range follow each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// Its rows.
    pub rows: u64,
    /// Its bytes before compression.
    pub raw_bytes: u64,
    /// Its bytes in the store.
    pub stored_bytes: u64,
    /// The hash of its rows, keyed where it is sealed.
    pub raw_hash: Digest,
    /// The hash of what is stored.
    pub stored_hash: Digest,
    /// How it is compressed.
    pub compression: Compression,
    /// The generation of the key that it is sealed with, unless it is not sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// What the server said of this range of keys or pages at that time: increments compare it. Only the server understands it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The same for each 128 rows, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<String>,
}

/// How parts are compressed and sealed.
#[derive(Debug, Clone)]
pub struct Packing {
    codec: Codec,
    sealing: Option<(u32, SealingKey)>,
}

/// What a part will be called, known before it is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Its name.
    pub name: Digest,
    /// The hash of its rows.
    pub raw_hash: Digest,
}

/// A part that is ready to be stored.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Its name.
    pub name: Digest,
    /// What to store.
    pub bytes: Bytes,
    raw_bytes: u64,
    raw_hash: Digest,
    stored_hash: Digest,
    compression: Compression,
    generation: Option<u32>,
}

impl Packing {
    /// Compressed only.
    pub fn plain(codec: Codec) -> Self {
        Self { codec, sealing: None }
    }

    /// Compressed and sealed with this generation of a tenant's key.
    pub fn sealed(codec: Codec, generation: u32, key: SealingKey) -> Self {
        Self { codec, sealing: Some((generation, key)) }
    }

    /// How new parts are compressed.
    pub fn compression(&self) -> Compression {
        self.codec.compression()
    }

    /// The key, for manifests and for the places of cuts.
    pub fn key(&self) -> Option<&SealingKey> {
        self.sealing.as_ref().map(|(_, key)| key)
    }

    /// The generation of the key.
    pub fn generation(&self) -> Option<u32> {
        self.sealing.as_ref().map(|(generation, _)| *generation)
    }

    /// The seed for [`Cutter`](super::cut::Cutter).
    pub fn cut_seed(&self) -> u64 {
        self.key().map_or(0, |key| key.content().cut_seed())
    }

    /// What these rows will be called.
    pub fn identify(&self, raw: &[u8]) -> Identified {
        let (raw_hash, name) = names(self.key(), self.codec.compression(), raw);
        Identified { name, raw_hash }
    }

    /// Compresses and seals rows.
    pub fn pack(&self, raw: &[u8], identified: Identified) -> Result<Packed, SnapshotError> {
        let what = || format!("part {}", identified.name);
        let small = self.codec.compress(raw).map_err(|error| SnapshotError::damaged(what(), error.to_string()))?;
        let bytes = match self.key() {
            Some(key) => key.seal(&small)?,
            None => small,
        };
        Ok(self.packed(raw.len() as u64, identified, Bytes::from(bytes)))
    }

    /// The part of that name which is stored already. Where the tenant's key is at hand it is opened and compared
    /// with these rows; without it, its outer form is checked. `None` means that it has to be stored anew.
    pub fn adopt(&self, raw: &[u8], identified: Identified, stored: Bytes, keys: &Keys) -> Option<Packed> {
        let packed = self.packed(raw.len() as u64, identified, stored);
        let part = packed.reference(&Rows::default());
        match self.generation() {
            Some(generation) if keys.tenant(generation).is_none() => {
                let sealed_size = packed.bytes.len() > 100;
                (sealed_size && packed.bytes.starts_with(super::manifest::SEALED)).then_some(packed)
            }
            _ => matches!(open("", &part, &packed.bytes, keys), Ok(found) if found == raw).then_some(packed),
        }
    }

    fn packed(&self, raw_bytes: u64, identified: Identified, bytes: Bytes) -> Packed {
        Packed {
            name: identified.name,
            raw_bytes,
            raw_hash: identified.raw_hash,
            stored_hash: Digest::of(&bytes),
            bytes,
            compression: self.codec.compression(),
            generation: self.generation(),
        }
    }
}

impl Packed {
    /// The part for the manifest.
    pub fn reference(&self, rows: &Rows) -> PartRef {
        PartRef {
            name: self.name.clone(),
            first: rows.first.clone(),
            last: rows.last.clone(),
            page: None,
            rows: rows.count,
            raw_bytes: self.raw_bytes,
            stored_bytes: self.bytes.len() as u64,
            raw_hash: self.raw_hash.clone(),
            stored_hash: self.stored_hash.clone(),
            compression: self.compression,
            generation: self.generation,
            mark: None,
            leaves: Vec::new(),
        }
    }
}

/// The hash and the name of rows.
fn names(key: Option<&SealingKey>, compression: Compression, raw: &[u8]) -> (Digest, Digest) {
    let hash = |bytes: &[u8]| match key {
        Some(key) => key.content().name(bytes),
        None => blake3::hash(bytes),
    };
    let raw_hash = hash(raw);
    let mut named = [0; 33];
    named[0] = compression.tag();
    named[1..].copy_from_slice(raw_hash.as_bytes());
    (raw_hash.into(), hash(&named).into())
}

/// Compares what is stored with the manifest, without opening it: its size and its hash.
pub fn check_stored(table: &str, part: &PartRef, stored: &[u8]) -> Result<(), SnapshotError> {
    let wrong = |fault| Err(fault_of(table, part, fault));
    let found = stored.len() as u64;
    if found != part.stored_bytes {
        return wrong(PartFault::StoredSize { found, expected: part.stored_bytes });
    }
    if Digest::of(stored) != part.stored_hash {
        return wrong(PartFault::StoredHash);
    }
    Ok(())
}

/// The bytes that were put into a part, after everything that the manifest says was compared.
pub fn unpack(table: &str, part: &PartRef, stored: &[u8], keys: &Keys) -> Result<Vec<u8>, SnapshotError> {
    check_stored(table, part, stored)?;
    open(table, part, stored, keys)
}

/// As [`unpack`], for rows: their number is compared too.
pub fn unpack_rows(table: &str, part: &PartRef, stored: &[u8], keys: &Keys) -> Result<Vec<u8>, SnapshotError> {
    let raw = unpack(table, part, stored, keys)?;
    let found = memchr::memchr_iter(b'\n', &raw).count() as u64;
    if found != part.rows {
        return Err(fault_of(table, part, PartFault::Rows { found, expected: part.rows }));
    }
    Ok(raw)
}

fn open(table: &str, part: &PartRef, stored: &[u8], keys: &Keys) -> Result<Vec<u8>, SnapshotError> {
    let wrong = |fault| fault_of(table, part, fault);
    if part.raw_bytes > MOST || !plausible(part.stored_bytes, part.raw_bytes) {
        return Err(wrong(PartFault::Ratio { raw: part.raw_bytes, stored: part.stored_bytes }));
    }
    let key = match part.generation {
        Some(generation) => Some(keys.tenant(generation).ok_or_else(|| wrong(PartFault::NoKey(generation)))?),
        None => None,
    };
    let opened = match key {
        Some(key) => {
            let opened = key.open(stored, part.stored_bytes, "it");
            Some(opened.map_err(|error| wrong(PartFault::Sealed(error.to_string())))?)
        }
        None => None,
    };
    let small = opened.as_deref().unwrap_or(stored);
    let raw = part.compression.decompress(small, part.raw_bytes);
    let raw = raw.map_err(|error| wrong(PartFault::Compressed(error.to_string())))?;
    let found = raw.len() as u64;
    if found != part.raw_bytes {
        return Err(wrong(PartFault::RawSize { found, expected: part.raw_bytes }));
    }
    let sealing = key.map(crate::backends::sealing::TenantKey::sealing);
    let (raw_hash, name) = names(sealing.as_ref(), part.compression, &raw);
    if raw_hash != part.raw_hash {
        return Err(wrong(PartFault::RawHash));
    }
    if name != part.name {
        return Err(wrong(PartFault::Name));
    }
    Ok(raw)
}

pub(super) fn fault_of(table: &str, part: &PartRef, fault: PartFault) -> SnapshotError {
    SnapshotError::Part { table: table.to_owned(), part: part.name.to_string(), fault }
}
