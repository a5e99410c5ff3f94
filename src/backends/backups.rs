//! Where backups are kept and who may open them, as the configuration says.

use std::path::{Path, PathBuf};

use super::sealing::{Administrators, Identities, KeyError, OpenedKeys, Passphrase};
use super::storage::{StorageError, StorageOptions, Store};

/// What the configuration says of backups.
#[derive(Debug, Clone, Default)]
pub struct BackupOptions {
    /// Directories and buckets; the first that works is used.
    pub locations: Vec<String>,
    /// How buckets are reached.
    pub storage: StorageOptions,
    /// Public keys of those who may open backups, or files of them.
    pub recipients: Vec<String>,
    /// Files with the keys that open backups.
    pub identities: Vec<PathBuf>,
    /// A passphrase in place of public keys.
    pub passphrase: Option<Passphrase>,
    /// The passphrase before: it opens what was sealed with it, and seals nothing.
    pub old_passphrase: Option<Passphrase>,
    /// The private folder of what this machine keeps of tenants' keys.
    pub keys: PathBuf,
    /// What was opened so far.
    pub opened: OpenedKeys,
}

impl BackupOptions {
    /// Backups below a folder, not sealed.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            locations: vec![folder.join("backups").display().to_string()],
            keys: folder.join("backup-keys"),
            ..Self::default()
        }
    }

    /// Who may open what is sealed from now on; nobody means that nothing is sealed.
    ///
    /// # Errors
    /// If a public key or a file of them cannot be read, or a passphrase stands beside public keys.
    pub fn administrators(&self) -> Result<Administrators, KeyError> {
        match (&self.passphrase, self.recipients.is_empty()) {
            (Some(passphrase), true) => Ok(Administrators::passphrase(passphrase.clone())),
            (Some(_), false) => Err(KeyError::Mixed),
            (None, _) => Administrators::parse(&self.recipients),
        }
    }

    /// The keys that are at hand to open what is sealed.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn identities(&self) -> Result<Identities, KeyError> {
        let found = Identities::read(&self.identities)?.remembering(&self.opened);
        let passphrases = self.passphrase.iter().chain(&self.old_passphrase);
        Ok(passphrases.fold(found, Identities::with_passphrase))
    }

    /// The store at a location.
    ///
    /// # Errors
    /// If the location cannot be understood.
    pub fn store(&self, location: &str) -> Result<Store, StorageError> {
        Store::open(location, &self.storage)
    }
}
