//! Runs and steps held against what the trail says of them: every field that `op show` tells.

use std::collections::{BTreeMap, HashMap, HashSet};

use sea_orm::{ColumnTrait, DatabaseExecutor, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::CatalogError;
use super::chain::{Walk, begin_body, sealed};
use super::entity::{ledger_entry, run, run_identity, run_step};

/// Runs read at once.
const CHUNK: usize = 500;

/// What the trail says of a run.
#[derive(Default)]
pub(super) struct Told {
    seq: i64,
    begin: Value,
    status: Option<String>,
    ended_at: Option<String>,
    failure: Option<(String, Value)>,
    undone_by: Option<String>,
    erased: bool,
    steps: BTreeMap<i64, ToldStep>,
}

#[derive(Default)]
struct ToldStep {
    seq: i64,
    label: Value,
    started_at: String,
    ended_at: Option<String>,
    outcome: Option<Value>,
}

/// Takes in one entry.
pub(super) fn remember(told: &mut HashMap<String, Told>, entry: &ledger_entry::Model) {
    let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let value = |name: &str| body.get(name).cloned().unwrap_or_default();
    let step = body.get("step").and_then(Value::as_i64).unwrap_or(-1);
    let about = told.entry(entry.run.clone()).or_default();
    match entry.kind.as_str() {
        "begin" => (about.seq, about.begin) = (entry.seq, body),
        "step_started" => {
            let known = about.steps.entry(step).or_default();
            (known.seq, known.label, known.started_at) = (entry.seq, value("label"), entry.written_at.clone());
        }
        "step_finished" => {
            let known = about.steps.entry(step).or_default();
            (known.seq, known.ended_at) = (entry.seq, Some(entry.written_at.clone()));
            known.outcome = Some(value("outcome"));
        }
        "step_failed" if about.failure.is_none() => {
            about.failure = Some((text("code").unwrap_or_default(), value("message")));
        }
        "end" => {
            (about.status, about.ended_at) = (text("status"), Some(entry.written_at.clone()));
            let follows = about.begin.get("follows").and_then(Value::as_str).map(ToOwned::to_owned);
            if let Some(follows) = follows.filter(|_| matches!(about.status.as_deref(), Some("done" | "partial"))) {
                told.entry(follows).or_default().undone_by = Some(entry.run.clone());
            }
        }
        "resumed" => (about.status, about.ended_at, about.failure) = (None, None, None),
        "erased" => about.erased = true,
        _ => {}
    }
}

/// Compares every run with what the trail tells, and finds runs that are gone.
pub(super) async fn runs(read: &DatabaseExecutor<'_>, walk: &mut Walk, identified: bool) -> Result<(), CatalogError> {
    let query = run::Entity::find().select_only().column(run::Column::Run).order_by_asc(run::Column::Run);
    let ids: Vec<String> = query.into_tuple().all(read).await?;
    for chunk in ids.chunks(CHUNK) {
        let mut identities = HashMap::new();
        if identified {
            let found = run_identity::Entity::find().filter(run_identity::Column::Run.is_in(chunk)).all(read).await?;
            identities.extend(found.into_iter().map(|row| (row.run.clone(), row)));
        }
        let mut steps: HashMap<String, Vec<run_step::Model>> = HashMap::new();
        for step in run_step::Entity::find().filter(run_step::Column::Run.is_in(chunk)).all(read).await? {
            steps.entry(step.run.clone()).or_default().push(step);
        }
        for row in run::Entity::find().filter(run::Column::Run.is_in(chunk)).all(read).await? {
            let kept =
                Kept { identity: identities.get(&row.run), steps: steps.remove(&row.run).unwrap_or_default(), row };
            for (seq, what) in kept.differs(walk.told.get(&kept.row.run)) {
                let seq = if seq == 0 { walk.seq } else { seq };
                walk.damaged(seq, Some(&kept.row.run), what);
            }
        }
    }
    let known: HashSet<&String> = ids.iter().collect();
    let gone = walk.told.iter().filter(|(run, _)| !known.contains(run));
    let mut gone: Vec<(i64, String)> = gone.map(|(run, told)| (told.seq, run.clone())).collect();
    gone.sort_unstable();
    for (seq, run) in gone {
        walk.damaged(seq, Some(&run), "the run is missing from the log");
    }
    Ok(())
}

/// A run as the tables hold it.
struct Kept<'a> {
    row: run::Model,
    identity: Option<&'a run_identity::Model>,
    steps: Vec<run_step::Model>,
}

impl Kept<'_> {
    /// What does not fit, each with its entry; 0 where there is none.
    fn differs(&self, told: Option<&Told>) -> Vec<(i64, String)> {
        let Some(told) = told.filter(|told| !told.begin.is_null()) else {
            return vec![(0, "the run is not in the trail".to_owned())];
        };
        let mut found = Vec::new();
        let mut check = |seq: i64, fits: bool, what: &str| {
            if !fits {
                found.push((seq, what.to_owned()));
            }
        };
        check(told.seq, self.begins_as(told), "the run was changed after it was written");
        check(told.seq, told.status.as_deref().unwrap_or("running") == self.row.status, "the run's status was changed");
        check(told.seq, told.ended_at == self.row.ended_at, "the moment of the run's end was changed");
        check(told.seq, told.undone_by == self.row.undone_by, "the run that undid it was changed");
        check(told.seq, self.fails_as(told), "the run's failure was changed");
        for step in &self.steps {
            let known = told.steps.get(&step.step);
            let what = format!("step {} of the run was changed", step.step + 1);
            check(
                known.map_or(told.seq, |known| known.seq),
                known.is_some_and(|known| self.did(step, known, told)),
                &what,
            );
        }
        for (place, known) in &told.steps {
            let is_there = self.steps.iter().any(|step| step.step == *place);
            check(known.seq, is_there, &format!("step {} of the run is missing from the log", place + 1));
        }
        found
    }

    /// Entries of an earlier fixtool hold what they say as it is.
    fn salt(&self, told: &Told) -> Option<&str> {
        let salted = told.begin.get("incarnation").is_some();
        self.identity.filter(|_| salted).map(|identity| identity.salt.as_str())
    }

    fn begins_as(&self, told: &Told) -> bool {
        let salted = told.begin.get("incarnation").is_some();
        if salted != self.identity.is_some() {
            return false;
        }
        let (mut kept, mut written) = (begin_body(&self.row, self.identity), told.begin.clone());
        if told.erased {
            for body in [&mut kept, &mut written] {
                body.as_object_mut().map(|members| members.remove("plan"));
            }
        }
        kept == written
    }

    fn fails_as(&self, told: &Told) -> bool {
        let Some((code, message)) = &told.failure else {
            return self.row.failure_code.is_none() && self.row.failure_message.is_none();
        };
        let kept = self.row.failure_message.as_ref();
        let same = kept.is_some_and(|kept| sealed(self.salt(told), &json!(kept)) == *message);
        self.row.failure_code.as_ref() == Some(code) && (same || (told.erased && kept.is_none()))
    }

    fn did(&self, step: &run_step::Model, known: &ToldStep, told: &Told) -> bool {
        let salt = self.salt(told);
        let moments = step.started_at == known.started_at && step.ended_at == known.ended_at;
        if told.erased {
            return moments && step.label.is_empty() && step.outcome.is_none();
        }
        let outcome = step.outcome.as_deref().map(|text| serde_json::from_str::<Value>(text).unwrap_or_default());
        let outcome = outcome.map(|outcome| sealed(salt, &outcome));
        moments && sealed(salt, &json!(step.label)) == known.label && outcome == known.outcome
    }
}
