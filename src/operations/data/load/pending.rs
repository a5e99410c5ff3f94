//! What a dry run knows of a source's records: those that hang on others, which may come later, and the count.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::observe::SeenTable;
use super::reading::Totals;
use super::shaper::Fault;
use crate::engine::Outcome;
use crate::model::Table;

/// A row of the same table that a record points at.
pub struct Wanted {
    /// Under what its key is gathered.
    pub set: String,
    /// Of its key.
    pub digest: u64,
    /// What is wrong if it never comes.
    pub fault: Fault,
}

/// A unique value that a record takes from a row of the table.
pub struct Taken {
    /// Which unique key, by its place.
    pub set: usize,
    /// Of the primary key of the row that has it.
    pub holder: u64,
    /// What is wrong if that row keeps it.
    pub fault: Fault,
}

/// A record that passed every check but these.
#[derive(Default)]
pub struct Pending {
    /// Its line.
    pub line: u64,
    /// Whether its row is there.
    pub known: bool,
    /// Of the primary key of its row, where that is looked up.
    pub row: Option<u64>,
    /// Whether its row stays as it is, because the record is not newer.
    pub is_older: bool,
    /// Digests of its unique keys: which one, by its place, the primary key first.
    pub keys: Vec<(usize, u64)>,
    /// Rows that it points at.
    pub wanted: Vec<Wanted>,
    /// Values that it takes.
    pub taken: Vec<Taken>,
    /// Keys that it brings and that others may point at.
    pub brings: Vec<(String, u64)>,
    /// Values that its row gives up: which unique key, and its own primary key's digest.
    pub gives: Vec<(usize, u64)>,
}

/// What the records of one source bring and give up.
pub struct Ledger {
    /// Unique keys of the table, the primary key first.
    pub keys: Vec<Vec<String>>,
    /// Digests of keys that others point at, by table and key, and how many records bring each.
    own: BTreeMap<String, HashMap<u64, u32>>,
    /// Digests of the keys of records that nothing can go wrong with any more.
    seen: HashSet<(usize, u64)>,
    /// Digests of the keys of the others.
    claimed: HashSet<(usize, u64)>,
    given: HashMap<(usize, u64), u32>,
    pending: Vec<Pending>,
}

impl Ledger {
    /// For the records of a source of this table.
    pub fn of(table: &Table) -> Self {
        let keys = std::iter::once(table.primary_key.clone()).chain(table.all_unique_keys()).collect();
        let (own, pending) = (BTreeMap::new(), Vec::new());
        Self { keys, own, seen: HashSet::new(), claimed: HashSet::new(), given: HashMap::new(), pending }
    }

    /// Whether a record brings a key that others point at.
    pub fn brings(&self, set: &str, digest: u64) -> bool {
        self.own.get(set).is_some_and(|own| own.contains_key(&digest))
    }

    /// Digests of the keys that others point at, by table and key.
    pub fn into_own(self) -> impl Iterator<Item = (String, HashSet<u64>)> {
        self.own.into_iter().map(|(set, own)| (set, own.into_keys().collect()))
    }

    /// What is wrong if an earlier record that is loaded has one of its keys.
    pub fn duplicate(&self, record: &Pending) -> Option<Fault> {
        let (set, _) = record.keys.iter().find(|key| self.seen.contains(key))?;
        let key = self.keys.get(*set).map(Vec::as_slice).unwrap_or_default();
        Some(Fault {
            column: key.first().cloned(),
            field: None,
            code: "duplicate".to_owned(),
            reason: format!("an earlier record of the source has the same ({})", key.join(", ")),
        })
    }

    /// Notes a record; the answer is whether nothing can go wrong with it any more.
    pub fn note(&mut self, record: Pending) -> bool {
        for (set, digest) in &record.brings {
            *self.own.entry(set.clone()).or_default().entry(*digest).or_default() += 1;
        }
        for given in &record.gives {
            *self.given.entry(*given).or_default() += 1;
        }
        let hangs = !record.wanted.is_empty() || !record.taken.is_empty();
        if hangs || record.keys.iter().any(|key| self.claimed.contains(key)) {
            self.claimed.extend(record.keys.iter().copied());
            self.pending.push(record);
            return false;
        }
        self.seen.extend(record.keys.iter().copied());
        true
    }

