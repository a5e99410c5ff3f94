//! Why a plan is not carried out, before anything was touched.

use super::{Effect, Failure, FailureKind, RunStatus};

/// A plan, a resume or an undo was refused; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum Refusal {
    /// What was observed has changed since.
    #[error("the plan for {target} is stale: {target} was changed after the plan was made at {created_at}")]
    #[diagnostic(
        code(fixtool::plan::stale),
        help("make a new plan: run the command again without --plan, with --plan-out to save it")
    )]
    Stale {
        /// Target by name.
        target: String,
        /// When the plan was made.
        created_at: String,
    },

    /// Another tenant has the name by now.
    #[error("{what} is about another tenant '{target}': that one was dropped, and this one made since")]
    #[diagnostic(
        code(fixtool::plan::other_incarnation),
        help(
            "nothing of the former tenant is brought into this one; run the command itself again for this one; 'fixtool backup restore' brings the former one back under another id"
        )
    )]
    OtherIncarnation {
        /// `the plan`, or `run …`.
        what: String,
        /// Target by name.
        target: String,
    },

    /// The plan was made for another target.
    #[error("the plan is for {planned}, not for {actual}")]
    #[diagnostic(
        code(fixtool::plan::other_target),
        help("carry it out with '--tenant {planned}', or make a plan for {actual} with --plan-out")
    )]
    OtherTarget {
        /// The plan's target.
        planned: String,
        /// The target given.
        actual: String,
    },

    /// The plan was made for another installation.
    #[error("the plan for {target} was made for another installation ({planned}; this one is {actual})")]
    #[diagnostic(
        code(fixtool::plan::other_site),
        help("check --database-url and the configuration, or make a new plan here with --plan-out")
    )]
    OtherSite {
        /// Target by name.
        target: String,
        /// The plan's site.
        planned: String,
        /// The site in use.
        actual: String,
    },

    /// The plan is one of another command.
    #[error("the plan is one of '{}', not of '{}'", spoken(.planned), spoken(.actual))]
    #[diagnostic(
        code(fixtool::plan::other_operation),
        help("carry it out with 'fixtool {} --plan FILE'", spoken(.planned))
    )]
    OtherOperation {
        /// The plan's operation.
        planned: String,
        /// The operation asked to carry it out.
        actual: String,
    },

    /// The plan is not what was saved.
    #[error("the plan for {target} was edited after it was saved")]
    #[diagnostic(
        code(fixtool::plan::edited),
        help("make a new plan with --plan-out; a saved plan is carried out as it is or not at all")
    )]
    Edited {
        /// Target by name.
        target: String,
    },

    /// The plan, or the plan of a recorded run, is not one that this version can read.
    #[error("the plan for {target} cannot be read: {reason}")]
    #[diagnostic(
        code(fixtool::plan::unreadable),
        help("it was made by another version of fixtool: use that version, or make a new plan with --plan-out")
    )]
    Unreadable {
        /// Target by name.
        target: String,
        /// What does not fit.
        reason: String,
    },

    /// The plan was carried out before.
    #[error("the plan for {target} was already carried out, by run {run}")]
    #[diagnostic(
        code(fixtool::plan::already_applied),
        help("see what it did with 'fixtool op show {run}'; to do it again, make a new plan")
    )]
    AlreadyApplied {
        /// Target by name.
        target: String,
        /// The run that did it.
        run: String,
    },

    /// Nobody agreed to a plan that changes something.
    #[error("nobody agreed to a plan that {} what is in {target}", .effect.as_str())]
    #[diagnostic(
        code(fixtool::consent::missing),
        help("give --yes to agree without a question, or --dry-run to see the plan only")
    )]
    ConsentMissing {
        /// Target by name.
        target: String,
        /// The plan's gravest effect.
        effect: Effect,
    },

    /// `--yes` was given without saying for what.
    #[error("--yes covers only a target that was named, and {target} was chosen by default")]
    #[diagnostic(code(fixtool::consent::target_not_named), help("name it: '--tenant {target} --yes'"))]
    TargetNotNamed {
        /// Target by name.
        target: String,
    },

    /// A plan that destroys was not confirmed by the target's name.
    #[error("the plan destroys something in {target}, and this was not confirmed")]
    #[diagnostic(
        code(fixtool::consent::confirmation_missing),
        help("look at the plan with --dry-run, then confirm it with '--confirm {target}'")
    )]
    ConfirmationMissing {
        /// Target by name.
        target: String,
    },

    /// There is nothing to resume.
    #[error("run {run} on {target} cannot be resumed: it ended as {}", .status.as_str())]
    #[diagnostic(code(fixtool::resume::ended), help("see what it did with 'fixtool op show {run}'"))]
    Ended {
        /// The run.
        run: String,
        /// Target by name.
        target: String,
        /// How it ended.
        status: RunStatus,
    },

    /// The run was taken back.
    #[error("run {run} on {target} was undone by run {by}")]
    #[diagnostic(code(fixtool::undo::already_undone), help("see what was taken back with 'fixtool op show {by}'"))]
    Undone {
        /// The run.
        run: String,
        /// Target by name.
        target: String,
        /// The run that took it back.
        by: String,
    },

    /// Some step cannot be taken back.
    #[error("run {run} on {target} cannot be undone: {}", .steps.join("; "))]
    #[diagnostic(
        code(fixtool::undo::impossible),
        help("what it changed is listed by 'fixtool op show {run}'; a backup from before can bring it back")
    )]
    NotUndoable {
        /// The run.
        run: String,
        /// Target by name.
        target: String,
        /// Each such step with its reason.
        steps: Vec<String>,
    },
}

