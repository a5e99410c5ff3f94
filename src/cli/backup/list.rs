//! `fixtool backup list`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::run;
use crate::cli::session::Session;
use crate::console::{Page, Table};
use crate::model::size::bytes;
use crate::operations::backup::list::{List, Listed, Told, View};
use crate::snapshots::manifest::Kind;

const EXAMPLES: &str = "Examples:
  fixtool backup list
  fixtool backup list --tenant acme -o json
";

/// List the snapshots of the repository
///
/// Snapshots of tenants that are gone are listed too.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Only of this tenant; may be repeated
    #[arg(short, long, value_name = "ID", alias = "tenant-id")]
    tenant: Vec<String>,
}

/// Runs it.
pub async fn run(args: &Args, session: &Session) -> CommandResult {
    let reader = session.reader().await?;
    run::query(session, &List { tenants: args.tenant.clone() }, &reader, page).await
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    for note in &view.notes {
        page.line(&format!("note: {note}"));
    }
    let Some(location) = &view.location else {
        page.line("no repository yet; 'fixtool backup create --tenant ID' makes one");
        return page;
    };
    if view.snapshots.is_empty() {
        page.line(&format!("no snapshots in {location}"));
        return page;
    }
    let mut table = Table::new(&["tenant", "snapshot", "type", ">rows", ">stored", "sealed", "verified"]);
    for snapshot in &view.snapshots {
        table.row(cells(snapshot).iter().map(String::as_str));
    }
    page.table(table);
    let many = view.snapshots.len();
    page.line(&format!("{many} {} in {location}", if many == 1 { "snapshot" } else { "snapshots" }));
    page
}

fn cells(snapshot: &Listed) -> Vec<String> {
    let mut cells = vec![snapshot.tenant.clone(), snapshot.id.clone()];
    match &snapshot.told {
        Some(told) => cells.extend([
            kind(told).to_owned(),
            told.rows.to_string(),
            bytes(told.stored_bytes),
            if told.sealed { "yes".to_owned() } else { "no".to_owned() },
        ]),
        None => cells.extend(["not opened".to_owned(), String::new(), String::new(), "yes".to_owned()]),
    }
    cells.push(match &snapshot.verified {
        None => "never".to_owned(),
        Some(checked) if checked.problems.is_empty() => format!("{}, {}", checked.level, day(&checked.at)),
        Some(checked) => format!("DAMAGED, {}", day(&checked.at)),
    });
    cells
}

/// What sort of snapshot it is. A safety copy is full, whatever it took over from others.
fn kind(told: &Told) -> &'static str {
    match (told.safety_copy, told.kind) {
        (true, _) => "safety copy",
        (false, Kind::Full) => "full",
        (false, Kind::Incremental) => "incremental",
    }
}

fn day(at: &str) -> &str {
    at.get(..16).unwrap_or(at)
}
