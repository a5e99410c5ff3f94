//! The audit trail's chain: each entry holds the digest of the one before, so that an entry that is edited,
//! removed, moved or slipped in is found.
//!
//! The run and step tables are what the entries amount to; proving the chain also compares them with it, field by field.
//! What no chain can show by itself is that its end was cut off, or that all of it was written anew by somebody who may
//! write the whole catalog: the head is signed with a key that lies elsewhere. Whoever has that key too can only be
//! found by a digest that was written down somewhere else.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, DatabaseExecutor, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::compare::{self, Told};
use super::entity::{ledger_entry, ledger_head, ledger_seal, run, run_identity};
use super::seal::SealKey;
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
pub(super) fn begin_body(run: &run::Model, identity: Option<&run_identity::Model>) -> Value {
    let plan: Option<Value> = serde_json::from_str(&run.plan).ok();
    let plan = match (plan, identity) {
        (Some(plan), Some(identity)) => link(&identity.salt, &plan),
        (Some(plan), None) => digest(&plan),
        (None, _) => String::new(),
    };
    let mut body = json!({
        "parent": run.parent,
        "follows": run.follows,
        "operation": run.operation,
        "target": run.target,
        "plan_digest": run.plan_digest,
        "plan": plan,
        "actor": run.actor,
        "started_at": run.started_at,
    });
    if let (Some(identity), Some(members)) = (identity, body.as_object_mut()) {
        members.insert("incarnation".to_owned(), json!(identity.incarnation));
    }
    body
}

/// What an entry holds of something that may speak of people: a digest that says nothing without the salt.
pub(super) fn sealed(salt: Option<&str>, value: &Value) -> Value {
    salt.map_or_else(|| value.clone(), |salt| json!(link(salt, value)))
}

impl Catalog {
    /// Reads the whole trail, then the runs, and tells what does not fit. All of it is seen at one moment, so that runs
    /// that go on meanwhile change nothing.
    pub(super) async fn prove(&self) -> Result<ChainReport, CatalogError> {
        let Some(read) = self.at_one_moment().await? else { return Ok(ChainReport::default()) };
        let head = ledger_head::Entity::find().one(&read).await?;
        let mut walk = Walk::default();
        let head = head.unwrap_or_else(|| {
            walk.damaged(0, None, "the trail has no head");
            ledger_head::Model { singleton: 1, seq: 0, digest: String::new() }
        });
        let known = self.has_incarnations(&read).await?;
        let seal = match (self.seal_key()?, known) {
            (Some(key), true) => Some((ledger_seal::Entity::find_by_id(key.id()).one(&read).await?, key)),
            _ => None,
        };
        let sealed_at = seal.as_ref().and_then(|(row, _)| row.as_ref()).map(|row| row.seq);
        walk.follow(&read, (&head, sealed_at)).await?;
        if head.seq > walk.seq {
            walk.damaged(walk.seq + 1, None, format!("entries {} to {} are missing", walk.seq + 1, head.seq));
        }
        if head.seq < walk.seq {
            walk.damaged(head.seq + 1, None, "the head does not know of it");
        }
        let signed = seal.and_then(|(row, key)| walk.check_seal(self.site_id(), row.as_ref(), &key));
        compare::runs(&read, &mut walk, known).await?;
        let head = (!walk.previous.is_empty()).then_some(walk.previous);
        Ok(ChainReport { entries: walk.entries, head, signed, damage: walk.damage })
    }

    /// The place of the entry that has this digest.
    pub(super) async fn place_of(&self, digest: &str) -> Result<Option<u64>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        let found = ledger_entry::Entity::find().filter(ledger_entry::Column::Digest.eq(digest)).one(&read).await?;
        Ok(found.map(|entry| u64::try_from(entry.seq).unwrap_or_default()))
    }
}

/// A walk along the chain.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) seq: i64,
    entries: u64,
    previous: String,
    /// The digest of the entry that is signed.
    sealed: Option<String>,
    pub(super) told: HashMap<String, Told>,
    damage: Vec<ChainDamage>,
}

impl Walk {
    pub(super) fn damaged(&mut self, entry: i64, run: Option<&str>, what: impl Into<String>) {
        if self.damage.len() < TOLD {
            let entry = u64::try_from(entry).unwrap_or_default();
            self.damage.push(ChainDamage { entry, run: run.map(ToOwned::to_owned), what: what.into() });
        }
    }

    async fn follow(
        &mut self,
        read: &DatabaseExecutor<'_>,
        (head, sealed_at): (&ledger_head::Model, Option<i64>),
    ) -> Result<(), CatalogError> {
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
                if sealed_at == Some(entry.seq) {
                    self.sealed = Some(entry.digest.clone());
                }
            }
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
        compare::remember(&mut self.told, entry);
    }

    /// Holds the signature against the chain; up to which entry it is good.
    fn check_seal(&mut self, site: &str, row: Option<&ledger_seal::Model>, key: &SealKey) -> Option<u64> {
        let Some(row) = row else {
            // The key was made for the first entry that was written here.
            self.damaged(self.seq + 1, None, "the signature of the key that is here is missing");
            return None;
        };
        if key.sign(site, row.seq, &row.digest) != row.signature {
            self.damaged(row.seq, None, "the signature is not one of the key that is here");
        } else if self.sealed.as_ref() == Some(&row.digest) {
            return u64::try_from(row.seq).ok();
        } else if row.seq > self.seq {
            let text = format!("the end was cut off: entries up to {} were signed with the key that is here", row.seq);
            self.damaged(self.seq + 1, None, text);
        } else {
            self.damaged(row.seq, None, "it is not the entry that was signed with the key that is here");
        }
        None
    }
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
