//! From a plan to an approved one: the only road to a writer.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::Standing;
use super::{Action, Effect, Operation, Outcome, Plan, Refusal, RunRecord, RunStatus, Target, chain};

/// What the user agreed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consent {
    agreed: Agreement,
    confirmed: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Agreement {
    #[default]
    None,
    Flag {
        target_named: bool,
    },
    Given,
}

impl Consent {
    /// To nothing: enough for a plan that only reads or adds.
    pub fn none() -> Self {
        Self::default()
    }

    /// By `--yes`: covers plans up to [`Effect::Changes`], and only a target that the user
    /// named, by id, glob, tier, label or `--all`, rather than left to a default.
    pub fn yes(target_named: bool) -> Self {
        Self { agreed: Agreement::Flag { target_named }, confirmed: BTreeSet::new() }
    }

    /// By an answer at the prompt, or by handing in a plan file that was looked at: covers plans
    /// up to [`Effect::Changes`].
    pub fn given() -> Self {
        Self { agreed: Agreement::Given, confirmed: BTreeSet::new() }
    }

    /// And to the destruction of what is in these targets, by `--confirm NAME` or the name typed
    /// at the prompt. A name confirmed covers whatever is less grave as well.
    #[must_use]
    pub fn confirming<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.confirmed.extend(names.into_iter().map(Into::into));
        self
    }

    /// What is missing before a plan of this effect on this target may be carried out; for the
    /// console, which asks when it can.
    pub fn missing(&self, effect: Effect, target: &str) -> Option<Refusal> {
        let target_name = || target.to_owned();
        if effect <= Effect::Adds || self.confirmed.contains(target) {
            return None;
        }
        if effect == Effect::Destroys {
            return Some(Refusal::ConfirmationMissing { target: target_name() });
        }
        match self.agreed {
            Agreement::Given | Agreement::Flag { target_named: true } => None,
            Agreement::Flag { target_named: false } => Some(Refusal::TargetNotNamed { target: target_name() }),
            Agreement::None => Some(Refusal::ConsentMissing { target: target_name(), effect }),
        }
    }
}

/// How things stand at the time of approval, to be held against the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// The operation that is to carry the plan out.
    pub operation: String,
    /// What it is to be carried out on.
    pub target: Target,
    /// Digest of what is seen now.
    pub fingerprint: String,
    /// The run that carried this plan out already.
    pub applied_by: Option<String>,
    /// The newest run on the target, asked for **before** the fingerprint was taken: the executor
    /// compares it again once it holds the lease, so that nobody slips in between.
    pub latest_run: Option<String>,
    /// The tenant that has the target's name, asked for likewise.
    pub standing: Option<Standing>,
}

impl Freshness {
    /// From what an operation saw, for a plan that was never saved.
    pub fn of<O: Operation>(operation: &O, snapshot: &O::Snapshot, latest_run: Option<String>) -> Self {
        use super::Fingerprint;
        Self {
            operation: O::NAME.to_owned(),
            target: operation.target(),
            fingerprint: snapshot.fingerprint(),
            applied_by: None,
            latest_run,
            standing: None,
        }
    }
}

/// A plan that may be carried out. There is no other way to make one than [`Plan::approve`], and
/// [`Approved::resume`] for a plan that was approved before.
#[derive(Debug, Clone)]
pub struct Approved<A> {
    plan: Plan<A>,
    document: serde_json::Value,
    digest: String,
    origin: Origin,
}

/// Whether a run begins or goes on.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Fresh { latest_run: Option<String> },
    Resumed { run: String, finished: BTreeMap<u32, Outcome> },
}

impl<A: Action> Plan<A> {
    /// Refuses a plan whose tenant gave its name to another one.
    pub(super) fn means(&self, standing: Option<&Standing>) -> Result<(), Refusal> {
        let is_another = match (&self.means, standing) {
            (Some(meant), Some(found)) => !meant.is_same(found),
            // A plan of an earlier fixtool does not say whom it means; one that makes a tenant is stale by what it saw.
            (None, Some(found)) => self.undoes.is_none() && self.created_at < found.since,
            (_, None) => false,
        };
        if is_another {
            return Err(Refusal::OtherIncarnation { what: "the plan".to_owned(), target: self.target.name.clone() });
        }
        Ok(())
    }

    /// Approves the plan for one execution.
    pub fn approve(self, consent: &Consent, freshness: &Freshness) -> Result<Approved<A>, Refusal> {
        check_place(&self, &freshness.operation, &freshness.target)?;
        if let Some(run) = &freshness.applied_by {
            return Err(Refusal::AlreadyApplied { target: self.target.name, run: run.clone() });
        }
        self.means(freshness.standing.as_ref())?;
        if self.fingerprint != freshness.fingerprint {
            return Err(Refusal::Stale { target: self.target.name, created_at: self.created_at });
        }
        if let Some(refusal) = consent.missing(self.worst_effect(), &self.target.name) {
            return Err(refusal);
        }
        let document = serde_json::to_value(&self)
            .map_err(|e| Refusal::Unreadable { target: self.target.name.clone(), reason: e.to_string() })?;
        let digest = chain::digest(&document);
        Ok(Approved {
            plan: self,
            document,
            digest,
            origin: Origin::Fresh { latest_run: freshness.latest_run.clone() },
        })
    }
}

impl<A: Action> Approved<A> {
    /// Goes on with a run that was interrupted, that failed, or whose process died. Consent was
    /// given when it began; steps that ended are not done again.
    pub fn resume(record: &RunRecord, operation: &str, target: &Target) -> Result<Self, Refusal> {
        let start = &record.start;
        let name = || start.target.clone();
        if let Some(by) = &record.undone_by {
            return Err(Refusal::Undone { run: start.run.clone(), target: name(), by: by.clone() });
        }
        if matches!(record.status, RunStatus::Done | RunStatus::NothingToDo | RunStatus::Partial) {
            return Err(Refusal::Ended { run: start.run.clone(), target: name(), status: record.status });
        }
        let plan = recorded_plan::<A>(record)?;
        check_place(&plan, operation, target)?;
        let finished = record.finished().map(|(place, outcome)| (place, outcome.clone())).collect();
        let origin = Origin::Resumed { run: start.run.clone(), finished };
        Ok(Self { plan, document: start.plan.clone(), digest: start.plan_digest.clone(), origin })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan<A> {
        &self.plan
    }

    /// Its digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The plan as it goes into the ledger.
    pub(super) fn document(&self) -> &serde_json::Value {
        &self.document
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The plan of a recorded run, which must be the one that the ledger's digest speaks of.
pub(super) fn recorded_plan<A: Action>(record: &RunRecord) -> Result<Plan<A>, Refusal> {
    let start = &record.start;
    if chain::digest(&start.plan) != start.plan_digest {
        return Err(Refusal::Edited { target: start.target.clone() });
    }
    serde_json::from_value(start.plan.clone())
        .map_err(|e| Refusal::Unreadable { target: start.target.clone(), reason: e.to_string() })
}

fn check_place<A: Action>(plan: &Plan<A>, operation: &str, target: &Target) -> Result<(), Refusal> {
    if plan.operation != operation {
        return Err(Refusal::OtherOperation { planned: plan.operation.clone(), actual: operation.to_owned() });
    }
    if plan.target.site != target.site {
        return Err(Refusal::OtherSite {
            target: plan.target.name.clone(),
            planned: plan.target.site.clone(),
            actual: target.site.clone(),
        });
    }
    if plan.target.name != target.name {
        return Err(Refusal::OtherTarget { planned: plan.target.name.clone(), actual: target.name.clone() });
    }
    Ok(())
}
