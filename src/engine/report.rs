//! What came out: of a step, and of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one step did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Counts by name: `read`, `inserted`, `updated`, `unchanged`, `skipped`, `rejected`, ….
    pub counts: BTreeMap<String, u64>,
    /// Remarks for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Part of the work was refused and listed (exit code 3), such as rejected records.
    #[serde(default)]
    pub partial: bool,
    /// It stopped at a checkpoint because the user asked; the step is not finished.
    #[serde(default)]
    pub interrupted: bool,
}

impl Outcome {
    /// Adds to a count.
    pub fn count(&mut self, name: &str, amount: u64) {
        *self.counts.entry(name.to_owned()).or_default() += amount;
    }

    /// With one count set.
    #[must_use]
    pub fn with(mut self, name: &str, amount: u64) -> Self {
        self.count(name, amount);
        self
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Begun and not ended: it runs, or its process died.
    Running,
    /// Everything was done.
    Done,
    /// There was nothing to do.
    NothingToDo,
    /// Done, but some records or targets were refused and are listed.
    Partial,
    /// It failed; earlier steps stay done and can be undone or resumed.
    Failed,
    /// The user stopped it at a checkpoint.
    Interrupted,
}

impl RunStatus {
    /// The words shown in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::NothingToDo => "nothing to do",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What one run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// `noun.verb`.
    pub operation: String,
    /// Target by name.
    pub target: String,
    /// How it ended.
    pub status: RunStatus,
    /// What each step did, in the order of the plan; `None` for a step that was not finished.
    pub steps: Vec<StepReport>,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
}

/// What one step of a run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// One line for people.
    pub label: String,
    /// What came out, also of a step that was stopped; `None` when it was not begun or failed.
    pub outcome: Option<Outcome>,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
}

impl Report {
    /// The counts of all steps together.
    pub fn totals(&self) -> BTreeMap<String, u64> {
        let mut totals = BTreeMap::new();
        for (name, amount) in self.steps.iter().filter_map(|s| s.outcome.as_ref()).flat_map(|o| &o.counts) {
            *totals.entry(name.clone()).or_default() += amount;
        }
        totals
    }
}
