//! `fixtool reference`: the command reference in Markdown, made from the same definition as the help.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::Ending;
use crate::console::Console;

/// Print the command reference in Markdown
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(Args {}: Args, console: &Console) -> Ending {
    console.result(&page());
    Ending::Done
}

fn page() -> String {
    let mut root = super::command();
    root.build();
    let mut text = String::from(
        "# Reference of commands\n\nMade by `make reference` from the program's own help; a test compares it. The guide is in \
         [guide.md](guide.md), settings are in [configuration.md](configuration.md), exit codes in [exit-codes.md](exit-codes.md).\n",
    );
    list(&mut text, &root, "");
    text.push_str("\n## Flags of every command\n\n");
    let global: Vec<&Arg> = root.get_arguments().filter(|arg| arg.is_global_set() && !arg.is_hide_set()).collect();
    arguments(&mut text, &global);
    for child in shown(&root) {
        section(&mut text, child, "fixtool");
    }
    text
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|child| !child.is_hide_set() && child.get_name() != "help")
}

/// All commands in one list, each with a link to its section.
fn list(text: &mut String, command: &Command, path: &str) {
    text.push('\n');
    branch(text, command, path);
}

fn branch(text: &mut String, command: &Command, path: &str) {
    for child in shown(command) {
        let path = format!("{path} {}", child.get_name());
        if child.has_subcommands() {
            branch(text, child, &path);
        } else {
            let words = path.trim();
            let _ = writeln!(text, "- [`{words}`](#fixtool-{}): {}", words.replace(' ', "-"), about(child));
        }
    }
}

fn section(text: &mut String, command: &Command, path: &str) {
    let path = format!("{path} {}", command.get_name());
    if command.has_subcommands() {
        for child in shown(command) {
            section(text, child, &path);
        }
        return;
    }
    let _ = write!(text, "\n## {path}\n\n{}.\n", about(command));
    let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    if let Some((_, rest)) = long.split_once("\n\n") {
        let _ = write!(text, "\n{}\n", rest.trim());
    }
    if let Some(examples) = command.get_before_long_help() {
        let examples = examples.to_string();
        let lines = examples.lines().filter(|line| line.starts_with("  ")).map(str::trim_start);
        let _ = write!(text, "\n```sh\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"));
    }
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| {
            !arg.is_global_set() && !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version")
        })
        .collect();
    if !own.is_empty() {
        text.push('\n');
        arguments(text, &own);
    }
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn arguments(text: &mut String, arguments: &[&Arg]) {
    text.push_str("| flag | meaning |\n|---|---|\n");
    for argument in arguments {
        let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let words: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| match value.get_help() {
                Some(meaning) => format!("`{}` ({meaning})", value.get_name()),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        if !words.is_empty() && argument.get_action().takes_values() {
            let _ = write!(help, ": {}", words.join(", "));
        }
        let defaults: Vec<String> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        if !defaults.is_empty() && argument.get_action().takes_values() {
            let _ = write!(help, "; default `{}`", defaults.join(","));
        }
        let _ = writeln!(
            text,
            "| `{}` | {} |",
            name(argument).replace('|', "\\|"),
            help.replace('|', "\\|").replace('\n', " ")
        );
    }
}

/// `-t, --tenant ID`, or the name of a word without a flag.
fn name(argument: &Arg) -> String {
    let value = argument.get_value_names().and_then(<[clap::builder::Str]>::first).map(ToString::to_string);
    let value = value.unwrap_or_else(|| argument.get_id().to_string().to_uppercase());
    let flags: Vec<String> = argument
        .get_short()
        .map(|short| format!("-{short}"))
        .into_iter()
        .chain(argument.get_long().map(|long| format!("--{long}")))
        .collect();
    match (flags.is_empty(), argument.get_action().takes_values()) {
        (true, _) => value,
        (false, true) => format!("{} {value}", flags.join(", ")),
        (false, false) => flags.join(", "),
    }
}
