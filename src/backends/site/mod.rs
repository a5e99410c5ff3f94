//! A site: the catalog, the databases that tenants live on, the cache and the sealing, as one thing.
//!
//! [`SiteReader`] and [`SiteWriter`] are what operations on tenants get to work with. A placement is connected when
//! a tenant on it is first asked for, and stays connected.

mod error;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

pub use error::{SiteError, database_failure};

use crate::backends::backups::BackupOptions;
use crate::backends::cache::Cache;
use crate::backends::catalog::{Catalog, CatalogError};
use crate::backends::database::address::{Address, InvalidAddress};
use crate::backends::database::connect::{self, Limits};
use crate::backends::database::{Access, DatabaseError, DatabaseErrorKind, Reader, Writer};
use crate::backends::files::TenantFolder;
use crate::backends::packs;
use crate::backends::sealing::{Sealing, SealingOptions};
use crate::engine::{RetryPolicy, Writes};
use crate::model::selection::closest;
use crate::model::tenant_record::MAIN_PLACEMENT;
use crate::model::{Engine, Model, Pack, TenantId, TenantRecord, TenantStatus, Version};

/// One database that tenants live on.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Where it is.
    pub address: Address,
    /// Bounds of its sessions.
    pub limits: Limits,
}

impl Placement {
    /// Bounds of the catalog's own sessions, for so many who ask it side by side.
    ///
    /// Each question is short. The driver of PostgreSQL gives a connection back in a task of its own, and whoever asks
    /// right behind the last one would open another: that takes longer than all questions of a small command.
    fn for_catalog(&self, most: usize) -> Limits {
        let mut limits = self.limits.clone();
        if matches!(self.address, Address::Postgres(_)) {
            limits.pool_size = limits.pool_size.min(u32::try_from(most).unwrap_or(u32::MAX)).max(1);
        }
        limits
    }
}

/// How a connection is made again that was cut while it was made: some seconds, since whoever typed the command waits.
const GREETING: RetryPolicy = RetryPolicy {
    attempts: 7,
    base: Duration::from_millis(200),
    cap: Duration::from_secs(4),
    within: Duration::from_secs(20),
};

/// Everything that makes up a site, as settled beforehand.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// The main database, which holds the catalog.
    pub database: Placement,
    /// Further databases by name.
    pub databases: BTreeMap<String, Placement>,
    /// Redis; `None` for none. May hold a password, so it is never shown.
    pub redis_url: Option<String>,
    /// Connections to Redis.
    pub redis_pool: u32,
    /// Rejects files and other state.
    pub state: PathBuf,
    /// Packs of one's own.
    pub packs: PathBuf,
    /// The root of all tenants' files.
    pub storage: PathBuf,
    /// With which keys credentials are sealed.
    pub sealing: SealingOptions,
    /// Where backups are kept, and who may open them.
    pub backups: BackupOptions,
}

impl SiteOptions {
    /// What everybody has who configured nothing: SQLite and all state below one folder, no Redis.
    pub fn in_folder(folder: &Path) -> Result<Self, SiteError> {
        let address = format!("sqlite:{}", folder.join("catalog.db").display());
        let address: Address = address.parse().map_err(|error: InvalidAddress| {
            DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Unsupported, error.to_string())
        })?;
        Ok(Self {
            database: Placement { address, limits: Limits::default() },
            databases: BTreeMap::new(),
            redis_url: None,
            redis_pool: 1,
            state: folder.to_owned(),
            packs: folder.join("packs"),
            storage: folder.join("storage"),
            sealing: SealingOptions {
                identity_file: folder.join("identity.age.txt"),
                recipients: Vec::new(),
                passphrase: None,
            },
            backups: BackupOptions::in_folder(folder),
        })
    }
}

impl SiteOptions {
    /// The key of the audit trail lies beside the configuration, where the other secrets of whoever runs fixtool are.
    fn sign(&self, catalog: &Catalog) {
        if let Some(folder) = self.sealing.identity_file.parent() {
            catalog.sign_in(folder);
        }
    }
}

/// What both kinds of session share.
struct Shared<D: ?Sized> {
    catalog: Catalog,
    slots: BTreeMap<String, Slot<D>>,
    beside: Option<SiteReader>,
    cache: Cache,
    sealing: Sealing,
    backups: BackupOptions,
    state: PathBuf,
    packs: PathBuf,
    storage: PathBuf,
}

struct Slot<D: ?Sized> {
    placement: Placement,
    session: OnceCell<Arc<D>>,
}

