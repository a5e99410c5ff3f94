//! `op show`: one run with everything that the ledger knows of it.

mod observe;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::engine::{Ledger, Query, RunStatus};
use crate::operations::op::FindError;

/// The query `op.show`.
#[derive(Debug, Clone, Default)]
pub struct Show {
    /// The run's id or the beginning of it; `None` for the newest.
    pub run: Option<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShowView {
    /// Its id.
    pub run: String,
    /// `noun.verb`.
    pub operation: String,
    /// Target by name.
    pub target: String,
    /// How it stands.
    pub status: RunStatus,
    /// Who began it: operating-system user and host.
    pub actor: String,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The run over many tenants that it is a part of.
    pub parent: Option<String>,
    /// The run that it undoes.
    pub follows: Option<String>,
    /// The run that undid it.
    pub undone_by: Option<String>,
    /// Why it failed.
    pub failure: Option<FailureView>,
    /// Digest of its plan.
    pub plan_digest: String,
    /// Digest of what the plan was made from.
    pub fingerprint: Option<String>,
    /// What was read before anyone agreed.
    pub notes: Vec<String>,
    /// What the user meant.
    pub request: Value,
    /// Steps that began, in the order of the plan.
    pub steps: Vec<StepView>,
    /// How many steps of the plan never began.
    pub not_begun: u64,
    /// Each target of a run over many tenants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetView>,
    /// What can be done with it: commands to type.
    pub next: Vec<String>,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureView {
    /// The error's code.
    pub code: String,
    /// What went wrong.
    pub message: String,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView {
    /// Its place in the plan, from zero.
    pub step: u32,
    /// One line for people.
    pub label: String,
    /// How it stands.
    pub state: StepState,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// What it did.
    pub counts: BTreeMap<String, u64>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It was done.
    Done,
    /// It was done, but some records were refused.
    Partial,
    /// It began and did not end.
    Unfinished,
}

/// A target of a run over many tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetView {
    /// Its name.
    pub target: String,
    /// `finished`, `failed`, `interrupted` or `not_reached`.
    pub state: &'static str,
    /// Its own run, when it did not end well.
    pub run: Option<String>,
}

impl Query for Show {
    const NAME: &'static str = "op.show";
    type Reader = Arc<dyn Ledger>;
    type View = ShowView;
    type Error = FindError;

    async fn observe(&self, ledger: &Arc<dyn Ledger>) -> Result<ShowView, FindError> {
        observe::observe(self.run.as_deref(), ledger.as_ref()).await
    }
}
