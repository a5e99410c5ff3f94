//! Snapshots, parts, pins and results of verifications in a store.

use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backends::sealing::SealingKey;
use crate::backends::storage::{Put, StorageError, Store};
use crate::model::TenantId;

use super::error::{PartFault, SnapshotError};
use super::keys::Keys;
use super::layout::{self, Digest, Object, SnapshotId};
use super::manifest::{MOST_STORED, Manifest};
use super::part::{self, Identified, Packed, Packing, PartRef};
use super::record;
use super::source::blocking;

/// The format of the whole: which objects there are, and under which names.
pub const FORMAT: u32 = 1;

/// What makes a store a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    id: String,
    repository_format: u32,
    /// The smallest format that a reader must know.
    reader_format: u32,
    made_by: String,
}

/// A snapshot of a listing, of which nothing was read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub id: SnapshotId,
    /// The size of its manifest.
    pub size: u64,
    /// When it was stored.
    pub modified: SystemTime,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartEntry {
    /// Its name.
    pub name: Digest,
    /// Its size.
    pub size: u64,
    /// When it was stored.
    pub modified: SystemTime,
}

/// A repository: a store with the objects that [`layout`] names.
#[derive(Debug, Clone)]
pub struct Repository {
    store: Store,
    id: String,
}

impl Repository {
    /// The repository in this store; an error where there is none.
    pub async fn open(store: Store) -> Result<Self, SnapshotError> {
        let location = store.location().to_owned();
        Self::look(store).await?.ok_or(SnapshotError::NoRepository { location })
    }

    /// The repository in this store, made where there is none.
    pub async fn open_or_init(store: Store) -> Result<Self, SnapshotError> {
        if let Some(found) = Self::look(store.clone()).await? {
            return Ok(found);
        }
        store.put_new(layout::REPOSITORY, Bytes::from(new_label()?)).await?;
        // Read back rather than kept: another process may have been faster.
        Self::open(store).await
    }

    async fn look(store: Store) -> Result<Option<Self>, SnapshotError> {
        let Some(bytes) = store.get(layout::REPOSITORY, record::MOST).await? else { return Ok(None) };
        let what = format!("{}/{}", store.location(), layout::REPOSITORY);
        let label: Label = record::decode(&what, &bytes)?;
        if label.reader_format > FORMAT {
            return Err(SnapshotError::Newer { what, found: label.reader_format, known: FORMAT });
        }
        Ok(Some(Self { store, id: label.id }))
    }

    /// Its id, which differs from that of every other repository.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A tenant's snapshots, oldest first.
    pub async fn snapshots(&self, tenant: &TenantId) -> Result<Vec<SnapshotEntry>, SnapshotError> {
        self.entries(&layout::snapshots_of(tenant)).await
    }

    /// All snapshots of all tenants, oldest first for each.
    pub async fn all_snapshots(&self) -> Result<Vec<SnapshotEntry>, SnapshotError> {
        self.entries(layout::TENANTS).await
    }

    async fn entries(&self, folder: &str) -> Result<Vec<SnapshotEntry>, SnapshotError> {
        let found = self.store.list(folder).await?;
        let entry = |entry: crate::backends::storage::Entry| match Object::of(&entry.path)? {
            Object::Manifest(tenant, id) => {
                Some(SnapshotEntry { tenant, id, size: entry.size, modified: entry.modified })
            }
            _ => None,
        };
        let mut all: Vec<SnapshotEntry> = found.into_iter().filter_map(entry).collect();
        // Of two snapshots of one second the names say nothing about their order.
        all.sort_by_cached_key(|one| (one.tenant.clone(), one.id.second().to_owned(), one.modified, one.id.clone()));
        Ok(all)
    }

    /// The one snapshot whose id begins like this, or whose last eight digits do.
    pub async fn find(&self, tenant: Option<&TenantId>, given: &str) -> Result<SnapshotEntry, SnapshotError> {
        let all = match tenant {
            Some(tenant) => self.snapshots(tenant).await?,
            None => self.all_snapshots().await?,
        };
        let fits = |entry: &SnapshotEntry| {
            let id = entry.id.as_str();
            id.starts_with(given) || id.get(17..).is_some_and(|digits| digits.starts_with(given))
        };
        let mut matches: Vec<SnapshotEntry> = all.into_iter().filter(fits).collect();
        if given.is_empty() || matches.is_empty() {
            return Err(SnapshotError::Unknown { given: given.escape_debug().take(80).collect() });
        }
        if matches.len() > 1 {
            let matches = matches.iter().take(5).map(|entry| format!("{} {}", entry.tenant, entry.id)).collect();
            return Err(SnapshotError::Ambiguous { given: given.to_owned(), matches });
        }
        Ok(matches.remove(0))
    }

    /// Stores a manifest. All its parts must be stored before: from now on the snapshot exists.
    pub async fn publish(&self, manifest: &Manifest, key: Option<&SealingKey>) -> Result<SnapshotId, SnapshotError> {
        let stored = Bytes::from(manifest.encode(key)?);
        if stored.len() as u64 > MOST_STORED {
            return Err(SnapshotError::damaged("the new manifest", format!("it has {} bytes", stored.len())));
        }
        let id = SnapshotId::of(manifest.taken_at.0, &stored);
        let path = layout::manifest(&manifest.tenant, &id);
        if self.store.put_new(&path, stored.clone()).await? == Put::Existed {
            // A request whose answer was lost is sent again, and then finds what it stored itself.
            let found = self.store.get(&path, MOST_STORED).await?;
            if found.as_ref() != Some(&stored) {
                return Err(SnapshotError::Exists { id: id.to_string() });
            }
        }
        Ok(id)
    }

