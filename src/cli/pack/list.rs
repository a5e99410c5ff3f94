//! `fixtool pack list`: what the user may type.

use crate::cli::{CommandResult, Session, run};
use crate::console::{Page, Table, Tone};
use crate::operations::pack::list::{List, View};

const EXAMPLES: &str = "Examples:
  fixtool pack list
  fixtool pack list -o json
";

/// List the packs that tenants can be made from
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {}

/// Runs the command.
pub async fn run(Args {}: Args, session: &Session) -> CommandResult {
    run::query(session, &List, &super::packs(session), page).await
}

fn page(view: &View) -> Page {
    let mut table = Table::new(&["pack", "title", "versions", "tables", "where"]);
    for pack in &view.packs {
        let versions: Vec<String> = pack.versions.iter().map(ToString::to_string).collect();
        table.row([
            pack.name.as_str(),
            pack.title.as_deref().unwrap_or("cannot be read"),
            &versions.join(" "),
            &pack.tables.to_string(),
            &pack.origin,
        ]);
    }
    let mut page = Page::new();
    page.table(table);
    for pack in view.packs.iter().filter(|pack| pack.problem.is_some()) {
        page.toned_line(Tone::Warn, &format!("'fixtool pack check {}' says what is wrong with it", pack.name));
    }
    page
}
