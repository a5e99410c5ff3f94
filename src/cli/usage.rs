//! When the command line itself is wrong: clap's errors in our forms, commands that do not exist
//! yet, and a saved plan beside other planning flags.

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;

use crate::engine::{Failure, FailureKind};

/// Why a command line cannot be run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum UsageError {
    /// clap refused it.
    #[error("{message}")]
    #[diagnostic(code(fixtool::usage))]
    Wrong {
        /// What is wrong.
        message: String,
        /// What to type.
        #[help]
        help: String,
    },
    /// A command of a later version.
    #[error("'fixtool {command}' is not available yet")]
    #[diagnostic(code(fixtool::usage::not_available))]
    NotAvailable {
        /// The command.
        command: String,
        /// What can be done today.
        #[help]
        help: String,
    },
    /// `--plan FILE` with words that make a plan.
    #[error("--plan carries out exactly the saved plan; it does not go together with {others}")]
    #[diagnostic(
        code(fixtool::usage::plan_with_flags),
        help("leave {others} out, or make a new plan with --plan-out FILE")
    )]
    PlanWithFlags {
        /// The other words.
        others: String,
    },
}

impl Failure for UsageError {
    fn kind(&self) -> FailureKind {
        FailureKind::Usage
    }
}

/// Commands of later versions, with what can be done today.
const LATER: &[(&str, &str)] = &[
    ("backup watch", "until then, 'fixtool backup create --backup-type incremental' stores what changed"),
    ("cleanup", "until then, use your database's own tools"),
    ("migrate", "until then, 'fixtool tenant init --version' makes a tenant at any version of its pack"),
    ("monitor", "until then, 'fixtool doctor' checks the installation once"),
    ("data validate", "until then, 'fixtool data load --dry-run' checks a source without loading it"),
    ("data diff", "until then, compare two 'fixtool data export' directories"),
    ("tenant export-subject", "until then, use 'fixtool data export' and pick the person's records"),
    ("tenant erase-subject", "until then, delete the person's records with SQL"),
];

/// Names of the scripts that fixtool replaces, with the command that does the same.
const OLD_SCRIPTS: &[(&str, &str)] =
    &[("init_tenant", "tenant init"), ("load_fixtures", "data load"), ("validate_data", "data validate")];

/// What a clap error comes to: an error of ours, or a text that was asked for (`--help`).
pub fn of_clap(error: &clap::Error, words: &[String]) -> Result<String, UsageError> {
    if !error.use_stderr() {
        return Ok(error.render().to_string());
    }
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(later) = not_available(error, words)
    {
        return Err(later);
    }
    let rendered = error.render().to_string();
    let mut lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let (usage, details): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.starts_with("Usage:") || line.starts_with("For more information"));
    let message =
        details.iter().filter(|line| !line.starts_with("tip:")).fold(message, |text, line| format!("{text} {line}"));
    let mut help: Vec<String> = details.iter().filter_map(|line| line.strip_prefix("tip: ")).map(guess).collect();
    help.extend(usage.iter().filter(|line| line.starts_with("Usage:")).map(|line| (*line).to_owned()));
    help.push("add '--help' for examples and all flags".to_owned());
    Err(UsageError::Wrong { message, help: help.join("\n") })
}

/// clap's tip in our words: what was probably meant is asked, never run.
fn guess(tip: &str) -> String {
    let similar = ["a similar subcommand exists: ", "a similar argument exists: ", "a similar value exists: "];
    let several = ["some similar subcommands exist: ", "some similar arguments exist: ", "some similar values exist: "];
    let find = |starts: [&str; 3]| starts.into_iter().find_map(|start| tip.strip_prefix(start).map(str::to_owned));
    match (find(similar), find(several)) {
        (Some(one), _) => format!("did you mean {one}?"),
        (_, Some(many)) => format!("did you mean one of {many}?"),
        (None, None) => tip.to_owned(),
    }
}

fn not_available(error: &clap::Error, words: &[String]) -> Option<UsageError> {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let place = words.iter().position(|word| word == wrong)?;
    let noun = words
        .get(..place)?
        .iter()
        .rev()
        .find(|word| !word.starts_with('-') && LATER.iter().any(|(name, _)| name.split(' ').next() == Some(word)));
    let command = noun.map_or_else(|| wrong.clone(), |noun| format!("{noun} {wrong}"));
    if let Some((_, instead)) = OLD_SCRIPTS.iter().find(|(old, _)| *old == command) {
        return Some(UsageError::Wrong {
            message: format!("'{command}' is a script of the old system"),
            help: format!("the command is 'fixtool {instead}'"),
        });
    }
    let (name, help) = LATER.iter().find(|(name, _)| *name == command)?;
    Some(UsageError::NotAvailable { command: (*name).to_owned(), help: (*help).to_owned() })
}

/// Flags that go together with a saved plan.
const BESIDE_A_PLAN: &[&str] = &["plan", "confirm", "concurrency", "canary", "waves", "max_failures"];

/// Refuses planning words beside `--plan FILE`, whatever the command is.
pub fn check_plan(command: &clap::Command, matches: &ArgMatches) -> Result<(), UsageError> {
    let global: Vec<&str> = command.get_arguments().map(|arg| arg.get_id().as_str()).collect();
    let (mut matches, mut command) = (matches, command);
    while let Some((name, inner)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { break };
        (matches, command) = (inner, found);
    }
    let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    if !command.get_arguments().any(|arg| arg.get_id() == "plan") || !typed("plan") {
        return Ok(());
    }
    let others: Vec<String> = command
        .get_arguments()
        .filter(|arg| {
            let id = arg.get_id().as_str();
            !BESIDE_A_PLAN.contains(&id) && !global.contains(&id) && matches.try_contains_id(id).is_ok() && typed(id)
        })
        .map(|arg| match arg.get_long() {
            Some(long) => format!("--{long}"),
            None => arg.get_id().to_string().to_uppercase(),
        })
        .collect();
    if others.is_empty() { Ok(()) } else { Err(UsageError::PlanWithFlags { others: others.join(", ") }) }
}

/// The name that was probably meant; never run, only shown.
pub fn closest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    let scored = names.iter().map(|name| (strsim::jaro_winkler(name, wrong), *name));
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}
