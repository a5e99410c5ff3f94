//! Carrying out one step of a load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::error::LoadError;
use super::observe::row_limit;
use super::plan::{LoadAction, TableLoad};
use super::reading::{self, Parcel, Reading, Totals};
use super::refused;
use super::rejects::RejectsFile;
use super::request::{OnError, Request};
use super::shaper::Shaper;
use super::sources::{Matched, Opening, wanted_rules};
use crate::backends::database::load::{MissingSpec, Refused, Written};
use crate::backends::database::{Coverage, DatabaseErrorKind, LoadSession, LoadSpec, Reader, Writer};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::formats::digest_file;
use crate::model::{Checkpoint, Model, Table, TenantRecord};
use crate::rules::RuleFile;

/// Carries out one step.
pub async fn perform(
    (request, clean): (&Request, &Mutex<BTreeSet<String>>),
    action: &LoadAction,
    site: &SiteWriter,
    context: &StepContext,
) -> Result<Outcome, LoadError> {
    let tenant = site.writable_tenant(&request.tenant).await?;
    let database = site.database(&tenant.placement).await?;
    let model = site.model_of(&tenant)?;
    let rules = wanted_rules(request, site.rules_of(&tenant)?.as_deref(), &model)?;
    let step = Applying { request, clean, tenant: &tenant, database, model: &model, rules: &rules, site, context };
    match action {
        LoadAction::Load(load) => {
            // A run that goes on may find another tier than the one that it was planned under.
            let pack = site.pack_of(&tenant)?;
            let most_rows = row_limit(&pack, &tenant, &load.table);
            step.load(&TableLoad { most_rows, ..load.clone() }).await
        }
        LoadAction::DeleteMissing { table, loaded_by, .. } => step.delete_missing(table, *loaded_by).await,
        LoadAction::Unload { table, swept, .. } => step.unload(table, swept).await,
        LoadAction::SafetyCopy { foreseen } => step.keep(foreseen).await,
        LoadAction::Settle { loads, invalidate_cache } => step.settle(loads, *invalidate_cache).await,
    }
}

pub(super) struct Applying<'a> {
    pub(super) request: &'a Request,
    pub(super) clean: &'a Mutex<BTreeSet<String>>,
    pub(super) tenant: &'a TenantRecord,
    pub(super) database: Arc<dyn Writer>,
    pub(super) model: &'a Model,
    rules: &'a RuleFile,
    pub(super) site: &'a SiteWriter,
    pub(super) context: &'a StepContext,
}

/// A load of one table under way.
struct Flow {
    refused: Vec<Refused>,
    counts: BTreeMap<String, u64>,
    interrupted: bool,
}

