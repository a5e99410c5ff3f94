//! `fixtool explain CODE`: what an error means, at length.

use serde::Serialize;

use super::{CommandResult, Ending};
use crate::console::explanations::{self, Explanation};
use crate::console::{Console, Page};
use crate::engine::{Failure, FailureKind};

const EXAMPLES: &str = "Examples:
  fixtool explain fixtool::config::unknown_key
  fixtool explain --list
";

/// Say at length what an error code means and what to do
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The code, as an error shows it
    #[arg(value_name = "CODE", required_unless_present = "list")]
    code: Option<String>,
    /// List all codes
    #[arg(long, conflicts_with = "code")]
    list: bool,
}

#[derive(Serialize)]
struct List {
    codes: Vec<Explanation>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> CommandResult {
    match &args.code {
        None => console.show("explain.list", &List { codes: explanations::all() }, |list| {
            let mut page = Page::new();
            page.facts(list.codes.iter().map(|e| (&e.code, &e.title)));
            page
        }),
        Some(code) => {
            let found = explanations::find(code).ok_or_else(|| UnknownCode::new(code))?;
            console.show("explain", &found, |found| {
                let mut page = Page::new();
                page.heading(&found.code);
                page.line(&found.text);
                page
            });
        }
    }
    Ok(Ending::Done)
}

/// A code was asked for that there is not.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("there is no error code '{code}'")]
#[diagnostic(code(fixtool::explain::unknown_code))]
pub struct UnknownCode {
    code: String,
    #[help]
    help: String,
}

impl UnknownCode {
    fn new(code: &str) -> Self {
        let all = explanations::all();
        let codes: Vec<&str> = all.iter().map(|e| e.code.as_str()).collect();
        let help = match super::usage::closest(code, &codes) {
            Some(close) => format!("did you mean '{close}'? Type 'fixtool explain {close}'"),
            None => "'fixtool explain --list' lists all codes".to_owned(),
        };
        Self { code: code.to_owned(), help }
    }
}

impl Failure for UnknownCode {
    fn kind(&self) -> FailureKind {
        FailureKind::Usage
    }
}
