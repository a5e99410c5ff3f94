//! The namespaces of a restore. Those beside the living one are named after the run, which nobody knows
//! before it begins; an undo learns from its context which run it takes back.

use crate::engine::StepContext;
use crate::model::Namespace;
use crate::snapshots::beside;

/// Where a snapshot goes, and what becomes of the living namespace.
#[derive(Debug, Clone)]
pub struct Places {
    /// Filled, compared, and then put in place.
    pub fresh: Namespace,
    /// Where the living one is kept.
    pub old: Namespace,
}

/// The places of the run that a step belongs to, or takes back.
pub fn of(step: &StepContext) -> Places {
    let run = step.undoes.as_ref().map_or(step.run.as_str(), |(run, _)| run);
    Places { fresh: beside::namespace("new", run), old: beside::namespace("old", run) }
}