    /// What became of those that hung on others: the faults by their lines, and whether the rows of the good ones were
    /// known. `vanish` says whether a row goes that no record meets.
    pub fn settle(&mut self, vanish: bool) -> (Vec<(u64, Fault)>, Vec<bool>) {
        let pending = std::mem::take(&mut self.pending);
        let met: HashSet<u64> =
            self.seen.iter().chain(&self.claimed).filter(|(set, _)| *set == 0).map(|(_, row)| *row).collect();
        let goes = |row: u64| vanish && !met.contains(&row);
        let mut faults = Vec::new();
        let mut first = Vec::new();
        for record in self.sound(pending, &goes, &mut faults) {
            if let Some(fault) = self.duplicate(&record) {
                self.refuse(&record, fault, &mut faults);
            } else {
                self.seen.extend(record.keys.iter().copied());
                first.push(record);
            }
        }
        let good = self.sound(first, &goes, &mut faults);
        faults.sort_by_key(|(line, _)| *line);
        (faults, good.into_iter().map(|record| record.known).collect())
    }

    /// Those that have what they need. Whoever rested on one that has not goes as well.
    fn sound(
        &mut self,
        mut pending: Vec<Pending>,
        goes: &dyn Fn(u64) -> bool,
        faults: &mut Vec<(u64, Fault)>,
    ) -> Vec<Pending> {
        loop {
            let before = pending.len();
            let (mut good, mut bad) = (Vec::new(), Vec::new());
            for record in pending {
                match self.fault_of(&record, goes) {
                    None => good.push(record),
                    Some(fault) => bad.push((record, fault)),
                }
            }
            pending = good;
            for (record, fault) in bad {
                self.refuse(&record, fault, faults);
            }
            if pending.len() == before {
                return pending;
            }
        }
    }

    fn refuse(&mut self, record: &Pending, fault: Fault, faults: &mut Vec<(u64, Fault)>) {
        for (set, digest) in &record.brings {
            less(self.own.entry(set.clone()).or_default(), digest);
        }
        for given in &record.gives {
            less(&mut self.given, given);
        }
        faults.push((record.line, fault));
    }

    fn fault_of(&self, record: &Pending, goes: &dyn Fn(u64) -> bool) -> Option<Fault> {
        let lost = |wanted: &&Wanted| !self.brings(&wanted.set, wanted.digest);
        let kept = |taken: &&Taken| !self.given.contains_key(&(taken.set, taken.holder)) && !goes(taken.holder);
        let lost = record.wanted.iter().find(lost).map(|wanted| &wanted.fault);
        lost.or_else(|| record.taken.iter().find(kept).map(|taken| &taken.fault)).cloned()
    }
}

fn less<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Faults that are named one by one; the others are counted.
const NAMED: usize = 20;

/// What is foreseen of one source.
#[derive(Default)]
pub struct Tally {
    /// Records read and refused.
    pub totals: Totals,
    counts: BTreeMap<String, u64>,
    named: Vec<String>,
}

impl Tally {
    /// Counts a fault; the first ones are named.
    pub fn fault(&mut self, place: &str, fault: &Fault) {
        self.totals.rejected += 1;
        *self.counts.entry(format!("rejected_{}", fault.code)).or_default() += 1;
        if self.named.len() < NAMED {
            let column = fault.column.as_ref().map(|c| format!(", column '{c}'")).unwrap_or_default();
            self.named.push(format!("{place}{column}: {}", fault.reason));
        }
    }

    /// Counts a record.
    pub fn count(&mut self, name: &str) {
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }

    /// Adds itself to what is foreseen of all.
    pub fn into_outcome(self, table: &SeenTable, outcome: &mut Outcome) {
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