impl<D: ?Sized> Shared<D> {
    fn of(options: &SiteOptions, catalog: Catalog, beside: Option<&SiteReader>) -> Self {
        let main = &options.database;
        let named = std::iter::once((MAIN_PLACEMENT.to_owned(), main.clone()));
        let all = options.databases.iter().map(|(name, placement)| (name.clone(), placement.clone())).chain(named);
        let slots = all.map(|(name, placement)| (name, Slot { placement, session: OnceCell::new() })).collect();
        Self {
            catalog,
            slots,
            beside: beside.cloned(),
            cache: Cache::new(options.redis_url.as_deref(), options.redis_pool),
            sealing: Sealing::new(options.sealing.clone()),
            backups: options.backups.clone(),
            state: options.state.clone(),
            packs: options.packs.clone(),
            storage: options.storage.clone(),
        }
    }

    fn slot(&self, name: &str) -> Result<&Slot<D>, SiteError> {
        self.slots.get(name).ok_or_else(|| SiteError::UnknownPlacement {
            name: name.to_owned(),
            guess: closest(name, self.slots.keys().map(String::as_str)),
        })
    }

    async fn tenant(&self, id: &TenantId) -> Result<TenantRecord, SiteError> {
        if let Some(found) = self.catalog.tenant(id).await? {
            return Ok(found);
        }
        let known = self.catalog.tenants().await?;
        let guess = closest(id.as_str(), known.iter().map(|tenant| tenant.id.as_str()));
        Err(SiteError::UnknownTenant { id: id.clone(), guess })
    }

    async fn close(&self) {
        self.catalog.close().await;
        self.cache.close().await;
    }
}

/// A site, for reading. Cloning shares everything.
#[derive(Clone)]
pub struct SiteReader(Arc<Shared<dyn Reader>>, Catalog);

/// A site, for writing. Cloning shares everything.
#[derive(Clone)]
pub struct SiteWriter(Arc<Shared<dyn Writer>>, Catalog);

macro_rules! shared_by_both {
    ($session:ty) => {
        impl $session {
            /// The identity of the installation, which plans are bound to.
            pub fn site_id(&self) -> &str {
                self.0.catalog.site_id()
            }

            /// The catalog.
            pub fn catalog(&self) -> &Catalog {
                &self.1
            }

            /// The cache, or the absence of one.
            pub fn cache(&self) -> &Cache {
                &self.0.cache
            }

            /// What seals and opens credentials.
            pub fn sealing(&self) -> &Sealing {
                &self.0.sealing
            }

            /// Where backups are kept, and who may open them.
            pub fn backups(&self) -> &BackupOptions {
                &self.0.backups
            }

            /// The folder for rejects files and other state.
            pub fn state(&self) -> &Path {
                &self.0.state
            }

            /// The folder of packs of one's own.
            pub fn packs(&self) -> &Path {
                &self.0.packs
            }

            /// Names of the placements, the main one included.
            pub fn placements(&self) -> impl Iterator<Item = &str> {
                self.0.slots.keys().map(String::as_str)
            }

            /// Where a placement is, with its password masked.
            pub fn address(&self, placement: &str) -> Result<&Address, SiteError> {
                Ok(&self.0.slot(placement)?.placement.address)
            }

            /// A registered tenant.
            pub async fn tenant(&self, id: &TenantId) -> Result<TenantRecord, SiteError> {
                self.0.tenant(id).await
            }

            /// A registered tenant that may be written to: neither suspended nor half made or half gone.
            pub async fn writable_tenant(&self, id: &TenantId) -> Result<TenantRecord, SiteError> {
                let found = self.0.tenant(id).await?;
                let id = id.clone();
                match found.status {
                    TenantStatus::Active => Ok(found),
                    TenantStatus::Suspended => Err(SiteError::Suspended { id }),
                    TenantStatus::Creating => Err(SiteError::Unfinished { id }),
                    TenantStatus::Dropping => Err(SiteError::Dropping { id }),
                }
            }

            /// The pack of a tenant.
            pub fn pack_of(&self, tenant: &TenantRecord) -> Result<Arc<Pack>, SiteError> {
                Ok(packs::load(&tenant.pack, self.packs())?)
            }

            /// Where the tenant's files lie.
            pub fn files_of(&self, tenant: &TenantRecord) -> Result<TenantFolder, SiteError> {
                let below = self.pack_of(tenant)?.manifest.files.replace("{tenant}", tenant.id.as_str());
                Ok(TenantFolder::new(&self.0.storage, &below))
            }

            /// The tables that a tenant has at its version.
            pub fn model_of(&self, tenant: &TenantRecord) -> Result<Model, SiteError> {
                let wrong = || SiteError::NoVersion { id: tenant.id.clone(), version: tenant.version.clone() };
                let version: Version = tenant.version.parse().map_err(|_| wrong())?;
                Ok(self.pack_of(tenant)?.model(version)?.clone())
            }

            /// The validation rules of a tenant's version, as written in its pack.
            pub fn rules_of(&self, tenant: &TenantRecord) -> Result<Option<String>, SiteError> {
                let wrong = || SiteError::NoVersion { id: tenant.id.clone(), version: tenant.version.clone() };
                let version: Version = tenant.version.parse().map_err(|_| wrong())?;
                Ok(self.pack_of(tenant)?.release(version)?.rules.clone())
            }

            /// Closes what was opened. SQLite then leaves no side files behind.
            pub async fn close(&self) {
                for slot in self.0.slots.values() {
                    if let Some(session) = slot.session.get() {
                        session.close().await;
                    }
                }
                self.0.close().await;
            }
        }
    };
}

