//! What the README shows as output is what comes out.
//!
//! `UPDATE_DOCUMENTS=1 tests/with-services.sh cargo test --test suite tour` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::{Site, optional_variable};

/// A command of a block marked `console`, and the lines shown below it.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    command: String,
    output: String,
}

/// A piece of a document: text as it is, or a block of commands with their output.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Block(Vec<Shown>),
}

fn pieces(document: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut block: Option<Vec<Shown>> = None;
    for line in document.lines() {
        match &mut block {
            None => {
                let _ = writeln!(text, "{line}");
                if line == "```console" {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    block = Some(Vec::new());
                }
            }
            Some(shown) if line == "```" => {
                pieces.push(Piece::Block(std::mem::take(shown)));
                block = None;
                let _ = writeln!(text, "{line}");
            }
            Some(shown) => match (line.strip_prefix("$ "), shown.last_mut()) {
                (Some(command), _) => shown.push(Shown { command: command.to_owned(), output: String::new() }),
                (None, Some(last)) => drop(writeln!(last.output, "{line}")),
                (None, None) => panic!("a block of commands begins with '$ ', not with: {line}"),
            },
        }
    }
    pieces.push(Piece::Text(text));
    pieces
}

/// Runs a block's commands and gives what they print. `cat FILE` lays the shown file down instead.
fn run(site: &Site, shown: &Shown) -> String {
    if let Some(file) = shown.command.strip_prefix("cat ") {
        site.write(file, &shown.output);
        return shown.output.clone();
    }
    let output = site.line(&shown.command);
    assert!(matches!(output.code, 0 | 3 | 6), "{output}");
    // On a terminal both streams are seen; a refusal has nothing but standard error.
    let printed = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let printed = printed.replace(&site.work().display().to_string(), "/home/ada");
    printed.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// Text without what differs from run to run: ids, times, sizes, and the widths that follow from them.
fn settled(site: &Site, text: &str) -> String {
    let text = site.scrub(text);
    let text = Regex::new(r"\b\d{8}T\d{6}Z\b").expect("a pattern").replace_all(&text, "[TIME]").into_owned();
    // Rows hold ids and times, so that they never compress to the same size.
    let text = Regex::new(r"\b[\d,]+ bytes\b").expect("a pattern").replace_all(&text, "[BYTES]").into_owned();
    // On a busy machine a step takes long enough for its speed to be told.
    let text = Regex::new(r" \([\d,]+ rows a second\)").expect("a pattern").replace_all(&text, "").into_owned();
    let text = Regex::new(r"\b[0-9a-f]{6,31}\b").expect("a pattern").replace_all(&text, "[ID]").into_owned();
    Regex::new(r"[ ─━═┈-]+").expect("a pattern").replace_all(&text, " ").trim().to_owned()
}

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

#[test]
fn the_tour_of_the_readme_is_what_comes_out() {
    let document = fs::read_to_string(readme()).expect("the README");
    let site = Site::sqlite();
    let mut renewed = String::new();
    let (mut commands, mut differences) = (0, String::new());
    for piece in pieces(&document) {
        match piece {
            Piece::Text(text) => renewed.push_str(&text),
            Piece::Block(block) => {
                for shown in block {
                    commands += 1;
                    let output = run(&site, &shown);
                    if settled(&site, &output) != settled(&site, &shown.output) {
                        let _ = write!(differences, "$ {}\n-- shown\n{}-- real\n{output}", shown.command, shown.output);
                    }
                    let _ = write!(renewed, "$ {}\n{output}", shown.command);
                }
            }
        }
    }
    if optional_variable("UPDATE_DOCUMENTS").is_some() {
        fs::write(readme(), renewed).expect("the README is written");
        return;
    }
    assert!(commands >= 8, "{commands} commands in the tour");
    assert!(differences.is_empty(), "the README shows something else (UPDATE_DOCUMENTS=1 renews it):\n{differences}");
}

#[test]
fn blocks_are_taken_apart_and_put_together() {
    let document = "a\n```console\n$ fixtool x\none\ntwo\n$ fixtool y\n```\nb\n```sh\n$ no\n```\n";
    let shown = |command: &str, output: &str| Shown { command: command.to_owned(), output: output.to_owned() };
    assert_eq!(
        pieces(document),
        [
            Piece::Text("a\n```console\n".to_owned()),
            Piece::Block(vec![shown("fixtool x", "one\ntwo\n"), shown("fixtool y", "")]),
            Piece::Text("```\nb\n```sh\n$ no\n```\n".to_owned()),
        ]
    );
}
