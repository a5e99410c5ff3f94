//! What a machine keeps of the keys that it seals with.
//!
//! One private file (mode 0600) for each repository, tenant and generation, below the state directory. It holds the
//! recipient and the content key: enough to make backups, to compare with the last one and to prune; no row
//! can be read with it. The recipient is kept here, too, and not taken from the repository: who may write there
//! could otherwise put their own in its place, and the next backup would be sealed for them.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::backends::sealing::SealingKey;
use crate::model::TenantId;

use super::error::SnapshotError;
use super::record;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    recipient: String,
    content: String,
}

/// The keys of this machine for one repository.
#[derive(Debug, Clone)]
pub struct LocalKeys {
    folder: PathBuf,
}

impl LocalKeys {
    /// Below a private folder, for the repository of this id.
    pub fn new(folder: &Path, repository: &str) -> Self {
        Self { folder: folder.join(repository) }
    }

    /// Beside these, for another repository.
    #[must_use]
    pub fn beside(&self, repository: &str) -> Self {
        Self { folder: self.folder.with_file_name(repository) }
    }

    fn file(&self, tenant: &TenantId, generation: u32) -> PathBuf {
        self.folder.join(tenant.as_str()).join(format!("{generation}.json"))
    }

    /// The key of a generation, unless this machine does not have it.
    pub fn get(&self, tenant: &TenantId, generation: u32) -> Result<Option<SealingKey>, SnapshotError> {
        let path = self.file(tenant, generation);
        let unusable = |reason: String| SnapshotError::LocalKey { path: path.clone(), reason };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error.to_string())),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).map_or(0, |data| data.permissions().mode());
            if mode & 0o077 != 0 {
                return Err(unusable("others may read it".to_owned()));
            }
        }
        let kept: Kept = record::decode("it", &bytes).map_err(|error| unusable(error.to_string()))?;
        SealingKey::from_texts(&kept.recipient, &kept.content).map(Some).map_err(|error| unusable(error.to_string()))
    }

    /// Keeps the key of a generation.
    pub fn put(&self, tenant: &TenantId, generation: u32, key: &SealingKey) -> Result<(), SnapshotError> {
        let path = self.file(tenant, generation);
        let kept = Kept { recipient: key.recipient(), content: key.content_text() };
        let bytes = record::encode("the key", &kept)?;
        write(&path, &bytes).map_err(|error| SnapshotError::LocalKey { path, reason: error.to_string() })
    }

    /// Forgets all keys of a tenant.
    pub fn forget(&self, tenant: &TenantId) -> Result<(), SnapshotError> {
        let path = self.folder.join(tenant.as_str());
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(SnapshotError::LocalKey { path, reason: error.to_string() })
            }
            _ => Ok(()),
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    // A temporary file is private from its first byte, and is renamed only when it is whole.
    let mut file = tempfile::Builder::new().prefix(".key").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    #[cfg(unix)]
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}
