//! The repository that the configuration names, with the keys that are at hand.

use super::codec::Codec;
use super::error::SnapshotError;
use super::keyring::Keyring;
use super::keys::Keys;
use super::layout::SnapshotId;
use super::local_keys::LocalKeys;
use super::part::Packing;
use super::repository::{Repository, SnapshotEntry};
use super::source::RepositorySource;
use crate::backends::backups::BackupOptions;
use crate::backends::sealing::{Administrators, Identities};
use crate::model::TenantId;

/// A repository that works, and what opens it.
#[derive(Debug, Clone)]
pub struct Vault {
    repository: Repository,
    administrators: Administrators,
    identities: Identities,
    local: LocalKeys,
    /// Locations that did not work, each with its reason.
    pub passed_over: Vec<String>,
}

impl Vault {
    /// The first configured repository that answers; `None` when there is none in any place that answers.
    ///
    /// # Errors
    /// If none of the locations works, or a key cannot be read.
    pub async fn look(options: &BackupOptions) -> Result<Option<Self>, SnapshotError> {
        Self::first(options, false).await
    }

    /// The same, made where there is none.
    ///
    /// # Errors
    /// If none of the locations works, or a key cannot be read.
    pub async fn open(options: &BackupOptions) -> Result<Self, SnapshotError> {
        let found = Self::first(options, true).await?;
        found.ok_or_else(|| SnapshotError::NoRepository { location: options.locations.join(", ") })
    }

    /// The repository there must be.
    ///
    /// # Errors
    /// If there is none, or none of the locations works.
    pub async fn existing(options: &BackupOptions) -> Result<Self, SnapshotError> {
        let found = Self::look(options).await?;
        found.ok_or_else(|| SnapshotError::NoRepository { location: options.locations.join(", ") })
    }

    async fn first(options: &BackupOptions, init: bool) -> Result<Option<Self>, SnapshotError> {
        let mut passed_over = Vec::new();
        let mut last = None;
        for location in &options.locations {
            match at(options, location, init).await {
                Ok(None) => {}
                Ok(Some(repository)) => {
                    let local = LocalKeys::new(&options.keys, repository.id());
                    let (administrators, identities) = (options.administrators()?, options.identities()?);
                    return Ok(Some(Self { repository, administrators, identities, local, passed_over }));
                }
                Err(error) => {
                    let why = error.to_string();
                    // Most failures name the place themselves.
                    let place = if why.contains(location) { "a place for backups" } else { location };
                    passed_over.push(format!("{place} is passed over: {why}"));
                    last = Some(error);
                }
            }
        }
        // A place that holds nothing is no failure, unless it is the only one that answered.
        match last {
            Some(error) if passed_over.len() == options.locations.len() => Err(error),
            _ => Ok(None),
        }
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Whether anybody is named who could open what is sealed.
    pub fn seals(&self) -> bool {
        !self.administrators.is_empty()
    }

    /// Who may open what is sealed from now on.
    pub fn administrators(&self) -> &Administrators {
        &self.administrators
    }

    /// The keys that are at hand.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// The generations of a tenant's key.
    pub fn keyring(&self, tenant: &TenantId) -> Keyring {
        Keyring::new(&self.repository, tenant, self.local.clone())
    }

    /// The keys of a tenant that can be had.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn keys(&self, tenant: &TenantId) -> Result<Keys, SnapshotError> {
        self.keyring(tenant).keys(&self.identities).await
    }

    /// How parts of a tenant are packed from now on.
    ///
    /// # Errors
    /// If they are to be sealed, and cannot be.
    pub async fn packing(&self, tenant: &TenantId, codec: Codec, sealed: bool) -> Result<Packing, SnapshotError> {
        if !sealed {
            return Ok(Packing::plain(codec));
        }
        if self.administrators.is_empty() {
            return Err(SnapshotError::NobodyToSealFor);
        }
        let (generation, key) = self.keyring(tenant).for_backup(&self.administrators, &self.identities).await?;
        Ok(Packing::sealed(codec, generation, key))
    }

    /// A snapshot for reading.
    ///
    /// # Errors
    /// If it is damaged, or its key is not at hand.
    pub async fn source(&self, tenant: &TenantId, id: &SnapshotId) -> Result<RepositorySource, SnapshotError> {
        let keys = self.keys(tenant).await?;
        RepositorySource::open(&self.repository, tenant, id, keys).await
    }

    /// The newest snapshot of a tenant.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn newest(&self, tenant: &TenantId) -> Result<Option<SnapshotEntry>, SnapshotError> {
        Ok(self.repository.snapshots(tenant).await?.pop())
    }

    /// The newest snapshot that holds a whole tenant, structure and all rows; the newest of all where none does, or where
    /// they cannot be opened, so that whoever reads it says why.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn newest_whole(&self, tenant: &TenantId) -> Result<Option<SnapshotEntry>, SnapshotError> {
        let mut entries = self.repository.snapshots(tenant).await?;
        let keys = self.keys(tenant).await?;
        for entry in entries.iter().rev() {
            match self.repository.manifest(tenant, &entry.id, &keys).await {
                Ok(manifest) if manifest.is_whole() => return Ok(Some(entry.clone())),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        Ok(entries.pop())
    }
}

async fn at(options: &BackupOptions, location: &str, init: bool) -> Result<Option<Repository>, SnapshotError> {
    let store = options.store(location)?;
    if init {
        return Repository::open_or_init(store).await.map(Some);
    }
    match Repository::open(store).await {
        Ok(repository) => Ok(Some(repository)),
        Err(SnapshotError::NoRepository { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
