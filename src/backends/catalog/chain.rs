//! The audit trail's chain: each entry holds the digest of the one before, so that an entry that is edited,
//! removed, moved or slipped in is found.
//!
//! The run and step tables are what the entries amount to; proving the chain also compares the runs with it.
//! What no chain can show by itself is that all of it was written anew by somebody who may write the whole
//! catalog; whoever must exclude that writes the head's digest down somewhere else.

use std::collections::{HashMap, HashSet};

use sea_orm::{ColumnTrait, DatabaseExecutor, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::entity::{ledger_entry, ledger_head, run};
use super::{Catalog, CatalogError};
use crate::engine::chain::{digest, link};
use crate::engine::ledger::{ChainDamage, ChainReport};

/// Entries read at once while proving.
const CHUNK: u64 = 2_000;
/// Damages told at most; more of them say nothing new.
const TOLD: usize = 100;

/// The digest of an entry that follows `previous`; `None` when its body is not JSON.
pub(super) fn digest_of(entry: &ledger_entry::Model, previous: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&entry.body).ok()?;
    let document = json!({
        "seq": entry.seq, "at": entry.written_at, "run": entry.run, "kind": entry.kind, "body": body,
    });
    Some(link(previous, &document))
}

/// The body of a run's first entry: all of the run, the plan by its digest.
pub(super) fn begin_body(run: &run::Model) -> Value {
    let plan = serde_json::from_str(&run.plan).map_or_else(|_| String::new(), |plan| digest(&plan));
    json!({
        "parent": run.parent,
        "follows": run.follows,
        "operation": run.operation,
        "target": run.target,
        "plan_digest": run.plan_digest,
        "plan": plan,
        "actor": run.actor,
        "started_at": run.started_at,
    })
}

/// What must be known about a run to compare it with the trail.
#[derive(Default)]
struct Told {
    seq: u64,
    begin: Value,
    status: Option<String>,
}

/// A walk along the chain.
#[derive(Default)]
struct Walk {
    seq: i64,
    entries: u64,
    previous: String,
    told: HashMap<String, Told>,
    damage: Vec<ChainDamage>,
}

impl Walk {
    fn damaged(&mut self, entry: i64, run: Option<&str>, what: impl Into<String>) {
        if self.damage.len() < TOLD {
            let entry = u64::try_from(entry).unwrap_or_default();
            self.damage.push(ChainDamage { entry, run: run.map(ToOwned::to_owned), what: what.into() });
        }
    }

    fn step(&mut self, entry: &ledger_entry::Model) {
        let run = Some(entry.run.as_str());
        if entry.seq != self.seq + 1 {
            let text = format!("entries {} to {} are missing", self.seq + 1, entry.seq - 1);
            self.damaged(self.seq + 1, None, text);
        }
        if entry.previous != self.previous {
            self.damaged(entry.seq, run, "it does not follow the entry before it");
        }
        if digest_of(entry, &entry.previous).as_deref() != Some(entry.digest.as_str()) {
            self.damaged(entry.seq, run, "it was changed after it was written");
        }
        self.seq = entry.seq;
        self.entries += 1;
        self.previous.clone_from(&entry.digest);
        self.remember(entry);
    }

    fn remember(&mut self, entry: &ledger_entry::Model) {
        let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
        let about = self.told.entry(entry.run.clone()).or_default();
        match entry.kind.as_str() {
            "begin" => {
                about.seq = u64::try_from(entry.seq).unwrap_or_default();
                about.begin = body;
            }
            "end" => about.status = body.get("status").and_then(Value::as_str).map(ToOwned::to_owned),
            "resumed" => about.status = None,
            _ => {}
        }
    }

    /// The status that a run has by the trail.
    fn status_of(&self, run: &str) -> &str {
        self.told.get(run).and_then(|told| told.status.as_deref()).unwrap_or("running")
    }

    /// Compares a run with the trail; `false` when its status differs, which a later entry may explain.
    fn compare(&mut self, run: &run::Model) -> bool {
        let Some(told) = self.told.get(&run.run).filter(|told| !told.begin.is_null()) else {
            self.damaged(self.seq, Some(&run.run), "the run is not in the trail");
            return true;
        };
        let (seq, same) = (i64::try_from(told.seq).unwrap_or_default(), told.begin == begin_body(run));
        if !same {
            self.damaged(seq, Some(&run.run), "the run was changed after it was written");
        }
        self.status_of(&run.run) == run.status
    }

