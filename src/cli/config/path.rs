//! `fixtool config path`: which files are read, the strongest first.

use serde::Serialize;

use crate::cli::Session;
use crate::console::{Page, Table};

const EXAMPLES: &str = "Examples:
  fixtool config path
  fixtool config path -o json
";

/// Print where configuration files are looked for, and which are there
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {}

#[derive(Serialize)]
struct View {
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    layer: &'static str,
    path: String,
    exists: bool,
}

/// Runs the command.
pub fn run(Args {}: Args, session: &Session) {
    let sources = session.resolved.sources.iter();
    let files =
        sources.map(|s| File { layer: s.layer, path: s.path.display().to_string(), exists: s.exists }).collect();
    session.console.show("config.path", &View { files }, |view| {
        let mut table = Table::new(&["layer", "found", "path"]);
        for file in &view.files {
            table.row([file.layer, if file.exists { "yes" } else { "no" }, &file.path]);
        }
        let mut page = Page::new();
        page.table(table);
        page
    });
}
