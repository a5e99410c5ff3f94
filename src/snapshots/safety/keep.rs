//! Making a safety copy.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::beyond::Beyond;
use super::{Foreseen, KEPT, SafetyError, TAG, Wanted, run_tag};
use crate::backends::database::Writer;
use crate::backends::site::SiteWriter;
use crate::model::{Model, TenantRecord, fingerprint};
use crate::snapshots::manifest::{Content, Scope};
use crate::snapshots::pins::{Hold, Pin};
use crate::snapshots::room::{Checks, Room};
use crate::snapshots::take::{READERS, Take, Taken, Watch, take};
use crate::snapshots::vault::Vault;
use crate::snapshots::{Codec, Instant, Keys, Manifest, SnapshotId};

/// A safety copy that is to be made.
pub struct Keeping<'a> {
    /// Of whose tenants.
    pub site: &'a SiteWriter,
    /// Of which tenant.
    pub tenant: &'a TenantRecord,
    /// What the plan said of it.
    pub foreseen: &'a Foreseen,
    /// The run that is going to destroy something.
    pub run: &'a str,
    /// How rules are written as SQL.
    pub checks: Checks,
    /// Who is told, and asked whether to go on.
    pub watch: Arc<dyn Watch>,
}

/// A safety copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its snapshot.
    pub snapshot: SnapshotId,
    /// Its rows.
    pub rows: u64,
    /// Bytes that were written to the store.
    pub written: u64,
    /// Parts that were there already.
    pub reused: u64,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl Keeping<'_> {
    /// Makes the copy, and pins it; `None` when the user stopped it. Made again for the same run, it finds the first one.
    ///
    /// # Errors
    /// When the database or the store fails: then nothing is to be destroyed.
    pub async fn keep(&self) -> Result<Option<Kept>, SafetyError> {
        self.kept().await.map_err(|error| error.not_made(&self.tenant.id))
    }

    async fn kept(&self) -> Result<Option<Kept>, SafetyError> {
        let vault = Vault::open(self.site.backups()).await?;
        let packing = vault.packing(&self.tenant.id, Codec::default(), self.foreseen.sealed).await?;
        let keys = vault.keys(&self.tenant.id).await?;
        let database = self.site.database(&self.tenant.placement).await?;
        let model = self.model(&database).await?;
        let known = self.newest_like_it(&vault, &model, &keys).await?;
        let is_ours = |manifest: &Manifest| manifest.tags.contains(TAG) && manifest.tags.contains(&run_tag(self.run));
        if let Some((id, manifest)) = known.as_ref().filter(|(_, manifest)| is_ours(manifest)) {
            self.pin(&vault, id).await?;
            return Ok(Some(told(&vault, (id, manifest), (0, 0))));
        }
        let beyond = Beyond::read(self.site.catalog(), &*database, self.tenant).await?;
        let reader = database.clone().as_reader();
        let taking = Take {
            readers: READERS,
            database: &*reader,
            store: Arc::new(vault.repository().clone()),
            tenant: self.tenant,
            model: &model,
            scope: self.scope(),
            parent: known.filter(|_| self.foreseen.wanted != Wanted::Entry),
            packing: packing.clone(),
            keys,
            credentials: beyond.current(),
            tags: BTreeSet::from([TAG.to_owned(), run_tag(self.run)]),
            watch: self.watch.clone(),
        };
        let Some(Taken { mut manifest, written, reused }) = take(&taking).await? else { return Ok(None) };
        beyond.write(&mut manifest)?;
        let id = vault.repository().publish(&manifest, packing.key()).await?;
        self.pin(&vault, &id).await?;
        Ok(Some(told(&vault, (&id, &manifest), (written, reused))))
    }

    /// The tables as they are. They are those of the pack, unless somebody changed the structure by hand or made half of it
    /// only; whatever it is, it must be possible to make it again.
    async fn model(&self, database: &Arc<dyn Writer>) -> Result<Model, SafetyError> {
        let found = database.introspect(&self.tenant.namespace).await?;
        let model = match self.site.model_of(self.tenant) {
            Ok(model) if fingerprint(&model) == fingerprint(&found) => model,
            _ => found,
        };
        Room { database, namespace: &self.tenant.namespace, model: &model, checks: self.checks }.stages()?;
        Ok(model)
    }

    fn scope(&self) -> Scope {
        let everything = BTreeSet::from([Content::Structure, Content::Rows]);
        match &self.foreseen.wanted {
            Wanted::Whole => Scope { contents: everything, tables: None },
            Wanted::Tables(tables) => Scope { contents: everything, tables: Some(tables.clone()) },
            Wanted::Entry => Scope { contents: BTreeSet::new(), tables: Some(BTreeSet::new()) },
        }
    }

    /// The newest snapshot that holds all that is wanted: the one that an earlier try made, or one from which is taken over what
    /// did not change since.
    async fn newest_like_it(
        &self,
        vault: &Vault,
        model: &Model,
        keys: &Keys,
    ) -> Result<Option<(SnapshotId, Manifest)>, SafetyError> {
        let wanted: BTreeSet<&String> = match &self.foreseen.wanted {
            Wanted::Whole => model.tables.keys().collect(),
            Wanted::Tables(tables) => tables.iter().collect(),
            Wanted::Entry => BTreeSet::new(),
        };
        for entry in vault.repository().snapshots(&self.tenant.id).await?.into_iter().rev() {
            // One that cannot be opened here is of no use.
            if let Ok(manifest) = vault.repository().manifest(&self.tenant.id, &entry.id, keys).await
                && wanted.iter().all(|table| manifest.table(table).is_some())
            {
                return Ok(Some((entry.id, manifest)));
            }
        }
        Ok(None)
    }

    async fn pin(&self, vault: &Vault, snapshot: &SnapshotId) -> Result<(), SafetyError> {
        let by = format!("the safety copy of run {}", self.run);
        let pins = vault.repository().pins(&self.tenant.id).await?;
        if pins.iter().any(|(_, pin)| pin.by == by && pin.snapshot == *snapshot) {
            return Ok(());
        }
        let since = Instant::now();
        let until = since.0.checked_add(KEPT).ok().map(Instant);
        let pin = Pin { snapshot: snapshot.clone(), hold: Hold::Keep, by, since, until };
        vault.repository().pin(&self.tenant.id, &pin).await?;
        Ok(())
    }
}

fn told(vault: &Vault, (id, manifest): (&SnapshotId, &Manifest), (written, reused): (u64, u64)) -> Kept {
    let mut notes = vec![format!("safety copy {id}")];
    if !vault.passed_over.is_empty() {
        notes.extend(vault.passed_over.iter().cloned());
        notes.push(format!("it is stored in {}", vault.repository().store().location()));
    }
    Kept { snapshot: id.clone(), rows: manifest.rows(), written, reused, notes }
}