    async fn go_on(&mut self, read: &DatabaseExecutor<'_>, head: &ledger_head::Model) -> Result<(), CatalogError> {
        loop {
            let next = ledger_entry::Entity::find().filter(ledger_entry::Column::Seq.gt(self.seq));
            let entries = next.order_by_asc(ledger_entry::Column::Seq).limit(CHUNK).all(read).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in &entries {
                self.step(entry);
                if head.seq == entry.seq && head.digest != entry.digest {
                    self.damaged(entry.seq, Some(&entry.run), "the head does not hold its digest");
                }
            }
        }
    }
}

impl Catalog {
    /// Reads the whole trail, then the runs, and tells what does not fit.
    pub(super) async fn prove(&self) -> Result<ChainReport, CatalogError> {
        let Some(read) = self.read().await? else {
            return Ok(ChainReport { entries: 0, head: None, damage: Vec::new() });
        };
        let head = ledger_head::Entity::find().one(&read).await?;
        let mut walk = Walk::default();
        let head = head.unwrap_or_else(|| {
            walk.damaged(0, None, "the trail has no head");
            ledger_head::Model { singleton: 1, seq: 0, digest: String::new() }
        });
        // The ids before the trail: a run that begins meanwhile is then in the trail, never the other way round.
        let ids = run_ids(&read).await?;
        walk.go_on(&read, &head).await?;
        if head.seq > walk.seq {
            walk.damaged(walk.seq + 1, None, format!("entries {} to {} are missing", walk.seq + 1, head.seq));
        }
        compare_runs(&read, &mut walk, (&ids, &head)).await?;
        let head = (!walk.previous.is_empty()).then_some(walk.previous);
        Ok(ChainReport { entries: walk.entries, head, damage: walk.damage })
    }
}

async fn run_ids(read: &DatabaseExecutor<'_>) -> Result<Vec<String>, CatalogError> {
    let query = run::Entity::find().select_only().column(run::Column::Run).order_by_asc(run::Column::Run);
    Ok(query.into_tuple().all(read).await?)
}

/// Compares the runs of these ids with what the trail tells, and finds runs that are gone.
async fn compare_runs(
    read: &DatabaseExecutor<'_>,
    walk: &mut Walk,
    (ids, head): (&[String], &ledger_head::Model),
) -> Result<(), CatalogError> {
    let mut differ: Vec<(String, String)> = Vec::new();
    let mut gone: HashSet<String> = walk.told.keys().cloned().collect();
    for chunk in ids.chunks(500) {
        for row in run::Entity::find().filter(run::Column::Run.is_in(chunk)).all(read).await? {
            gone.remove(&row.run);
            if !walk.compare(&row) {
                differ.push((row.run, row.status));
            }
        }
    }
    if !differ.is_empty() {
        // Somebody may have worked on between the two looks: then the rest of the trail tells.
        walk.go_on(read, head).await?;
    }
    for (run, status) in differ {
        if walk.status_of(&run) != status {
            let seq = walk.told.get(&run).map_or(0, |told| told.seq);
            walk.damaged(i64::try_from(seq).unwrap_or_default(), Some(&run), "the run's status was changed");
        }
    }
    let known: HashSet<&String> = ids.iter().collect();
    let mut missing: Vec<(u64, String)> = Vec::new();
    for run in gone {
        let exists = !known.contains(&run) && run::Entity::find_by_id(run.as_str()).one(read).await?.is_some();
        if !exists {
            missing.push((walk.told.get(&run).map_or(0, |told| told.seq), run));
        }
    }
    missing.sort_unstable();
    for (seq, run) in missing {
        walk.damaged(i64::try_from(seq).unwrap_or_default(), Some(&run), "the run is missing from the log");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, run: &str) -> ledger_entry::Model {
        ledger_entry::Model {
            seq: 1,
            written_at: "2026-01-01T00:00:00.000000Z".into(),
            run: run.into(),
            kind: kind.into(),
            body: "{}".into(),
            previous: String::new(),
            digest: String::new(),
        }
    }

    #[test]
    fn nothing_can_move_between_fields() {
        assert_ne!(digest_of(&entry("ab", "c"), ""), digest_of(&entry("b", "ac"), ""));
        assert_ne!(digest_of(&entry("ab", "c"), "x"), digest_of(&entry("ab", "c"), "y"));
        assert_eq!(digest_of(&entry("a", "b"), "x"), digest_of(&entry("a", "b"), "x"));
        let broken = ledger_entry::Model { body: "{".into(), ..entry("a", "b") };
        assert_eq!(digest_of(&broken, ""), None);
    }
}
