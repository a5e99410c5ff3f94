//! What the program says of itself: help, exit codes, settings, error codes. Generated pages are compared with the
//! program; `FIXTOOL_TEST_WRITE=1` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use regex::Regex;

use crate::support::site::files_below;
use crate::support::{TestEnvironment, optional_variable};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every command that does something, with the words that lead to it.
fn leaves(command: &Command, words: &[String], found: &mut Vec<(Vec<String>, Command)>) {
    for child in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        let mut words = words.to_vec();
        words.push(child.get_name().to_owned());
        if child.has_subcommands() {
            leaves(child, &words, found);
        } else {
            found.push((words, child.clone()));
        }
    }
}

fn all_leaves() -> Vec<(Vec<String>, Command)> {
    let mut command = fixtool::cli::command();
    command.build();
    let mut found = Vec::new();
    leaves(&command, &[], &mut found);
    assert!(found.len() > 5);
    found
}

/// Words of a line, with quotes, up to a redirection; the part behind a pipe when fixtool stands there.
fn words(line: &str) -> Vec<String> {
    let own = line.split(" | ").find(|part| part.trim_start().starts_with("fixtool ")).unwrap_or(line);
    let own = own.split(" > ").next().unwrap_or(own).split(" < ").next().unwrap_or(own);
    let pattern = Regex::new(r#"'([^']*)'|"([^"]*)"|(\S+)"#).expect("a pattern");
    let word = |found: regex::Captures<'_>| found.iter().skip(1).flatten().next().map_or("", |m| m.as_str()).to_owned();
    pattern.captures_iter(own).map(word).collect()
}

#[test]
fn every_help_begins_with_two_to_four_examples_that_are_understood() {
    for (path, mut command) in all_leaves() {
        let help = command.render_long_help().to_string();
        assert!(help.starts_with("Examples:\n"), "the help of {path:?} begins with examples:\n{help}");
        // As they were written: on a narrow terminal the help wraps them.
        let examples = command.get_before_long_help().expect("examples").to_string();
        let examples: Vec<&str> = examples.lines().skip(1).map(str::trim).filter(|l| l.contains("fixtool ")).collect();
        assert!((2..=4).contains(&examples.len()), "{path:?} has {} examples", examples.len());
        for example in examples {
            let words = words(example);
            assert_eq!(words.first().map(String::as_str), Some("fixtool"), "{example}");
            let leads: Vec<&String> = words.iter().skip(1).take(path.len()).collect();
            assert_eq!(leads, path.iter().collect::<Vec<_>>(), "an example of {path:?} is about another: {example}");
            if let Err(error) = fixtool::cli::command().try_get_matches_from(&words) {
                panic!("{example}\n{error}");
            }
        }
        // As wide as nobody's terminal makes it narrower.
        let short = command.clone().term_width(100).render_help().to_string();
        assert!(!short.contains("--log-format"), "the short help of {path:?} is short");
        assert!(short.lines().count() <= 60, "the short help of {path:?} has {} lines", short.lines().count());
    }
}

#[test]
fn every_command_and_flag_says_what_it_does() {
    for (path, command) in all_leaves() {
        assert!(command.get_about().is_some(), "{path:?}");
        for argument in command.get_arguments().filter(|a| !a.is_hide_set()) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{path:?}: {}", argument.get_id());
            assert!(!help.ends_with('.'), "{path:?}: {}: a help is no sentence with a full stop", argument.get_id());
        }
    }
}

/// A page with a generated part between two marks is as the program says it.
fn page_is_fresh(name: &str, generated: &str) {
    let path = root().join("docs").join(name);
    let text = fs::read_to_string(&path).expect("a page");
    let (begin, end) = ("<!-- generated: do not edit by hand -->\n", "<!-- end of the generated part -->\n");
    let (before, rest) = text.split_once(begin).expect("the begin of the generated part");
    let (_, after) = rest.split_once(end).expect("the end of the generated part");
    let fresh = format!("{before}{begin}{generated}{end}{after}");
    if fresh != text && optional_variable("FIXTOOL_TEST_WRITE").is_some() {
        fs::write(&path, &fresh).expect("the page");
    } else {
        assert!(fresh == text, "docs/{name} is stale: run 'make reference'");
    }
}

#[test]
fn the_page_of_settings_is_fresh() {
    page_is_fresh("configuration.md", &fixtool::config::reference_table());
}

#[test]
fn the_page_of_exit_codes_is_fresh() {
    let rows: String = fixtool::cli::exit_code::TABLE
        .iter()
        .fold(String::new(), |all, (code, text)| all + &format!("| {code} | {text} |\n"));
    page_is_fresh("exit-codes.md", &format!("| code | meaning |\n|---|---|\n{rows}"));
}

#[test]
fn the_reference_of_commands_is_fresh() {
    let env = TestEnvironment::new();
    let fresh = env.fixtool(["reference"]).code(0).stdout;
    let path = root().join("docs/reference.md");
    let text = fs::read_to_string(&path).unwrap_or_default();
    if fresh != text && optional_variable("FIXTOOL_TEST_WRITE").is_some() {
        fs::write(&path, &fresh).expect("the page");
    } else {
        assert!(fresh == text, "docs/reference.md is stale: run 'make reference'");
    }
}

/// Codes as they stand in the source: in attributes, and in texts.
fn codes_of_the_source() -> BTreeSet<String> {
    let attribute = Regex::new(r"code\(\s*(fixtool(?:::[a-z_0-9]+)+)\s*\)").expect("a pattern");
    let text = Regex::new(r#""(fixtool(?:::[a-z_0-9]+)+)""#).expect("a pattern");
    let mut codes = BTreeSet::new();
    for path in files_below(&root().join("src")).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"))
    {
        if path.ends_with(Path::new("tests.rs")) {
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source");
        // Tests come last in a file, and have codes of their own.
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for pattern in [&attribute, &text] {
            codes.extend(pattern.captures_iter(source).map(|found| found[1].to_owned()));
        }
    }
    for kind in
        ["unreachable", "permission", "contention", "constraint", "full", "fenced", "corrupt", "unsupported", "other"]
    {
        codes.insert(format!("fixtool::database::{kind}"));
    }
    codes
}

#[test]
fn every_code_has_a_long_text_and_no_text_speaks_of_a_code_that_is_gone() {
    let explained: BTreeSet<String> =
        fixtool::console::explanations::all().into_iter().map(|explanation| explanation.code).collect();
    let used = codes_of_the_source();
    assert!(used.len() > 50, "{used:?}");
    let missing: Vec<&String> = used.difference(&explained).collect();
    assert!(missing.is_empty(), "docs/errors.md says nothing about: {missing:#?}");
    let gone: Vec<&String> = explained.difference(&used).collect();
    assert!(gone.is_empty(), "docs/errors.md speaks of codes that are gone: {gone:#?}");
}
