//! The plan as a value: shown, saved, hashed, approved, carried out once.

use serde::{Deserialize, Serialize};

use super::ledger::Standing;
use super::{Action, Effect, chain};

/// What a plan is bound to. A plan made for one target is refused for every other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The tenant, or what else the operation is about, by the name a user types.
    pub name: String,
    /// Which installation: the catalog's own identity, never an address with a password.
    pub site: String,
}

/// How a remark begins that says that nothing is copied before it is destroyed; the console shows it in red.
pub const NO_SAFETY_COPY: &str = "no safety copy is made (--no-safety-backup)";

/// One action in its place. Steps of one stage may run side by side, stages run in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step<A> {
    /// Lower stages end before higher ones begin.
    pub stage: u32,
    /// What is done.
    pub action: A,
}

/// What `decide` returns: the steps, and what the user should read before agreeing.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft<A> {
    /// The steps, in order of their stages.
    pub steps: Vec<Step<A>>,
    /// Remarks for people: what is already so, what cannot be undone, what is left out.
    pub notes: Vec<String>,
}

impl<A> Draft<A> {
    /// Steps without remarks.
    pub fn of(steps: Vec<Step<A>>) -> Self {
        Self { steps, notes: Vec::new() }
    }
}

/// A complete plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "A: Action"))]
pub struct Plan<A> {
    /// `noun.verb`.
    pub operation: String,
    /// What it is bound to.
    pub target: Target,
    /// Digest of what was seen when it was made.
    pub fingerprint: String,
    /// When it was made, RFC 3339 in UTC.
    pub created_at: String,
    /// A random number in hex, so that two plans of the same content are still two plans.
    pub nonce: String,
    /// What the user meant, for resume and undo.
    pub request: serde_json::Value,
    /// The steps, in order of their stages.
    pub steps: Vec<Step<A>>,
    /// Remarks for people.
    pub notes: Vec<String>,
    /// The tenant that it means, where there was one when it was made: another one may have the name by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<Standing>,
    /// What it takes back, when it undoes a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Undone>,
}

/// The run that a plan takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Its id.
    pub run: String,
    /// For each step of this plan, the step of that run that it takes back.
    pub steps: Vec<u32>,
}

impl<A: Action> Plan<A> {
    /// The digest by which the plan is known to the ledger: a plan is carried out once.
    ///
    /// # Errors
    /// An action that JSON cannot hold, such as a map whose keys are not strings.
    pub fn digest(&self) -> Result<String, serde_json::Error> {
        Ok(chain::digest(&serde_json::to_value(self)?))
    }

    /// The gravest effect of any step; a plan without steps only reads.
    pub fn worst_effect(&self) -> Effect {
        self.steps.iter().map(|s| s.action.effect()).max().unwrap_or(Effect::Reads)
    }

    /// Whether nothing would change.
    pub fn changes_nothing(&self) -> bool {
        self.worst_effect() == Effect::Reads
    }
}
