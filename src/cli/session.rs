//! What every command is given: settings, the console, signals, and the site, which is opened only
//! when a command needs it: for reading first, and for writing only after a plan was approved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tokio::sync::OnceCell;

use super::fault::Fault;
use super::flags::SelectionFlags;
use crate::backends::backups::BackupOptions;
use crate::backends::database::address::{Address, InvalidAddress};
use crate::backends::database::connect::Limits;
use crate::backends::sealing::{Passphrase, SealingOptions};
use crate::backends::site::{Placement, SiteOptions, SiteReader, SiteWriter};
use crate::backends::storage::StorageOptions;
use crate::config::{self, ConfigError, Environment, Resolved, Settings};
use crate::console::Console;
use crate::engine::{Failure, FailureKind, Identity, Signals};
use crate::model::tenant::InvalidTenantId;
use crate::model::{SelectionError, TenantRecord};

/// What every command is given. Made once, by the start of the program; there are no globals.
pub struct Session {
    /// The final settings.
    pub settings: Settings,
    /// The same, layer by layer.
    pub resolved: Resolved,
    /// The environment that they were read from.
    pub environment: Environment,
    /// Where everything is shown.
    pub console: Console,
    /// Ctrl-C and SIGTERM.
    pub signals: Signals,
    /// Who runs fixtool, for the audit trail and the leases.
    pub identity: Identity,
    /// The site, as far as it is open.
    pub site: Site,
}

/// So many tenants are looked up one by one; for more, all are read at once.
const FEW: usize = 8;

/// The site, as far as it is open.
#[derive(Default)]
pub struct Site {
    options: OnceLock<SiteOptions>,
    reader: OnceCell<SiteReader>,
    writer: OnceCell<SiteWriter>,
}

impl Session {
    /// The same session on another site than the configured one.
    pub fn elsewhere(&self, options: SiteOptions) -> Self {
        Self {
            settings: self.settings.clone(),
            resolved: self.resolved.clone(),
            environment: self.environment.clone(),
            console: self.console.clone(),
            signals: self.signals.clone(),
            identity: self.identity.clone(),
            site: Site { options: options.into(), ..Site::default() },
        }
    }

    /// A place for backups as it is typed.
    pub fn place(&self, typed: &str) -> String {
        place(&self.environment, typed)
    }

    /// What makes up the site. All who ask share what is found out about its databases.
    pub fn site_options(&self) -> Result<SiteOptions, Fault> {
        if let Some(known) = self.site.options.get() {
            return Ok(known.clone());
        }
        let options = site_options(&self.settings, &self.environment)?;
        Ok(self.site.options.get_or_init(|| options).clone())
    }

    /// The site for reading; it is opened at the first call.
    pub async fn reader(&self) -> Result<SiteReader, Fault> {
        let open = || async { Ok::<_, Fault>(SiteReader::open(&self.site_options()?).await?) };
        Ok(self.site.reader.get_or_try_init(open).await?.clone())
    }

    /// The site for writing, with connections for so many runs; it is opened at the first call. Only `run` has a reason
    /// to call it.
    pub async fn writer(&self, runs: usize) -> Result<SiteWriter, Fault> {
        let beside = self.site.reader.get();
        let open = || async { Ok::<_, Fault>(SiteWriter::open(&self.site_options()?, beside, runs).await?) };
        Ok(self.site.writer.get_or_try_init(open).await?.clone())
    }

    /// The registered tenants that the flags choose, by id.
    pub async fn tenants(&self, selection: &SelectionFlags) -> Result<Vec<TenantRecord>, Fault> {
        let selection = selection.selection();
        if selection.is_empty() {
            return Err(SelectionError::Empty.into());
        }
        let reader = self.reader().await?;
        if let Some(ids) = selection.named().filter(|ids| ids.len() <= FEW) {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids.iter().filter_map(|id| id.parse().ok()) {
                found.extend(reader.catalog().tenant(&id).await?);
            }
            // Only who knows all of them can say what was meant.
            if found.len() == ids.len() {
                found.sort_by(|one, other| one.id.cmp(&other.id));
                found.dedup_by(|one, other| one.id == other.id);
                return Ok(selection.pick(&found)?.into_iter().cloned().collect());
            }
        }
        let all = reader.catalog().tenants().await?;
        Ok(selection.pick(&all)?.into_iter().cloned().collect())
    }

