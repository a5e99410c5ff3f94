//! What restoring and verifying read from: a repository or an archive, which look the same from here.

use async_trait::async_trait;
use bytes::Bytes;

use super::archive::Archive;
use super::error::SnapshotError;
use super::keys::Keys;
use super::layout::{self, SnapshotId};
use super::manifest::Manifest;
use super::part::{self, PartRef};
use super::repository::Repository;
use crate::model::TenantId;

/// One snapshot that can be read.
#[async_trait]
pub trait SnapshotSource: Send + Sync {
    /// Its id.
    fn id(&self) -> &SnapshotId;

    /// Its manifest.
    fn manifest(&self) -> &Manifest;

    /// The keys for its parts.
    fn keys(&self) -> &Keys;

    /// The stored bytes of a part, compared with the manifest but not opened; `table` names it in errors.
    async fn stored(&self, table: &str, part: &PartRef) -> Result<Bytes, SnapshotError>;

    /// The size of a part as it is stored, unless it is not there.
    async fn stored_size(&self, part: &PartRef) -> Result<Option<u64>, SnapshotError>;

    /// The rows of a part, with everything compared that the manifest says of them. Opening is work of some tens of
    /// milliseconds, done on a thread that may block.
    async fn rows(&self, table: &str, part: &PartRef) -> Result<Bytes, SnapshotError> {
        let stored = self.stored(table, part).await?;
        let (table, part, keys) = (table.to_owned(), part.clone(), self.keys().clone());
        let open = move || part::unpack_rows(&table, &part, &stored, &keys).map(Bytes::from);
        blocking(open).await
    }

    /// The bytes of a chunk of a file, compared likewise.
    async fn chunk(&self, file: &str, part: &PartRef) -> Result<Bytes, SnapshotError> {
        let stored = self.stored(file, part).await?;
        let (file, part, keys) = (file.to_owned(), part.clone(), self.keys().clone());
        blocking(move || part::unpack(&file, &part, &stored, &keys).map(Bytes::from)).await
    }
}

/// Runs work on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(SnapshotError::damaged("a part", error.to_string())),
    }
}

/// A snapshot in a repository.
#[derive(Debug, Clone)]
pub struct RepositorySource {
    repository: Repository,
    id: SnapshotId,
    manifest: Manifest,
    keys: Keys,
}

impl RepositorySource {
    /// Reads the manifest.
    pub async fn open(
        repository: &Repository,
        tenant: &TenantId,
        id: &SnapshotId,
        keys: Keys,
    ) -> Result<Self, SnapshotError> {
        let manifest = repository.manifest(tenant, id, &keys).await?;
        Ok(Self { repository: repository.clone(), id: id.clone(), manifest, keys })
    }
}

#[async_trait]
impl SnapshotSource for RepositorySource {
    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn stored(&self, table: &str, part: &PartRef) -> Result<Bytes, SnapshotError> {
        self.repository.part(table, part).await
    }

    async fn stored_size(&self, part: &PartRef) -> Result<Option<u64>, SnapshotError> {
        self.repository.has_part(&part.name).await
    }
}

/// The snapshot in an archive.
#[derive(Debug, Clone)]
pub struct ArchiveSource {
    archive: Archive,
    manifest: Manifest,
    keys: Keys,
}

impl ArchiveSource {
    /// Reads the manifest.
    pub fn open(archive: Archive, keys: Keys) -> Result<Self, SnapshotError> {
        let manifest = archive.manifest(&keys)?;
        Ok(Self { archive, manifest, keys })
    }
}

#[async_trait]
impl SnapshotSource for ArchiveSource {
    fn id(&self) -> &SnapshotId {
        self.archive.id()
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    async fn stored(&self, table: &str, part: &PartRef) -> Result<Bytes, SnapshotError> {
        let (archive, table, part) = (self.archive.clone(), table.to_owned(), part.clone());
        let read = move || {
            let path = layout::part(&part.name);
            let Some(bytes) = archive.entry(&path, part.stored_bytes)? else {
                return Err(part::fault_of(&table, &part, super::error::PartFault::Missing));
            };
            part::check_stored(&table, &part, &bytes)?;
            Ok(Bytes::from(bytes))
        };
        blocking(read).await
    }

    async fn stored_size(&self, part: &PartRef) -> Result<Option<u64>, SnapshotError> {
        Ok(self.archive.entry_size(&layout::part(&part.name)))
    }
}
