//! The signature over the trail's head: whoever may write the catalog but has no key cannot cut its end off unseen.
//!
//! Each key signs the last entry that its holder wrote. What others wrote behind it is covered by their keys.

use std::io::Write;
use std::path::{Path, PathBuf};

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, IntoActiveModel};

use super::entity::{ledger_head, ledger_seal};
use super::{Catalog, CatalogError};

/// A key to sign with.
pub(super) struct SealKey([u8; 32]);

impl SealKey {
    /// The key in this file; `None` where there is none.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, CatalogError> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CatalogError::SealKey { file: file.to_owned(), reason: error.to_string() }),
        };
        let key = blake3::Hash::from_hex(text.trim());
        let broken = |_| CatalogError::SealKey { file: file.to_owned(), reason: "it holds no key".to_owned() };
        key.map(|key| Some(Self(*key.as_bytes()))).map_err(broken)
    }

    /// The key in this file, made where there is none: whole or not at all, and for its owner's eyes only.
    pub(super) fn make(file: &Path) -> Result<Self, CatalogError> {
        if let Some(there) = Self::read(file)? {
            return Ok(there);
        }
        let failed = |error: std::io::Error| CatalogError::SealKey { file: file.to_owned(), reason: error.to_string() };
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let secret: Vec<u8> = random.iter().flat_map(|part| part.into_bytes()).collect();
        let key = blake3::derive_key("fixtool audit trail key", &secret);
        let mut made = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        writeln!(made, "{}", blake3::Hash::from_bytes(key).to_hex()).map_err(failed)?;
        made.as_file().sync_all().map_err(failed)?;
        match made.persist_noclobber(file) {
            Ok(_) => Ok(Self(key)),
            // Another process made one at the same moment.
            Err(error) => Self::read(file)?.ok_or_else(|| failed(error.error)),
        }
    }

    /// By what the key is known; it tells nothing of the key.
    pub(super) fn id(&self) -> String {
        let id = blake3::derive_key("fixtool audit trail key id", &self.0);
        blake3::Hash::from_bytes(id).to_hex().chars().take(16).collect()
    }

    /// The signature over an entry of a site.
    pub(super) fn sign(&self, site: &str, seq: i64, digest: &str) -> String {
        blake3::keyed_hash(&self.0, format!("{site}\n{seq}\n{digest}").as_bytes()).to_hex().to_string()
    }
}

/// Signs the head in the transaction that writes it.
pub(super) async fn sign(
    transaction: &DatabaseTransaction,
    (key, site): (&SealKey, &str),
    head: &ledger_head::Model,
) -> Result<(), CatalogError> {
    let signature = key.sign(site, head.seq, &head.digest);
    let row = ledger_seal::Model { key_id: key.id(), seq: head.seq, digest: head.digest.clone(), signature };
    let over = OnConflict::column(ledger_seal::Column::KeyId)
        .update_columns([ledger_seal::Column::Seq, ledger_seal::Column::Digest, ledger_seal::Column::Signature])
        .to_owned();
    let row = row.into_active_model().reset_all();
    ledger_seal::Entity::insert(row).on_conflict(over).exec_without_returning(transaction).await?;
    Ok(())
}

impl Catalog {
    /// Signs what is written, and proves it, with the key of this site in this folder. It is made at the first write.
    pub fn sign_in(&self, folder: &Path) {
        let site: String = self.site_id().chars().take(16).collect();
        // Whoever sets it twice means the same folder.
        let _ = self.inner.seal.set(folder.join(format!("audit-{site}.key")));
    }

    /// The key that lies here; `None` where nothing was signed yet.
    pub(super) fn seal_key(&self) -> Result<Option<SealKey>, CatalogError> {
        self.inner.seal.get().map_or(Ok(None), |file: &PathBuf| SealKey::read(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("new").join("audit.key");
        assert!(SealKey::read(&file).unwrap().is_none());
        let key = SealKey::make(&file).unwrap();
        assert_eq!(SealKey::make(&file).unwrap().id(), key.id());
        assert_ne!(key.sign("a", 1, "x"), key.sign("a", 2, "x"));
        assert_ne!(key.sign("a", 1, "x"), key.sign("b", 1, "x"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, "broken").unwrap();
        assert!(matches!(SealKey::read(&file), Err(CatalogError::SealKey { .. })));
    }
}
