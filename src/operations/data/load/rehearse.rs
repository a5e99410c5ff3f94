//! What a dry run foresees beyond the plan: every record is read and checked, and every key and
//! reference is looked up, by reading alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;

use super::candidates::{
    Candidate, Place, close_gaps, digest, exists, holders, is_newer, pick, places, referenced, set_name,
};
use super::circles::{self, Part};
use super::error::LoadError;
use super::observe::{Seen, SeenTable};
use super::pending::{Ledger, Pending, Taken, Tally, Wanted};
use super::plan::effective_conflict;
use super::reading::broken_record;
use super::request::{Mode, Request};
use super::shaper::Fault;
use super::sources::{Matched, Opening, wanted_rules};
use crate::backends::database::{Conflict, Lookup, Reader};
use crate::backends::site::SiteReader;
use crate::engine::{Outcome, StepContext};
use crate::formats::Record;
use crate::model::{ForeignKey, Model, Row, Table, TenantRecord, Value};
use crate::rules::RuleFile;

/// Rows whose keys are looked up together.
const LOOKED_UP: usize = 5000;

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
    let tables: Vec<&SeenTable> =
        seen.tables.iter().filter(|t| !(request.mode == Mode::Incremental && t.unchanged)).collect();
    let order = circles::order(request, &tables, effective_conflict(request))?;
    let mut parts: Vec<(u32, &SeenTable, Part)> = Vec::new();
    for table in tables {
        let open = order.open.get(&table.table);
        parts.push((order.level(table), table, open.map_or(Part::Whole, |open| Part::But(open.clone()))));
        parts.extend(open.map(|open| (u32::MAX, table, Part::Only(open.clone()))));
    }
    parts.sort_by_key(|(level, _, _)| *level);
    for (_, table, part) in parts {
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
            ledger: Ledger::of(definition),
            part,
            tally: Tally::default(),
        };
        stage.run(context).await?;
        let tally = stage.tally;
        tally.into_outcome(table, &mut outcome);
    }
    Ok(outcome)
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
    ledger: Ledger,
    part: Part,
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
                    self.tally.totals.read += u64::from(!self.part.closes());
                    match shaper.shape(source.reader.fields(), &record, &mut row) {
                        Ok(()) => waiting.push(Candidate { line: record.line, row: std::mem::take(&mut row) }),
                        // Told already, with the other part.
                        Err(_) if self.part.closes() => {}
                        Err(faults) => self.faults(record.line, &faults),
                    }
                }
                Err(error) if !error.recoverable => return Err(broken_record(&self.table.source.name, error)),
                Err(error) => {
                    self.tally.totals.read += 1;
                    let fault =
                        Fault { column: None, field: None, code: error.code.to_owned(), reason: error.reason.clone() };
                    self.tally.fault(&self.at(error.line), &fault);
                }
            }
            if waiting.len() >= LOOKED_UP {
                self.look_up(&columns, std::mem::take(&mut waiting)).await?;
                context.set_done(source.progress.load(Ordering::Relaxed));
            }
        }
        self.look_up(&columns, waiting).await?;
        let (faults, good) = self.ledger.settle(self.request.delete_missing && self.table.missing > 0);
        for (line, fault) in faults {
            let place = self.at(line);
            self.tally.fault(&place, &fault);
        }
        for known in good {
            self.count(known);
        }
        let empty = Ledger::of(self.definition);
        self.loaded.extend(std::mem::replace(&mut self.ledger, empty).into_own());
        Ok(())
    }

    fn place(&self) -> Place<'_> {
        let (namespace, table) = (&self.tenant.namespace, self.table.table.as_str());
        Place { database: self.database, namespace, table, is_empty: self.table.rows == 0 }
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
        if self.part.closes() {
            return self.close(columns, &waiting).await;
        }
        let mut faults: BTreeMap<usize, Fault> = BTreeMap::new();
        let mut records: Vec<Pending> =
            waiting.iter().map(|candidate| Pending { line: candidate.line, ..Pending::default() }).collect();
        let primary = self.definition.primary_key.clone();
        if let Some(places) = places(columns, &primary) {
            let found = self.existing(&primary, &places, &waiting).await?;
            for (at, record) in records.iter_mut().enumerate().filter(|(at, _)| found.get(*at) == Some(&true)) {
                if self.conflict() == Conflict::Error {
                    faults.insert(at, exists(&primary));
                } else {
                    record.known = true;
                }
            }
        }
        self.find_rows(columns, &waiting, &mut records).await?;
        let known: Vec<bool> = records.iter().map(|record| record.known).collect();
        close_gaps(columns, (&mut waiting, &known), &mut faults);
        self.compare_ages(columns, &waiting, &mut records).await?;
        for (set, key) in self.definition.all_unique_keys().iter().enumerate() {
            if let Some(places) = places(columns, key) {
                self.unique(set + 1, (key, &places, columns), &waiting, (&mut faults, &mut records)).await?;
            }
        }
        for key in self.keys_of_part() {
            self.references(&key, columns, &waiting, (&mut faults, &mut records)).await?;
        }
        self.settle(columns, waiting, (faults, records));
        Ok(())
    }

    /// Foreign keys that this part of the source is about.
    fn keys_of_part(&self) -> Vec<ForeignKey> {
        let own = |key: &ForeignKey| key.columns.iter().all(|column| self.part.takes(column, &[]));
        self.definition.all_foreign_keys().into_iter().filter(own).collect()
    }

    /// Looks only at references that were left open.
    async fn close(&mut self, columns: &[String], waiting: &[Candidate]) -> Result<(), LoadError> {
        let (mut faults, mut none) = (BTreeMap::new(), Vec::new());
        for key in self.keys_of_part() {
            self.references(&key, columns, waiting, (&mut faults, &mut none)).await?;
        }
        for (at, fault) in faults {
            if let Some(candidate) = waiting.get(at) {
                let place = self.at(candidate.line);
                self.tally.fault(&place, &fault);
            }
        }
        Ok(())
    }

    /// What the unique values of records mean for rows that have them.
    async fn unique(
        &self,
        set: usize,
        (key, places, columns): (&[String], &[usize], &[String]),
        waiting: &[Candidate],
        (faults, records): (&mut BTreeMap<usize, Fault>, &mut [Pending]),
    ) -> Result<(), LoadError> {
        let own_places = self::places(columns, &self.definition.primary_key);
        let moves = !matches!(self.conflict(), Conflict::Error | Conflict::Skip);
        let holders = match &own_places {
            Some(_) => holders(self.place(), &self.definition.primary_key, (key, places), waiting).await?,
            None => self.existing(key, places, waiting).await?.into_iter().map(|exists| exists.then_some(0)).collect(),
        };
        for (at, (candidate, holder)) in waiting.iter().zip(holders).enumerate() {
            let Some(record) = records.get_mut(at) else { continue };
            let own = record.row;
            if record.is_older {
                continue;
            }
            if let (Some(own), true) = (own, moves && holder != own) {
                let is_null = digest(&candidate.row, places).is_none();
                let keeps = is_null
                    && (self.conflict() == Conflict::Merge || places.iter().any(|p| candidate.leaves_out(columns, *p)));
                record.gives.extend((!keeps).then_some((set, own)));
            }
            match holder {
                Some(holder) if moves && own != Some(holder) => {
                    record.taken.push(Taken { set, holder, fault: exists(key) });
                }
                Some(_) if !moves && !record.known => drop(faults.entry(at).or_insert_with(|| exists(key))),
                _ => {}
            }
        }
        Ok(())
    }

    /// Which rows known records meet. Two keys may be equal for the table and differ in their texts.
    async fn find_rows(
        &self,
        columns: &[String],
        waiting: &[Candidate],
        records: &mut [Pending],
    ) -> Result<(), LoadError> {
        let primary = &self.definition.primary_key;
        let has_unique = !self.definition.all_unique_keys().is_empty();
        let Some(places) = places(columns, primary).filter(|_| has_unique) else { return Ok(()) };
        let rows = holders(self.place(), primary, (primary, &places), waiting).await?;
        for (record, row) in records.iter_mut().zip(rows).filter(|(record, _)| record.known) {
            record.row = row;
        }
        Ok(())
    }

    /// Which records are not newer than their rows, and so change nothing.
    async fn compare_ages(
        &self,
        columns: &[String],
        waiting: &[Candidate],
        records: &mut [Pending],
    ) -> Result<(), LoadError> {
        let newest = self.definition.newest.as_ref().filter(|_| self.conflict() == Conflict::Newest);
        let (Some(newest), Some(places)) = (newest, places(columns, &self.definition.primary_key)) else {
            return Ok(());
        };
        let Some(place) = columns.iter().position(|column| column == newest) else { return Ok(()) };
        let keys: Vec<Row> = waiting.iter().map(|candidate| pick(&candidate.row, &places)).collect();
        let question = Lookup {
            namespace: self.tenant.namespace.clone(),
            table: self.table.table.clone(),
            columns: self.definition.primary_key.clone(),
            wanted: newest.clone(),
        };
        let held = self.database.lookup(&question, &keys).await?;
        for ((record, candidate), held) in records.iter_mut().zip(waiting).zip(held) {
            let held = held.unwrap_or(Value::Null);
            record.is_older = record.known && !is_newer(candidate.row.get(place).unwrap_or(&Value::Null), &held);
        }
        Ok(())
    }

    fn conflict(&self) -> Conflict {
        effective_conflict(self.request)
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
        (faults, records): (&mut BTreeMap<usize, Fault>, &mut [Pending]),
    ) -> Result<(), LoadError> {
        let Some(places) = places(columns, &key.columns) else { return Ok(()) };
        let set = set_name(&key.table, &key.to);
        let in_load = |row: &Row| match digest(row, &places) {
            None => true,
            Some(digest) => {
                self.loaded.get(&set).is_some_and(|loaded| loaded.contains(&digest))
                    || (key.table == self.table.table && self.ledger.brings(&set, digest))
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
            let digest = waiting.get(at).and_then(|candidate| digest(&candidate.row, &places));
            match (digest, records.get_mut(at)) {
                (Some(digest), Some(record)) if key.table == self.table.table => {
                    record.wanted.push(Wanted { set: set.clone(), digest, fault });
                }
                _ => drop(faults.entry(at).or_insert(fault)),
            }
        }
        Ok(())
    }

    fn settle(
        &mut self,
        columns: &[String],
        waiting: Vec<Candidate>,
        (mut faults, records): (BTreeMap<usize, Fault>, Vec<Pending>),
    ) {
        let keys = self.ledger.keys.iter().enumerate();
        let keys: Vec<(usize, Vec<usize>)> = keys.filter_map(|(set, key)| Some((set, places(columns, key)?))).collect();
        for (at, (candidate, mut record)) in waiting.into_iter().zip(records).enumerate() {
            // What is skipped stands in nobody's way.
            if !(record.known && self.conflict() == Conflict::Skip) {
                let own = keys.iter().filter_map(|(set, places)| Some((*set, digest(&candidate.row, places)?)));
                record.keys = own.filter(|(set, _)| *set == 0 || !record.is_older).collect();
                record.keys.extend(record.row.map(|row| (0, row)).filter(|key| !record.keys.contains(key)));
            }
            if let Some(fault) = faults.remove(&at).or_else(|| self.ledger.duplicate(&record)) {
                let place = self.at(candidate.line);
                self.tally.fault(&place, &fault);
                continue;
            }
            let brought = self.referenced.iter().filter_map(|key| {
                let digest = digest(&candidate.row, &places(columns, key)?)?;
                Some((set_name(&self.table.table, key), digest))
            });
            record.brings = brought.collect();
            let known = record.known;
            if self.ledger.note(record) {
                self.count(known);
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
}