    /// Closes what was opened.
    pub async fn close(&self) {
        if let Some(writer) = self.site.writer.get() {
            writer.close().await;
        }
        if let Some(reader) = self.site.reader.get() {
            reader.close().await;
        }
    }
}

/// From settings to the site that they describe.
pub fn site_options(settings: &Settings, environment: &Environment) -> Result<SiteOptions, Fault> {
    let place = |placement: &config::Placement| -> Result<Placement, Fault> {
        let address: Address = placement.url.expose().parse()?;
        let password = Some(placement.password.expose().to_owned()).filter(|password| !password.is_empty());
        let limits = Limits {
            pool_size: placement.pool_size,
            connect: settings.connect_timeout,
            lock: settings.lock_timeout,
            ..Limits::default()
        };
        Ok(Placement { address: address.with_password(password), limits })
    };
    let mut databases = BTreeMap::new();
    for (name, placement) in &settings.databases {
        databases.insert(name.clone(), place(placement)?);
    }
    // Its parts again, so that a './' in the middle does not show.
    let here = |path: &Path| environment.directory.join(path).components().collect::<PathBuf>();
    let sealing = &settings.sealing;
    let passphrase = sealing.passphrase.expose();
    Ok(SiteOptions {
        database: place(&settings.database)?,
        databases,
        redis_url: Some(settings.redis.url.expose().to_owned()).filter(|url| !url.is_empty()),
        redis_pool: settings.redis.pool_size,
        state: here(&settings.paths.state),
        packs: here(&settings.paths.packs),
        storage: here(&settings.paths.storage),
        sealing: SealingOptions {
            identity_file: here(&sealing.identity),
            recipients: sealing.recipients.clone(),
            passphrase: (!passphrase.is_empty()).then(|| Passphrase::new(passphrase.to_owned())),
        },
        backups: backup_options(settings, environment),
    })
}

/// A location with a scheme is an address; anything else is a path, seen from where the user is.
fn place(environment: &Environment, text: &str) -> String {
    if text.contains("://") {
        return text.to_owned();
    }
    environment.directory.join(text).components().collect::<PathBuf>().display().to_string()
}

fn backup_options(settings: &Settings, environment: &Environment) -> BackupOptions {
    let backup = &settings.backup;
    let here = |path: &Path| environment.directory.join(path).components().collect::<PathBuf>();
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let [access_key_id, secret_access_key, session_token] = backup.s3_credentials.each_ref().map(|s| given(s.expose()));
    let path = |text: &String| here(Path::new(text)).display().to_string();
    let is_key = |text: &str| text.starts_with("age1") || text.starts_with("ssh-");
    let recipient = |text: &String| if is_key(text) { text.clone() } else { path(text) };
    BackupOptions {
        locations: backup.locations.iter().map(|text| place(environment, text)).collect(),
        storage: StorageOptions {
            endpoint: given(&backup.s3_endpoint),
            region: given(&backup.s3_region),
            access_key_id,
            secret_access_key,
            session_token,
        },
        recipients: backup.recipients.iter().map(recipient).collect(),
        identities: backup.identities.iter().map(|path| here(path)).collect(),
        passphrase: given(backup.encryption_key.expose()).map(Passphrase::new),
        old_passphrase: given(backup.old_encryption_key.expose()).map(Passphrase::new),
        keys: here(&settings.paths.state).join("backup-keys"),
        ..BackupOptions::default()
    }
}

impl Failure for ConfigError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Unwritable { .. } => FailureKind::Failed,
            _ => FailureKind::Usage,
        }
    }
}

impl Failure for InvalidAddress {
    fn kind(&self) -> FailureKind {
        FailureKind::Usage
    }
}

impl Failure for InvalidTenantId {
    fn kind(&self) -> FailureKind {
        FailureKind::Usage
    }
}

impl Failure for SelectionError {
    fn kind(&self) -> FailureKind {
        FailureKind::Usage
    }
}