impl Failure for Refusal {
    fn kind(&self) -> FailureKind {
        FailureKind::Refused
    }
}

/// `data.load` as it is typed: `data load`.
fn spoken(operation: &str) -> String {
    operation.replace('.', " ")
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic;

    use super::*;

    fn all() -> Vec<Refusal> {
        let name = || "acme".to_owned();
        vec![
            Refusal::Stale { target: name(), created_at: "2026-11-23T06:30:00.000000Z".into() },
            Refusal::OtherIncarnation { what: "the plan".into(), target: name() },
            Refusal::OtherTarget { planned: name(), actual: "globex".into() },
            Refusal::OtherSite { target: name(), planned: "a".into(), actual: "b".into() },
            Refusal::OtherOperation { planned: "data.load".into(), actual: "tenant.init".into() },
            Refusal::Edited { target: name() },
            Refusal::Unreadable { target: name(), reason: "unknown action".into() },
            Refusal::AlreadyApplied { target: name(), run: "0198".into() },
            Refusal::ConsentMissing { target: name(), effect: Effect::Changes },
            Refusal::TargetNotNamed { target: name() },
            Refusal::ConfirmationMissing { target: name() },
            Refusal::Ended { run: "0198".into(), target: name(), status: RunStatus::Done },
            Refusal::Undone { run: "0198".into(), target: name(), by: "0199".into() },
            Refusal::NotUndoable { run: "0198".into(), target: name(), steps: vec!["drop users: gone".into()] },
        ]
    }

    #[test]
    fn every_refusal_has_its_own_code_message_and_help() {
        let all = all();
        let codes: std::collections::BTreeSet<String> = all.iter().map(|r| r.code().unwrap().to_string()).collect();
        let messages: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!((codes.len(), messages.len()), (all.len(), all.len()));
        assert!(all.iter().all(|r| r.help().is_some() && r.kind() == FailureKind::Refused));
    }

    #[test]
    fn the_help_is_a_command_to_type() {
        let refusal = Refusal::OtherOperation { planned: "data.load".into(), actual: "tenant.init".into() };
        assert_eq!(refusal.to_string(), "the plan is one of 'data load', not of 'tenant init'");
        assert_eq!(refusal.help().unwrap().to_string(), "carry it out with 'fixtool data load --plan FILE'");
        let refusal = Refusal::ConfirmationMissing { target: "acme".into() };
        assert!(refusal.help().unwrap().to_string().contains("--confirm acme"));
    }
}
