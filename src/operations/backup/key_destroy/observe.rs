//! What `backup key destroy` looks at: the generations of the key, and how many snapshots will be lost.

use serde_json::json;

use super::Request;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::operations::backup::BackupError;
use crate::snapshots::layout;
use crate::snapshots::vault::Vault;

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Where the keys are.
    pub location: String,
    /// The files of the key.
    pub files: Vec<String>,
    /// How many snapshots the tenant has.
    pub snapshots: u64,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        chain::digest(&json!([self.location, self.files, self.snapshots]))
    }
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, BackupError> {
    let vault = Vault::existing(reader.backups()).await?;
    let store = vault.repository().store();
    let files = store.list(&layout::keys_of(&request.id)).await?.into_iter().map(|entry| entry.path).collect();
    let snapshots = vault.repository().snapshots(&request.id).await?.len() as u64;
    Ok(Snapshot { location: store.location().to_owned(), files, snapshots, notes: vault.passed_over.clone() })
}
