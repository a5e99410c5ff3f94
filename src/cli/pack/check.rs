//! `fixtool pack check`: what the user may type.

use crate::cli::{CommandResult, Session, run};
use crate::console::{Page, Table, Tone};
use crate::operations::pack::check::{Check, View};

const EXAMPLES: &str = "Examples:
  fixtool pack check spotify-ai-agent
  fixtool pack check ./packs/mine
  fixtool pack check ./packs/mine -o json
";

/// Check a pack: its files, every migration step and its way back, every record of first data
///
/// Every mistake is listed with file, line and column; then the exit code is 2.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The pack's name, or its folder
    #[arg(value_name = "PACK")]
    pack: String,
}

/// Runs the command.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    run::query(session, &Check { pack: args.pack }, &super::packs(session), page).await
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    let mut table = Table::new(&["version", "tables", "steps", "first data", "fingerprint"]);
    for checked in &view.versions {
        table.row([
            checked.version.to_string(),
            checked.tables.to_string(),
            checked.steps.to_string(),
            checked.records.to_string(),
            checked.fingerprint.chars().take(12).collect(),
        ]);
    }
    page.table(table);
    for note in &view.notes {
        page.line(&format!("note: {note}"));
    }
    page.toned_line(Tone::Good, &format!("the pack '{}' is right", view.pack));
    page
}
