//! Carries out the steps of `backup create`. Parts that an interrupted run left are found and used again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Action, Files, Request, copies};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::model::TenantRecord;
use crate::operations::backup::BackupError;
use crate::snapshots::archive::ArchiveWriter;
use crate::snapshots::files;
use crate::snapshots::layout;
use crate::snapshots::manifest::{Content, Manifest, Scope};
use crate::snapshots::part_store::{ArchiveStore, PartStore};
use crate::snapshots::take::{READERS, Take, Taken, take};
use crate::snapshots::vault::Vault;
use crate::snapshots::{Keys, Packing, SnapshotId};

pub(super) async fn perform(
    request: &Request,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let vault = Vault::open(site.backups()).await?;
    let tenant = site.tenant(&request.id).await?;
    match action {
        Action::Store { sealed, parent, bytes, .. } => {
            let packing = vault.packing(&tenant.id, request.codec, *sealed).await?;
            let keys = vault.keys(&tenant.id).await?;
            let storing = Storing {
                request,
                site,
                step,
                vault: &vault,
                tenant: &tenant,
                packing,
                keys,
                readers: readers(*bytes),
            };
            match &request.archive {
                None => storing.in_repository(parent.as_ref()).await,
                Some(archive) => storing.in_archive(archive).await,
            }
        }
        Action::Copy { location } => copies::copy(&tenant.id, location, site, step).await,
        Action::RemoveCopy { location } => copies::remove(&tenant.id, location, site, step).await,
        Action::Remove { .. } => {
            let run = step.undoes.as_ref().map_or(step.run.as_str(), |(run, _)| run);
            let mut outcome = Outcome::default();
            for entry in vault.repository().snapshots(&tenant.id).await? {
                let manifest =
                    vault.repository().manifest(&tenant.id, &entry.id, &vault.keys(&tenant.id).await?).await?;
                if manifest.tags.contains(&run_tag(run)) {
                    vault.repository().delete_manifest(&tenant.id, &entry.id).await?;
                    outcome.count("removed", 1);
                }
            }
            Ok(outcome)
        }
    }
}

/// The word by which the snapshot of a run is known.
pub(super) fn run_tag(run: &str) -> String {
    format!("run:{run}")
}

/// What was taken, and what is to be said of its files.
struct Told {
    taken: Taken,
    notes: Vec<String>,
}

struct Storing<'a> {
    request: &'a Request,
    site: &'a SiteWriter,
    step: &'a StepContext,
    vault: &'a Vault,
    tenant: &'a TenantRecord,
    packing: Packing,
    keys: Keys,
    readers: usize,
}

/// One reader is through a small tenant before a second one is connected.
fn readers(bytes: u64) -> usize {
    const FEW: u64 = 4 << 20;
    // Not every engine can tell.
    if (1..FEW).contains(&bytes) { 1 } else { READERS }
}

