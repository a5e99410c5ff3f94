//! Carries out the steps of `backup prune`.

use super::{Action, Request};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::backup::BackupError;
use crate::snapshots::files;
use crate::snapshots::vault::Vault;
use crate::snapshots::{Instant, SnapshotError};

pub(super) async fn perform(
    request: &Request,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let mut outcome = Outcome::default();
    match action {
        Action::Remove { snapshot, .. } => {
            let vault = Vault::existing(site.backups()).await?;
            let keys = vault.keys(&request.id).await?;
            // Somebody may have begun to read it since the plan was made.
            let now = Instant::now();
            let pins = vault.repository().pins(&request.id).await?;
            if pins.iter().any(|(_, pin)| pin.snapshot == *snapshot && pin.holds_at(now)) {
                outcome.notes.push(format!("{snapshot} is held by somebody now, so it is kept"));
                outcome.count("kept", 1);
                return Ok(outcome);
            }
            match vault.repository().manifest(&request.id, snapshot, &keys).await {
                Ok(manifest) => {
                    vault.repository().remove_snapshot(snapshot, &manifest).await?;
                    outcome.count("removed", 1);
                }
                // An earlier try removed it.
                Err(SnapshotError::Unknown { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Action::Sweep => {
            let vault = Vault::existing(site.backups()).await?;
            let keys = vault.keys(&request.id).await?;
            let swept = vault.repository().sweep(&request.id, &keys, Instant::now()).await?;
            outcome.count("parts_removed", swept.parts);
            outcome.count("bytes_freed", swept.bytes);
            vault.repository().store().clear_abandoned().await?;
        }
        Action::DropAside { placement, namespace } => {
            // First the files: the namespace is how the next try finds them.
            let folder = site.files_of(&site.tenant(&request.id).await?)?;
            if files::forget(&folder, namespace).await? {
                outcome.count("folders", 1);
            }
            let database = site.database(placement).await?;
            if database.namespace_exists(namespace).await? {
                database.drop_namespace(namespace).await?;
                outcome.count("namespaces", 1);
            }
        }
    }
    step.set_done(1);
    Ok(outcome)
}