impl Applying<'_> {
    pub(super) fn table(&self, name: &str) -> Result<&Table, LoadError> {
        let lost = || LoadError::Bug { message: format!("the model has lost the table '{name}'") };
        self.model.tables.get(name).ok_or_else(lost)
    }

    fn opening(&self) -> Opening<'_> {
        let database: &dyn Reader = &*self.database;
        let (request, tenant, model, rules) = (self.request, self.tenant, self.model, self.rules);
        Opening { request, tenant, model, rules, sealing: Some(self.site.sealing()), database }
    }

    async fn load(&self, load: &TableLoad) -> Result<Outcome, LoadError> {
        let namespace = &self.tenant.namespace;
        let checkpoint = self.database.checkpoint(namespace, &self.context.run, self.context.step).await?;
        self.same_source(load).await?;
        if let Some(done) = checkpoint.as_ref().filter(|c| c.finished) {
            // The rows are durable; only the ledger does not know it yet.
            return self.settled(load, done).await;
        }
        let matched =
            Matched { data_type: load.data_type.clone(), table: load.table.clone(), input: load.source.clone() };
        let definition = self.table(&load.table)?;
        let now = jiff::Timestamp::now().as_microsecond();
        let (source, mut shaper) = self.opening().open(&matched, now).await?;
        shaper.take_part(&load.part, &definition.primary_key);
        let spec = self.spec(load, definition, (&shaper, checkpoint.clone()));
        let session = self.database.load(spec).await?;
        let staged = session.durable_by_batch();
        if staged {
            shaper.mark_gaps();
        }
        let reading = Reading {
            name: load.source.name.clone(),
            source,
            shaper,
            encoding: session.encoding(),
            batch_size: if staged { usize::try_from(self.request.batch_size.max(1)).unwrap_or(usize::MAX) } else { 0 },
            skip: checkpoint.as_ref().map_or(0, |c| c.position),
            on_error: self.request.on_error,
            max_errors: self.request.max_errors,
        };
        let before = match &checkpoint {
            Some(c) => Flow::resumed(c, self.database.refused(namespace, &self.context.run, self.context.step).await?),
            None => Flow { refused: Vec::new(), counts: BTreeMap::new(), interrupted: false },
        };
        self.flow(load, session, reading, before).await
    }

    fn spec(&self, load: &TableLoad, definition: &Table, (shaper, resume): (&Shaper, Option<Checkpoint>)) -> LoadSpec {
        LoadSpec {
            namespace: self.tenant.namespace.clone(),
            table: load.table.clone(),
            definition: definition.clone(),
            columns: shaper.columns().to_vec(),
            key: definition.primary_key.clone(),
            conflict: load.conflict,
            bare: load.bare && !shaper.needs_server(),
            reject: self.request.on_error == OnError::Reject,
            run: self.context.run.clone(),
            step: self.context.step,
            resume,
            remember_keys: load.remember_keys,
            most_rows: load.most_rows,
            continues: load.continues,
            coverage: if shaper.is_open() { Coverage::Partial } else { Coverage::Whole },
        }
    }

    async fn flow(
        &self,
        load: &TableLoad,
        mut session: Box<dyn LoadSession>,
        reading: Reading,
        mut flow: Flow,
    ) -> Result<Outcome, LoadError> {
        let rejects = RejectsFile::new(&self.request.rejects, &load.data_type);
        self.context.set_done(0);
        let (mut parcels, reader) = reading::spawn(reading, rejects);
        let mut failed = None;
        while let Some(parcel) = parcels.recv().await {
            if self.context.is_cancelled() {
                flow.interrupted = true;
                break;
            }
            if let Err(error) = self.write(load, &mut *session, parcel, &mut flow).await {
                failed = Some(error);
                break;
            }
        }
        drop(parcels);
        let (totals, mut rejects) = reader.await.map_err(|e| LoadError::Bug { message: e.to_string() })?;
        if let Some(error) = failed {
            self.list(load, &flow, &mut rejects)?;
            rejects.finish()?;
            return Err(error);
        }
        if flow.interrupted {
            return Ok(interrupted(load, &*session, flow.counts));
        }
        let totals = match totals {
            Ok(totals) => totals,
            // What was rejected before stays listed: batches before it may be durable.
            Err(error) => {
                self.list(load, &flow, &mut rejects)?;
                rejects.finish()?;
                return Err(error);
            }
        };
        let written = session.finish().await.map_err(|e| self.explain(load, e))?;
        self.take(load, written, &mut flow)?;
        self.list(load, &flow, &mut rejects)?;
        self.outcome(load, &flow, (totals, rejects))
    }

    async fn write(
        &self,
        load: &TableLoad,
        session: &mut dyn LoadSession,
        parcel: Parcel,
        flow: &mut Flow,
    ) -> Result<(), LoadError> {
        let written = session.write(parcel.batch).await.map_err(|e| self.explain(load, e))?;
        self.take(load, written, flow)?;
        self.context.set_done(parcel.progress);
        Ok(())
    }

    fn take(&self, load: &TableLoad, written: Written, flow: &mut Flow) -> Result<(), LoadError> {
        for (name, amount) in written.counts {
            *flow.counts.entry(name.to_owned()).or_default() += amount;
        }
        if self.request.on_error == OnError::Stop && !written.refused.is_empty() {
            return Err(refused::error(self.place(load), &written.refused));
        }
        flow.refused.extend(written.refused);
        let rejected = flow.refused.len() as u64;
        if self.request.max_errors.exceeded_by(rejected) {
            return Err(self.too_many(load, rejected, flow.total()));
        }
        Ok(())
    }

    fn too_many(&self, load: &TableLoad, rejected: u64, read: u64) -> LoadError {
        LoadError::TooManyErrors {
            source_name: load.source.name.clone(),
            rejected,
            read,
            limit: self.request.max_errors.to_string(),
            rejects: RejectsFile::new(&self.request.rejects, &load.data_type).path().to_owned(),
        }
    }

    fn place<'p>(&'p self, load: &'p TableLoad) -> refused::Place<'p> {
        refused::Place { name: &load.source.name, path: &load.source.path, options: &self.request.options }
    }

    /// Lists what the database refused, beside what reading has listed already.
    fn list(&self, load: &TableLoad, flow: &Flow, rejects: &mut RejectsFile) -> Result<(), LoadError> {
        if self.request.on_error == OnError::Stop {
            return Ok(());
        }
        refused::list(self.place(load), &flow.refused, rejects)
    }

    fn outcome(
        &self,
        load: &TableLoad,
        flow: &Flow,
        (totals, rejects): (Totals, RejectsFile),
    ) -> Result<Outcome, LoadError> {
        let rejected = totals.rejected + flow.refused.len() as u64;
        let mut outcome = Outcome { partial: rejected > 0, ..Outcome::default() };
        if load.part.closes() {
            // The records are counted where their rows come from.
            outcome.count("references_set", flow.counts.get("updated").copied().unwrap_or_default());
            return Ok(outcome);
        }
        outcome.count("read", totals.read);
        for (name, amount) in &flow.counts {
            outcome.count(name, *amount);
        }
        outcome.count("rejected", rejected);
        let accounted: u64 = flow
            .counts
            .iter()
            .filter(|(n, _)| !["refused", "deleted"].contains(&n.as_str()))
            .map(|(_, amount)| amount)
            .sum::<u64>()
            + rejected;
        if accounted != totals.read {
            return Err(LoadError::Bug {
                message: format!("{} records were read and {accounted} are accounted for", totals.read),
            });
        }
        if let (0, Ok(mut clean)) = (rejected, self.clean.lock()) {
            clean.insert(load.table.clone());
        }
        if let Some(path) = rejects.finish()? {
            outcome.notes.push(format!("{rejected} records were rejected: {}", path.display()));
        }
        Ok(outcome)
    }

    fn explain(&self, load: &TableLoad, error: crate::backends::database::DatabaseError) -> LoadError {
        match load.most_rows {
            Some(most) if error.kind == DatabaseErrorKind::Quota => {
                LoadError::Quota { tenant: self.tenant.id.to_string(), table: load.table.clone(), most }
            }
            _ => error.into(),
        }
    }

    async fn same_source(&self, load: &TableLoad) -> Result<(), LoadError> {
        let path = load.source.path.clone();
        let digested = tokio::task::spawn_blocking(move || digest_file(&path)).await;
        let digested = digested.map_err(|e| LoadError::Bug { message: e.to_string() })??;
        if digested.blake3 == load.digest {
            Ok(())
        } else {
            Err(LoadError::SourceChanged { name: load.source.name.clone() })
        }
    }

    /// What a step did that was finished before its end was written down.
    async fn settled(&self, load: &TableLoad, done: &Checkpoint) -> Result<Outcome, LoadError> {
        let namespace = &self.tenant.namespace;
        let refused = self.database.refused(namespace, &self.context.run, self.context.step).await?;
        let flow = Flow::resumed(done, refused);
        let matched =
            Matched { data_type: load.data_type.clone(), table: load.table.clone(), input: load.source.clone() };
        let (source, mut shaper) = self.opening().open(&matched, 0).await?;
        if done.state.get("road").and_then(serde_json::Value::as_str) == Some("staged") {
            shaper.mark_gaps();
        }
        let reading = Reading {
            name: load.source.name.clone(),
            source,
            shaper,
            encoding: crate::backends::database::load::Encoding::Values,
            batch_size: 0,
            skip: u64::MAX,
            on_error: self.request.on_error,
            max_errors: self.request.max_errors,
        };
        let (parcels, reader) = reading::spawn(reading, RejectsFile::new(&self.request.rejects, &load.data_type));
        let (totals, mut rejects) = reader.await.map_err(|e| LoadError::Bug { message: e.to_string() })?;
        drop(parcels);
        self.list(load, &flow, &mut rejects)?;
        self.outcome(load, &flow, (totals?, rejects))
    }

    async fn delete_missing(&self, table: &str, loaded_by: u32) -> Result<Outcome, LoadError> {
        let namespace = &self.tenant.namespace;
        let checkpoint = self.database.checkpoint(namespace, &self.context.run, self.context.step).await?;
        if let Some(done) = checkpoint {
            let deleted = done.state.pointer("/counts/deleted").and_then(serde_json::Value::as_u64);
            return Ok(Outcome::default().with("deleted", deleted.unwrap_or_default()));
        }
        let definition = self.table(table)?;
        let spec = MissingSpec {
            namespace: namespace.clone(),
            table: table.to_owned(),
            definition: definition.clone(),
            key: definition.primary_key.clone(),
            run: self.context.run.clone(),
            loaded_by,
            step: self.context.step,
        };
        let deleted = self.database.delete_missing(&spec).await?;
        self.context.advance(deleted);
        Ok(Outcome::default().with("deleted", deleted))
    }
}

/// The bare road has nothing durable before its end; the staged one goes on from its last batch.
fn interrupted(load: &TableLoad, session: &dyn LoadSession, counts: BTreeMap<String, u64>) -> Outcome {
    if session.durable_by_batch() {
        return Outcome { interrupted: true, counts, ..Outcome::default() };
    }
    let note = format!("{}: stopped before its end; nothing was written, a resume begins anew", load.table);
    Outcome { interrupted: true, notes: vec![note], ..Outcome::default() }
}

impl Flow {
    fn resumed(checkpoint: &Checkpoint, refused: Vec<Refused>) -> Self {
        let counts: BTreeMap<String, u64> = checkpoint
            .state
            .get("counts")
            .and_then(|counts| serde_json::from_value(counts.clone()).ok())
            .unwrap_or_default();
        let counts = counts.into_iter().filter(|(name, _)| name != "refused").collect();
        Self { refused, counts, interrupted: false }
    }

    fn total(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.refused.len() as u64
    }
}