impl Storing<'_> {
    async fn in_repository(&self, parent: Option<&SnapshotId>) -> Result<Outcome, BackupError> {
        let repository = self.vault.repository();
        // Published already: the step was done, and only the ledger does not know.
        if let Some(done) = self.published().await? {
            return Ok(done);
        }
        let before = self.vault.newest_whole(&self.tenant.id).await?;
        let parent = match parent {
            Some(id) => Some((id.clone(), repository.manifest(&self.tenant.id, id, &self.keys).await?)),
            None => None,
        };
        let last = match (&parent, before) {
            (Some((_, manifest)), _) => Some(manifest.clone()),
            (None, Some(entry)) => repository.manifest(&self.tenant.id, &entry.id, &self.keys).await.ok(),
            (None, None) => None,
        };
        let Some(Told { taken, notes }) = self.taken(Arc::new(repository.clone()), parent).await? else {
            return Ok(Outcome { interrupted: true, ..Outcome::default() });
        };
        let id = repository.publish(&taken.manifest, self.packing.key()).await?;
        let mut outcome = self.told(&taken, &id, last.as_ref())?;
        outcome.notes.extend(notes);
        // The plan may have named a place that looked empty and then took nothing.
        if !self.vault.passed_over.is_empty() {
            outcome.notes.extend(self.vault.passed_over.iter().cloned());
            outcome.notes.push(format!("it is stored in {}", repository.store().location()));
        }
        Ok(outcome)
    }

    async fn in_archive(&self, wanted: &super::Archive) -> Result<Outcome, BackupError> {
        let path = self.archive_path(wanted)?;
        let store = Arc::new(ArchiveStore::new(ArchiveWriter::create(&path, wanted.format)?));
        let Some(Told { taken, notes }) = self.taken(Arc::new(store.clone()), None).await? else {
            return Ok(Outcome { interrupted: true, ..Outcome::default() });
        };
        let mut writer = store.take()?;
        if let Some(generation) = self.packing.generation() {
            let wrapped = self.vault.keyring(&self.tenant.id).wrapped(generation).await?.unwrap_or_default();
            writer.add(&layout::wrapped_key(&self.tenant.id, generation), &wrapped)?;
        }
        let id = writer.publish(&taken.manifest, self.packing.key())?;
        let mut outcome = self.told(&taken, &id, None)?;
        outcome.notes.extend(notes);
        outcome.notes.push(format!("it lies in {}", path.display()));
        Ok(outcome)
    }

    /// `<tenant>_<type>_<UTC>.<ending>`.
    fn archive_path(&self, wanted: &super::Archive) -> Result<PathBuf, BackupError> {
        let failed =
            |error: std::io::Error| BackupError::File { path: wanted.folder.clone(), reason: error.to_string() };
        std::fs::create_dir_all(&wanted.folder).map_err(failed)?;
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        Ok(wanted.folder.join(format!("{}_full_{now}.{}", self.tenant.id, wanted.format.ending())))
    }

    async fn published(&self) -> Result<Option<Outcome>, BackupError> {
        let Some(newest) = self.vault.newest(&self.tenant.id).await? else { return Ok(None) };
        let manifest = self.vault.repository().manifest(&self.tenant.id, &newest.id, &self.keys).await;
        Ok(match manifest {
            Ok(manifest) if manifest.tags.contains(&run_tag(&self.step.run)) => {
                let outcome = Outcome::default().with("rows", manifest.rows());
                Some(Outcome { notes: vec![format!("snapshot {}", newest.id)], ..outcome })
            }
            _ => None,
        })
    }

    async fn taken(
        &self,
        store: Arc<dyn PartStore>,
        parent: Option<(SnapshotId, Manifest)>,
    ) -> Result<Option<Told>, BackupError> {
        let reader = self.site.reading(&self.tenant.placement).await?;
        let model = self.site.model_of(self.tenant)?;
        let mut tags = self.request.tags.clone();
        tags.insert(run_tag(&self.step.run));
        let all = Take {
            database: &*reader,
            store: store.clone(),
            tenant: self.tenant,
            model: &model,
            scope: Scope { contents: self.contents(), tables: self.request.tables.clone() },
            parent,
            packing: self.packing.clone(),
            keys: self.keys.clone(),
            credentials: self.credentials().await?,
            tags,
            readers: self.readers,
            watch: Arc::new(self.step.clone()),
        };
        self.step.set_done(0);
        let Some(taken) = take(&all).await? else { return Ok(None) };
        self.with_files(taken, store).await
    }

    /// The same with the files, if they are wanted: as they are once the rows are stored.
    async fn with_files(&self, mut taken: Taken, store: Arc<dyn PartStore>) -> Result<Option<Told>, BackupError> {
        let Some(wanted) = self.request.files else { return Ok(Some(Told { taken, notes: Vec::new() })) };
        let folder = self.site.files_of(self.tenant)?;
        let storing = files::Storing {
            folder: &folder,
            cache: wanted == Files::All,
            store,
            packing: &self.packing,
            keys: &self.keys,
            watch: Arc::new(self.step.clone()),
        };
        let Some(stored) = storing.store().await? else { return Ok(None) };
        taken.written += stored.written;
        taken.reused += stored.reused;
        if let Some(files) = stored.files {
            let contents = &mut taken.manifest.scope.contents;
            contents.insert(Content::Files);
            contents.extend((wanted == Files::All).then_some(Content::Cache));
            taken.manifest.files = files;
        }
        Ok(Some(Told { taken, notes: stored.notes }))
    }

    fn contents(&self) -> BTreeSet<Content> {
        let wanted = [(Content::Structure, self.request.structure), (Content::Rows, self.request.rows)];
        wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(content, _)| content).collect()
    }

    async fn credentials(&self) -> Result<BTreeMap<String, String>, BackupError> {
        let mut sealed = BTreeMap::new();
        for credential in self.site.catalog().credentials(&self.tenant.id).await? {
            if let Some(text) = self.site.catalog().sealed_credential(&self.tenant.id, &credential.name).await? {
                sealed.insert(credential.name, text);
            }
        }
        Ok(sealed)
    }

    /// What came out; a backup that holds far less than the last one is made, and told as a finding.
    fn told(&self, taken: &Taken, id: &SnapshotId, last: Option<&Manifest>) -> Result<Outcome, BackupError> {
        let manifest = &taken.manifest;
        let (now, before) = (manifest.rows(), last.map_or(0, Manifest::rows));
        let whole = self.request.rows && self.request.tables.is_none();
        #[expect(clippy::cast_precision_loss, reason = "a ratio of counts of rows")]
        let few = whole && last.is_some() && (now as f64) < before as f64 * self.request.min_rows_ratio;
        if few {
            let (tenant, snapshot) = (self.tenant.id.to_string(), id.to_string());
            return Err(BackupError::FewRows { tenant, snapshot, now, before });
        }
        let outcome = Outcome::default()
            .with("rows", now)
            .with("bytes_written", taken.written)
            .with("parts_written", (manifest.parts().count() as u64).saturating_sub(taken.reused))
            .with("parts_reused", taken.reused);
        let outcome = if manifest.has_files() {
            outcome.with("files", manifest.files.len() as u64).with("file_bytes", manifest.file_bytes())
        } else {
            outcome
        };
        Ok(Outcome { notes: vec![format!("snapshot {id}")], ..outcome })
    }
}
