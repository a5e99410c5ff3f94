//! Where the parts of a snapshot go while it is taken.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::archive::ArchiveWriter;
use super::cut::{RawPart, Rows};
use super::error::SnapshotError;
use super::keys::Keys;
use super::part::{Packed, Packing, PartRef};
use super::repository::Repository;
use super::source::blocking;
use crate::backends::storage::Put;

/// A part that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The part as the manifest knows it.
    pub part: PartRef,
    /// Bytes that were written; 0 where the part was there already.
    pub written: u64,
}

/// Takes parts, in any order and several at once.
#[async_trait]
pub trait PartStore: Send + Sync {
    /// Stores the part of these rows, unless it is there already.
    async fn keep(&self, packing: &Packing, keys: &Keys, raw: RawPart) -> Result<Kept, SnapshotError>;

    /// Whether a part of an earlier snapshot is still there, so that this one may rest on it.
    async fn holds(&self, part: &PartRef) -> Result<bool, SnapshotError>;
}

#[async_trait]
impl PartStore for Repository {
    async fn keep(&self, packing: &Packing, keys: &Keys, raw: RawPart) -> Result<Kept, SnapshotError> {
        // A run that was interrupted left its parts; so did earlier snapshots.
        let (packed, put) = self.store_part(packing, Bytes::from(raw.bytes), keys).await?;
        let written = if put == Put::Created { packed.bytes.len() as u64 } else { 0 };
        Ok(Kept { part: packed.reference(&raw.rows), written })
    }

    async fn holds(&self, part: &PartRef) -> Result<bool, SnapshotError> {
        Ok(self.has_part(&part.name).await? == Some(part.stored_bytes))
    }
}

/// The parts of one archive, which is written as they come.
#[derive(Debug)]
pub struct ArchiveStore {
    writer: Mutex<Option<ArchiveWriter>>,
}

impl ArchiveStore {
    /// Over an archive that was begun.
    pub fn new(writer: ArchiveWriter) -> Self {
        Self { writer: Mutex::new(Some(writer)) }
    }

    /// The archive, for its keys and its manifest.
    ///
    /// # Errors
    /// If it was taken before.
    pub fn take(&self) -> Result<ArchiveWriter, SnapshotError> {
        let held = self.writer.lock().ok().and_then(|mut held| held.take());
        held.ok_or_else(|| SnapshotError::damaged("the archive", "it was ended before its last part"))
    }

    fn put(&self, packed: &Packed, rows: &Rows) -> Result<PartRef, SnapshotError> {
        let mut held = self.writer.lock().map_err(|_| SnapshotError::damaged("the archive", "its writer failed"))?;
        match held.as_mut() {
            Some(writer) => writer.put_part(packed, rows),
            None => Err(SnapshotError::damaged("the archive", "it was ended before its last part")),
        }
    }
}

#[async_trait]
impl PartStore for Arc<ArchiveStore> {
    async fn keep(&self, packing: &Packing, _keys: &Keys, raw: RawPart) -> Result<Kept, SnapshotError> {
        let (by, store) = (packing.clone(), self.clone());
        blocking(move || {
            let identified = by.identify(&raw.bytes);
            let packed = by.pack(&raw.bytes, identified)?;
            let part = store.put(&packed, &raw.rows)?;
            Ok(Kept { part, written: packed.bytes.len() as u64 })
        })
        .await
    }

    async fn holds(&self, _part: &PartRef) -> Result<bool, SnapshotError> {
        Ok(false)
    }
}
