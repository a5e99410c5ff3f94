//! What a dry run foresees beyond the plan: every record is read and checked, and every key and
//! reference is looked up, by reading alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;

use super::candidates::{Candidate, close_gaps, digest, exists, pick, places, set_name};
use super::error::LoadError;
use super::observe::{Seen, SeenTable};
use super::reading::Totals;
use super::request::{Mode, Request};
use super::shaper::Fault;
use super::sources::{Matched, Opening, wanted_rules};
use crate::backends::database::{Conflict, Reader};
use crate::backends::site::SiteReader;
use crate::engine::{Outcome, StepContext};
use crate::formats::Record;
use crate::model::{ForeignKey, Model, Row, Table, TenantRecord};
use crate::rules::RuleFile;

/// Rows whose keys are looked up together.
const LOOKED_UP: usize = 5000;

/// Faults that are named one by one; the others are counted.
const NAMED: usize = 20;

/// Reads and checks everything that the plan would load.
pub async fn rehearse(
    request: &Request,
    seen: &Seen,
    site: &SiteReader,
    context: &StepContext,
) -> Result<Outcome, LoadError> {
    let tenant = site.tenant(&request.tenant).await?;
    let database = site.database(&tenant.placement).await?;
    let model = site.model_of(&tenant)?;
    let rules = wanted_rules(request, site.rules_of(&tenant)?.as_deref(), &model)?;
    let mut outcome = Outcome::default();
    let mut loaded: BTreeMap<String, HashSet<u64>> = BTreeMap::new();
    let mut tables: Vec<&SeenTable> =
        seen.tables.iter().filter(|t| !(request.mode == Mode::Incremental && t.unchanged)).collect();
    tables.sort_by_key(|table| table.level);
    for table in tables {
        let definition = model
            .tables
            .get(&table.table)
            .ok_or_else(|| LoadError::Bug { message: format!("the model has lost the table '{}'", table.table) })?;
        let mut stage = Rehearsal {
            request,
            tenant: &tenant,
            database: &*database,
            model: &model,
            rules: &rules,
            table,
            definition,
            referenced: referenced(&model, &table.table),
            loaded: &mut loaded,
            seen: vec![HashSet::new(); definition.all_unique_keys().len() + 1],
            own: BTreeMap::new(),
            pending: Vec::new(),
            tally: Tally::default(),
        };
        stage.run(context).await?;
        let tally = stage.tally;
        tally.into_outcome(table, &mut outcome);
    }
    Ok(outcome)
}

/// Keys of the table that others point at.
fn referenced(model: &Model, table: &str) -> Vec<Vec<String>> {
    let mut keys: Vec<Vec<String>> = model
        .tables
        .values()
        .flat_map(Table::all_foreign_keys)
        .filter(|key| key.table == table)
        .map(|key| key.to)
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[derive(Default)]
struct Tally {
    totals: Totals,
    counts: BTreeMap<String, u64>,
    named: Vec<String>,
}

impl Tally {
    fn fault(&mut self, place: &str, fault: &Fault) {
        self.totals.rejected += 1;
        *self.counts.entry(format!("rejected_{}", fault.code)).or_default() += 1;
        if self.named.len() < NAMED {
            let column = fault.column.as_ref().map(|c| format!(", column '{c}'")).unwrap_or_default();
            self.named.push(format!("{place}{column}: {}", fault.reason));
        }
    }

    fn count(&mut self, name: &str) {
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }

    fn into_outcome(self, table: &SeenTable, outcome: &mut Outcome) {
        outcome.count("read", self.totals.read);
        outcome.count("rejected", self.totals.rejected);
        for (name, amount) in self.counts {
            outcome.count(&name, amount);
        }
        outcome.partial |= self.totals.rejected > 0;
        let more = self.totals.rejected.saturating_sub(self.named.len() as u64);
        outcome.notes.extend(self.named);
        if more > 0 {
            outcome.notes.push(format!("{}: {more} more", table.source.name));
        }
    }
}

/// What a record points at: the key's name, the digest, and the fault if it never comes.
type Wanted = (String, u64, Fault);

/// A record that points at rows of its own table that were not met so far.
struct Pending {
    line: u64,
    known: bool,
    wanted: Vec<Wanted>,
    /// What it brings that others may point at.
    brings: Vec<(String, u64)>,
}

struct Rehearsal<'a> {
    request: &'a Request,
    tenant: &'a TenantRecord,
    database: &'a dyn Reader,
    model: &'a Model,
    rules: &'a RuleFile,
    table: &'a SeenTable,
    definition: &'a Table,
    referenced: Vec<Vec<String>>,
    /// Digests of keys that earlier tables of the same load will hold, by table and key.
    loaded: &'a mut BTreeMap<String, HashSet<u64>>,
    /// Digests of the keys of this source so far, a set a key.
    seen: Vec<HashSet<u64>>,
    /// Digests of this source's keys that others point at, by table and key.
    own: BTreeMap<String, HashSet<u64>>,
    pending: Vec<Pending>,
    tally: Tally,
}

