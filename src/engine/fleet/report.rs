//! What came out of a fleet run, target by target.

use std::collections::BTreeMap;

use miette::Diagnostic;
use serde::Serialize;

use crate::engine::{Failure, FailureKind, Report, RunError, RunStatus};

/// What one run over many targets did.
#[derive(Debug)]
pub struct FleetReport<E: Failure> {
    /// Its id in the ledger; `None` for a single target, whose own run says everything.
    pub run: Option<String>,
    /// `noun.verb`.
    pub operation: String,
    /// Each target, in the order given.
    pub results: Vec<TargetResult<E>>,
    /// Why it stopped before the last target.
    pub halted: Option<Halt>,
    /// Wall time in milliseconds.
    pub elapsed_ms: u64,
}

/// What became of one target.
#[derive(Debug)]
pub struct TargetResult<E: Failure> {
    /// Its name.
    pub target: String,
    /// The wave it was in, from one.
    pub wave: u32,
    /// How it ended; `None` when it was never begun.
    pub ended: Option<Result<Report, RunError<E>>>,
}

/// How a target stands after the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// Everything was done.
    Done,
    /// There was nothing to do.
    Skipped,
    /// Done, but some records were refused and are listed.
    Partial,
    /// It failed.
    Failed,
    /// Stopped at a checkpoint.
    Interrupted,
    /// Never begun: the run halted before.
    NotReached,
}

/// Why a fleet run stopped before its last target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// A target of the canary wave failed.
    Canary,
    /// More targets failed than allowed.
    Budget {
        /// How many had failed.
        failed: usize,
        /// How many were allowed to.
        allowed: usize,
    },
    /// The user stopped it.
    Cancelled,
}

impl<E: Failure> TargetResult<E> {
    /// How it stands.
    pub fn state(&self) -> TargetState {
        match &self.ended {
            None => TargetState::NotReached,
            Some(Err(_)) => TargetState::Failed,
            Some(Ok(report)) => match report.status {
                RunStatus::NothingToDo => TargetState::Skipped,
                RunStatus::Partial => TargetState::Partial,
                RunStatus::Interrupted => TargetState::Interrupted,
                RunStatus::Failed => TargetState::Failed,
                RunStatus::Done | RunStatus::Running => TargetState::Done,
            },
        }
    }

    /// Its error, if it failed.
    pub fn error(&self) -> Option<&RunError<E>> {
        self.ended.as_ref()?.as_ref().err()
    }
}

impl<E: Failure> FleetReport<E> {
    /// How many targets stand like this.
    pub fn count(&self, state: TargetState) -> usize {
        self.results.iter().filter(|result| result.state() == state).count()
    }

    /// How the run ended as a whole. Some failed and others did not: [`RunStatus::Partial`].
    pub fn status(&self) -> RunStatus {
        let count = |state| self.count(state);
        let well = count(TargetState::Done) + count(TargetState::Skipped) + count(TargetState::Partial);
        if count(TargetState::Interrupted) > 0 || self.halted == Some(Halt::Cancelled) {
            RunStatus::Interrupted
        } else if count(TargetState::Failed) > 0 && well == 0 {
            RunStatus::Failed
        } else if count(TargetState::Failed) + count(TargetState::Partial) + count(TargetState::NotReached) > 0 {
            RunStatus::Partial
        } else if count(TargetState::Skipped) == self.results.len() {
            RunStatus::NothingToDo
        } else {
            RunStatus::Done
        }
    }

    /// When no target ended well: the kind that all failures have in common, or
    /// [`FailureKind::Failed`] when they differ.
    pub fn failure_kind(&self) -> Option<FailureKind> {
        let mut kinds = self.results.iter().filter_map(TargetResult::error).map(Failure::kind);
        let first = kinds.next().filter(|_| self.status() == RunStatus::Failed)?;
        Some(if kinds.all(|kind| kind == first) { first } else { FailureKind::Failed })
    }

    /// The one result of a run on one target.
    pub fn into_single(mut self) -> Option<TargetResult<E>> {
        self.results.pop().filter(|_| self.results.is_empty())
    }

    /// The failures, those that say the same together, the most frequent first.
    pub fn failures(&self) -> Vec<FailureGroup> {
        let mut groups: BTreeMap<(String, String), FailureGroup> = BTreeMap::new();
        for result in &self.results {
            let Some(error) = result.error() else { continue };
            let text = |part: &dyn std::fmt::Display| without_name(&part.to_string(), &result.target);
            let (code, message) = (error.code_text(), text(error));
            let group = groups.entry((code.clone(), message.clone())).or_insert_with(|| FailureGroup {
                code,
                message,
                kind: error.kind(),
                help: error.help().map(|help| text(&help)),
                targets: Vec::new(),
            });
            group.targets.push(result.target.clone());
        }
        let mut groups: Vec<FailureGroup> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.targets.len()));
        groups
    }
}

/// One failure that several targets have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// The error's code.
    pub code: String,
    /// What went wrong, with `TENANT` in place of the target's name.
    pub message: String,
    /// Its kind.
    pub kind: FailureKind,
    /// What to do, with `TENANT` in place of the target's name.
    pub help: Option<String>,
    /// Who has it, in order.
    pub targets: Vec<String>,
}

/// Replaces a target's name where it stands as a word of its own.
fn without_name(text: &str, name: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(name).filter(|_| !name.is_empty()) {
        out.push_str(before);
        let inside = out.ends_with(is_part) || after.starts_with(is_part);
        out.push_str(if inside { name } else { "TENANT" });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_as_words_only() {
        assert_eq!(without_name("acme is held, see 'acme'", "acme"), "TENANT is held, see 'TENANT'");
        assert_eq!(without_name("acme-2 and tenant_acme", "acme"), "acme-2 and tenant_acme");
        assert_eq!(without_name("a b a", "a"), "TENANT b TENANT");
        assert_eq!(without_name("nothing here", ""), "nothing here");
        assert_eq!(without_name("Zoë ëa a", "a"), "Zoë ëa TENANT");
    }
}
