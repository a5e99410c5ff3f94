//! The snapshot of a run in a second place.

use super::apply::run_tag;
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::model::TenantId;
use crate::operations::backup::BackupError;
use crate::snapshots::second_place::copy as copied;
use crate::snapshots::source::RepositorySource;
use crate::snapshots::vault::Vault;
use crate::snapshots::{Repository, SnapshotError, SnapshotId};

/// The snapshot that a run made, in this repository.
async fn made_by(
    run: &str,
    vault: &Vault,
    repository: &Repository,
    tenant: &TenantId,
) -> Result<Option<SnapshotId>, BackupError> {
    let keys = vault.keys(tenant).await?;
    for entry in repository.snapshots(tenant).await?.into_iter().rev() {
        let manifest = repository.manifest(tenant, &entry.id, &keys).await;
        if manifest.is_ok_and(|manifest| manifest.tags.contains(&run_tag(run))) {
            return Ok(Some(entry.id));
        }
    }
    Ok(None)
}

pub(super) async fn copy(
    tenant: &TenantId,
    location: &str,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let vault = Vault::existing(site.backups()).await?;
    let made = made_by(&step.run, &vault, vault.repository(), tenant).await?;
    let missing = || SnapshotError::Unknown { given: format!("of the run {}", step.run) };
    let id = made.ok_or_else(missing)?;
    let to = Repository::open_or_init(site.backups().store(location)?).await?;
    let source = RepositorySource::open(vault.repository(), tenant, &id, vault.keys(tenant).await?).await?;
    step.set_done(0);
    let Some(done) = copied(&vault, &source, &to, step).await? else {
        return Ok(Outcome { interrupted: true, ..Outcome::default() });
    };
    let outcome = Outcome::default()
        .with("bytes_copied", done.bytes)
        .with("parts_copied", done.parts)
        .with("parts_there_already", done.reused);
    Ok(Outcome { notes: vec![format!("{id} lies in {location}, too")], ..outcome })
}

pub(super) async fn remove(
    tenant: &TenantId,
    location: &str,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let run = step.undoes.as_ref().map_or(step.run.as_str(), |(run, _)| run);
    let vault = Vault::existing(site.backups()).await?;
    let mut outcome = Outcome::default();
    let to = match Repository::open(site.backups().store(location)?).await {
        // The copy was never begun.
        Err(SnapshotError::NoRepository { .. }) => return Ok(outcome),
        other => other?,
    };
    if let Some(id) = made_by(run, &vault, &to, tenant).await? {
        to.delete_manifest(tenant, &id).await?;
        outcome.count("removed", 1);
    }
    Ok(outcome)
}