impl Rehearsal<'_> {
    async fn run(&mut self, context: &StepContext) -> Result<(), LoadError> {
        let matched = Matched {
            data_type: self.table.data_type.clone(),
            table: self.table.table.clone(),
            input: self.table.source.clone(),
        };
        let now = jiff::Timestamp::now().as_microsecond();
        let (request, rules) = (self.request, self.rules);
        let opening =
            Opening { request, tenant: self.tenant, model: self.model, rules, sealing: None, database: self.database };
        let (mut source, mut shaper) = opening.open(&matched, now).await?;
        shaper.mark_gaps();
        let columns = shaper.columns().to_vec();
        let mut record = Record::default();
        let mut row = Row::new();
        let mut waiting: Vec<Candidate> = Vec::new();
        loop {
            match source.reader.next(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    self.tally.totals.read += 1;
                    match shaper.shape(source.reader.fields(), &record, &mut row) {
                        Ok(()) => waiting.push(Candidate { line: record.line, row: std::mem::take(&mut row) }),
                        Err(faults) => self.faults(record.line, &faults),
                    }
                }
                Err(error) => {
                    self.tally.totals.read += 1;
                    let fault =
                        Fault { column: None, field: None, code: error.code.to_owned(), reason: error.reason.clone() };
                    self.tally.fault(&self.at(error.line), &fault);
                    if !error.recoverable {
                        break;
                    }
                }
            }
            if waiting.len() >= LOOKED_UP {
                self.look_up(&columns, std::mem::take(&mut waiting)).await?;
                context.set_done(source.progress.load(Ordering::Relaxed));
            }
        }
        self.look_up(&columns, waiting).await?;
        self.settle_pending();
        self.loaded.append(&mut self.own);
        Ok(())
    }

    fn at(&self, line: u64) -> String {
        format!("{}, line {line}", self.table.source.name)
    }

    fn faults(&mut self, line: u64, faults: &[Fault]) {
        if let Some(fault) = faults.first() {
            let place = self.at(line);
            self.tally.fault(&place, fault);
        }
    }

    async fn look_up(&mut self, columns: &[String], mut waiting: Vec<Candidate>) -> Result<(), LoadError> {
        let mut faults: BTreeMap<usize, Fault> = BTreeMap::new();
        let mut known: Vec<bool> = vec![false; waiting.len()];
        let primary = self.definition.primary_key.clone();
        let keys: Vec<Vec<String>> = std::iter::once(primary).chain(self.definition.all_unique_keys()).collect();
        for (set, key) in keys.iter().enumerate() {
            let Some(places) = places(columns, key) else {
                if set == 0 {
                    close_gaps(columns, (&mut waiting, &known), &mut faults);
                }
                continue;
            };
            self.duplicates(set, (&places, key), &waiting, &mut faults);
            let found = self.existing(key, &places, &waiting).await?;
            for (at, _) in found.iter().enumerate().filter(|(_, exists)| **exists) {
                if set == 0 && self.conflict() != Conflict::Error {
                    if let Some(known) = known.get_mut(at) {
                        *known = true;
                    }
                } else if set == 0 || !known.get(at).copied().unwrap_or_default() {
                    faults.entry(at).or_insert_with(|| exists(key));
                }
            }
            if set == 0 {
                close_gaps(columns, (&mut waiting, &known), &mut faults);
            }
        }
        let mut wanted = BTreeMap::new();
        for key in self.definition.all_foreign_keys() {
            self.references(&key, columns, &waiting, (&mut faults, &mut wanted)).await?;
        }
        self.settle(columns, (waiting, &known), (&faults, wanted));
        Ok(())
    }

    fn conflict(&self) -> Conflict {
        match (self.request.mode, self.request.conflict) {
            (Mode::Incremental, Conflict::Error) => Conflict::Overwrite,
            (_, conflict) => conflict,
        }
    }

    fn duplicates(
        &mut self,
        set: usize,
        (places, key): (&[usize], &[String]),
        waiting: &[Candidate],
        faults: &mut BTreeMap<usize, Fault>,
    ) {
        let Some(seen) = self.seen.get_mut(set) else { return };
        for (at, candidate) in waiting.iter().enumerate() {
            let Some(digest) = digest(&candidate.row, places) else { continue };
            if !seen.insert(digest) {
                faults.entry(at).or_insert_with(|| Fault {
                    column: key.first().cloned(),
                    field: None,
                    code: "duplicate".to_owned(),
                    reason: format!("an earlier record of the source has the same ({})", key.join(", ")),
                });
            }
        }
    }

    async fn existing(&self, key: &[String], places: &[usize], waiting: &[Candidate]) -> Result<Vec<bool>, LoadError> {
        if self.table.rows == 0 || waiting.is_empty() {
            return Ok(vec![false; waiting.len()]);
        }
        let keys: Vec<Row> = waiting.iter().map(|c| pick(&c.row, places)).collect();
        Ok(self.database.existing(&self.tenant.namespace, &self.table.table, key, &keys).await?)
    }

    async fn references(
        &self,
        key: &ForeignKey,
        columns: &[String],
        waiting: &[Candidate],
        (faults, wanted): (&mut BTreeMap<usize, Fault>, &mut BTreeMap<usize, Vec<Wanted>>),
    ) -> Result<(), LoadError> {
        let Some(places) = places(columns, &key.columns) else { return Ok(()) };
        let set = set_name(&key.table, &key.to);
        let in_load = |row: &Row| match digest(row, &places) {
            None => true,
            Some(digest) => {
                self.loaded.get(&set).is_some_and(|loaded| loaded.contains(&digest))
                    || (key.table == self.table.table && self.own.get(&set).is_some_and(|own| own.contains(&digest)))
            }
        };
        let open: Vec<usize> =
            (0..waiting.len()).filter(|at| waiting.get(*at).is_some_and(|c| !in_load(&c.row))).collect();
        let keys: Vec<Row> = open.iter().filter_map(|at| waiting.get(*at)).map(|c| pick(&c.row, &places)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let found = self.database.existing(&self.tenant.namespace, &key.table, &key.to, &keys).await?;
        for (at, _) in open.into_iter().zip(found).filter(|(_, exists)| !exists) {
            let fault = Fault {
                column: key.columns.first().cloned(),
                field: None,
                code: "unknown_reference".to_owned(),
                reason: format!("the row that ({}) points at does not exist", key.columns.join(", ")),
            };
            // What a row of the same table points at may come later in the source.
            match waiting.get(at).and_then(|candidate| digest(&candidate.row, &places)) {
                Some(digest) if key.table == self.table.table => {
                    wanted.entry(at).or_default().push((set.clone(), digest, fault));
                }
                _ => drop(faults.entry(at).or_insert(fault)),
            }
        }
        Ok(())
    }

    fn settle(
        &mut self,
        columns: &[String],
        (waiting, known): (Vec<Candidate>, &[bool]),
        (faults, mut wanted): (&BTreeMap<usize, Fault>, BTreeMap<usize, Vec<Wanted>>),
    ) {
        for (at, candidate) in waiting.into_iter().enumerate() {
            if let Some(fault) = faults.get(&at) {
                let place = self.at(candidate.line);
                self.tally.fault(&place, fault);
                continue;
            }
            let known = known.get(at).copied().unwrap_or_default();
            let brought = self.referenced.iter().filter_map(|key| {
                let digest = digest(&candidate.row, &places(columns, key)?)?;
                Some((set_name(&self.table.table, key), digest))
            });
            let brings: Vec<(String, u64)> = brought.collect();
            for (set, digest) in &brings {
                self.own.entry(set.clone()).or_default().insert(*digest);
            }
            match wanted.remove(&at) {
                Some(wanted) => self.pending.push(Pending { line: candidate.line, known, wanted, brings }),
                None => self.count(known),
            }
        }
    }

    fn count(&mut self, known: bool) {
        self.tally.count(match (known, self.conflict()) {
            (false, _) => "would_insert",
            (true, Conflict::Skip) => "would_skip",
            (true, _) => "would_update_if_changed",
        });
    }

    /// Records whose targets never came, and those that hang on them.
    fn settle_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        loop {
            let lost = |(set, digest, _): &&Wanted| !self.own.get(set).is_some_and(|own| own.contains(digest));
            let (bad, good): (Vec<_>, Vec<_>) = pending.into_iter().partition(|p| p.wanted.iter().any(|w| lost(&w)));
            let faults: Vec<_> =
                bad.iter().filter_map(|p| Some((p.line, p.wanted.iter().find(lost)?.2.clone()))).collect();
            pending = good;
            for (set, digest) in bad.iter().flat_map(|p| &p.brings) {
                self.own.entry(set.clone()).or_default().remove(digest);
            }
            for (line, fault) in &faults {
                let place = self.at(*line);
                self.tally.fault(&place, fault);
            }
            if faults.is_empty() {
                break;
            }
        }
        for record in pending {
            self.count(record.known);
        }
    }
}