shared_by_both!(SiteReader);
shared_by_both!(SiteWriter);

impl SiteReader {
    /// Opens a site for reading. Nothing is made; what does not exist yet is seen as soon as it does.
    pub async fn open(options: &SiteOptions) -> Result<Self, SiteError> {
        // To read the pack that most tenants have takes as long as to connect.
        tokio::task::spawn_blocking(packs::warm);
        let main = &options.database;
        let limits = main.for_catalog(1);
        let open = || Catalog::open(&main.address, Access::ReadOnly, &limits);
        let catalog = GREETING.insist_on(CatalogError::is_cut, open).await?;
        options.sign(&catalog);
        Ok(Self(Arc::new(Shared::of(options, catalog.clone(), None)), catalog))
    }

    /// A placement by its name.
    pub async fn database(&self, placement: &str) -> Result<Arc<dyn Reader>, SiteError> {
        let slot = self.0.slot(placement)?;
        let at = &slot.placement;
        let open = || GREETING.insist_on(DatabaseError::is_cut, || connect::reader(&at.address, &at.limits));
        let session = slot.session.get_or_try_init(open).await?;
        Ok(Arc::clone(session))
    }
}

impl Writes for SiteWriter {
    fn under_lease(&self, target: &str) -> Self {
        Self(Arc::clone(&self.0), self.1.under_lease(target))
    }
}

impl SiteWriter {
    /// Opens a site for writing, for so many runs side by side. The catalog is made where it does not exist.
    ///
    /// `beside` is the same site for reading, where it is open: it must not be closed before this one.
    pub async fn open(options: &SiteOptions, beside: Option<&SiteReader>, runs: usize) -> Result<Self, SiteError> {
        let main = &options.database;
        let open = beside.filter(|_| runs == 1).and_then(|beside| beside.catalog().for_one_run());
        let catalog = if let Some(open) = open {
            open
        } else {
            let limits = main.for_catalog(runs);
            let open = || Catalog::open(&main.address, Access::ReadWrite, &limits);
            GREETING.insist_on(CatalogError::is_cut, open).await?
        };
        options.sign(&catalog);
        Ok(Self(Arc::new(Shared::of(options, catalog.clone(), beside)), catalog))
    }

    /// A placement by its name.
    pub async fn database(&self, placement: &str) -> Result<Arc<dyn Writer>, SiteError> {
        let slot = self.0.slot(placement)?;
        let at = &slot.placement;
        let open = || GREETING.insist_on(DatabaseError::is_cut, || connect::writer(&at.address, &at.limits));
        let session = slot.session.get_or_try_init(open).await?;
        Ok(match self.1.fence() {
            Some(fence) => {
                let fenced = Arc::clone(session).under(fence);
                self.1.pass_once(placement, fenced.take_over()).await?;
                fenced
            }
            None => Arc::clone(session),
        })
    }

    /// A placement for those who only read, over connections that are open already where there are such.
    pub async fn reading(&self, placement: &str) -> Result<Arc<dyn Reader>, SiteError> {
        match &self.0.beside {
            Some(beside) if matches!(self.address(placement)?, Address::Postgres(_)) => {
                beside.database(placement).await
            }
            _ => Ok(self.database(placement).await?.as_reader()),
        }
    }

    /// A placement once more, with connections of its own: what is read side by side with writing never waits for
    /// a connection that the writing holds. Whoever asks for it closes it.
    pub async fn apart(&self, placement: &str) -> Result<Arc<dyn Reader>, SiteError> {
        let at = &self.0.slot(placement)?.placement;
        Ok(connect::writer(&at.address, &at.limits).await?.as_reader())
    }
}