    /// A manifest as it is stored, compared with its name.
    pub async fn manifest_bytes(&self, tenant: &TenantId, id: &SnapshotId) -> Result<Bytes, SnapshotError> {
        let path = layout::manifest(tenant, id);
        let bytes = self.store.get(&path, MOST_STORED).await?;
        let bytes = bytes.ok_or_else(|| SnapshotError::Unknown { given: id.to_string() })?;
        if !id.fits(&bytes) {
            return Err(SnapshotError::damaged(path, "it was changed or exchanged after it was written"));
        }
        Ok(bytes)
    }

    /// A manifest.
    pub async fn manifest(&self, tenant: &TenantId, id: &SnapshotId, keys: &Keys) -> Result<Manifest, SnapshotError> {
        let bytes = self.manifest_bytes(tenant, id).await?;
        open_manifest(&bytes, tenant, id, keys)
    }

    /// Removes a manifest: from now on the snapshot does not exist. Its parts stay.
    pub async fn delete_manifest(&self, tenant: &TenantId, id: &SnapshotId) -> Result<(), SnapshotError> {
        Ok(self.store.delete(&layout::manifest(tenant, id)).await?)
    }

    /// The size of a part, unless there is none of that name.
    pub async fn has_part(&self, name: &Digest) -> Result<Option<u64>, SnapshotError> {
        Ok(self.store.head(&layout::part(name)).await?)
    }

    /// Stores rows as a part, unless that part is there already; what comes back is what really lies in the store, and
    /// only that may go into the manifest. A damaged part of that name is replaced. With the tenant's key among
    /// `keys` a part that is there is opened and compared; without it, its outer form is.
    pub async fn store_part(&self, packing: &Packing, raw: Bytes, keys: &Keys) -> Result<(Packed, Put), SnapshotError> {
        let (first, rows) = (packing.clone(), raw.clone());
        let identified = blocking(move || Ok(first.identify(&rows))).await?;
        let path = layout::part(&identified.name);
        if let Some(found) = self.adopted((packing, &raw, &identified), keys).await? {
            return Ok((found, Put::Existed));
        }
        let (second, rows, known) = (packing.clone(), raw.clone(), identified.clone());
        let packed = blocking(move || second.pack(&rows, known)).await?;
        if self.store.put_new(&path, packed.bytes.clone()).await? == Put::Existed {
            // Another worker was faster, with other bytes: sealing never gives the same ones twice.
            if let Some(found) = self.adopted((packing, &raw, &identified), keys).await? {
                return Ok((found, Put::Existed));
            }
            self.store.put(&path, packed.bytes.clone()).await?;
        }
        Ok((packed, Put::Created))
    }

    async fn adopted(
        &self,
        (packing, raw, identified): (&Packing, &Bytes, &Identified),
        keys: &Keys,
    ) -> Result<Option<Packed>, SnapshotError> {
        let found = match self.store.get(&layout::part(&identified.name), part::MOST).await {
            Err(StorageError::TooLarge { .. }) => return Ok(None),
            other => other?,
        };
        let Some(found) = found else { return Ok(None) };
        let (packing, raw, identified, keys) = (packing.clone(), raw.clone(), identified.clone(), keys.clone());
        blocking(move || Ok(packing.adopt(&raw, identified, found, &keys))).await
    }

    /// The stored bytes of a part, compared with the manifest; `table` names it in errors.
    pub async fn part(&self, table: &str, part: &PartRef) -> Result<Bytes, SnapshotError> {
        let wrong = |fault| part::fault_of(table, part, fault);
        let expected = part.stored_bytes;
        let bytes = match self.store.get(&layout::part(&part.name), expected).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(wrong(PartFault::Missing)),
            Err(StorageError::TooLarge { size: found, .. }) => {
                return Err(wrong(PartFault::StoredSize { found, expected }));
            }
            Err(other) => return Err(other.into()),
        };
        part::check_stored(table, part, &bytes)?;
        Ok(bytes)
    }

    /// All parts, in order of their names.
    pub async fn parts(&self) -> Result<Vec<PartEntry>, SnapshotError> {
        let found = self.store.list(layout::PARTS).await?;
        let entry = |entry: crate::backends::storage::Entry| match Object::of(&entry.path)? {
            Object::Part(name) => Some(PartEntry { name, size: entry.size, modified: entry.modified }),
            _ => None,
        };
        Ok(found.into_iter().filter_map(entry).collect())
    }

    /// Removes a part.
    pub async fn delete_part(&self, name: &Digest) -> Result<(), SnapshotError> {
        Ok(self.store.delete(&layout::part(name)).await?)
    }
}

/// What makes a store, or an archive, a repository of its own.
pub(super) fn new_label() -> Result<Vec<u8>, SnapshotError> {
    let label = Label {
        id: uuid::Uuid::new_v4().simple().to_string(),
        repository_format: FORMAT,
        reader_format: FORMAT,
        made_by: format!("fixtool {}", env!("CARGO_PKG_VERSION")),
    };
    record::encode(layout::REPOSITORY, label)
}

/// Compares what a manifest says of itself with the name it was found under.
pub(super) fn open_manifest(
    stored: &[u8],
    tenant: &TenantId,
    id: &SnapshotId,
    keys: &Keys,
) -> Result<Manifest, SnapshotError> {
    let what = layout::manifest(tenant, id);
    let manifest = Manifest::decode(&what, stored, keys)?;
    if manifest.tenant != *tenant || SnapshotId::of(manifest.taken_at.0, stored) != *id {
        return Err(SnapshotError::damaged(what, "it is the manifest of another snapshot"));
    }
    Ok(manifest)
}
