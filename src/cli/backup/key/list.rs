//! `fixtool backup key list`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::run;
use crate::cli::session::Session;
use crate::console::{Page, Table};
use crate::operations::backup::key_list::{KeyList, Listed, Recipient, View};
use crate::snapshots::key_record::Reason;

const EXAMPLES: &str = "Examples:
  fixtool backup key list
  fixtool backup key list --tenant acme -o json
";

/// List the keys of tenants and who can open them, never a secret
///
/// Tenants that are gone are listed too, as long as there are keys.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Only of this tenant; may be repeated
    #[arg(short, long, value_name = "ID", alias = "tenant-id")]
    tenant: Vec<String>,
    /// Of every tenant, which is the default
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
}

/// Runs it.
pub async fn run(args: &Args, session: &Session) -> CommandResult {
    let reader = session.reader().await?;
    run::query(session, &KeyList { tenants: args.tenant.clone() }, &reader, page).await
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
    if view.tenants.is_empty() {
        page.line(&format!("no keys in {location}"));
        return page;
    }
    let mut table = Table::new(&["tenant", ">generation", "made", "here", "can be opened by"]);
    for tenant in &view.tenants {
        if let Some(problem) = &tenant.problem {
            table.row([tenant.tenant.as_str(), "", "", "", problem]);
        }
        for one in &tenant.generations {
            let mut cells = [tenant.tenant.clone(), one.generation.to_string(), made(one), here(one)];
            for recipient in &one.recipients {
                table.row(cells.iter().map(String::as_str).chain([shown(recipient).as_str()]));
                cells = Default::default();
            }
            for gone in &one.removed {
                table.row(["", "", "", "", &format!("removed: {gone}")]);
            }
            if let Some(problem) = &one.problem {
                table.row(["", "", "", "", &format!("PROBLEM: {problem}")]);
            }
        }
    }
    page.table(table);
    page.line(&format!("in {location}; '*' is named by the configuration"));
    page
}

fn made(one: &Listed) -> String {
    let day = one.made_at.get(..16).unwrap_or(&one.made_at);
    if one.reason == Reason::Rotated { format!("{day}, rotated") } else { day.to_owned() }
}

fn here(one: &Listed) -> String {
    let can = match (one.opens, one.seals) {
        (true, _) => "opens, seals",
        (false, true) => "seals",
        (false, false) => "neither",
    };
    if one.proven { can.to_owned() } else { format!("{can}, not proven") }
}

fn shown(recipient: &Recipient) -> String {
    let comment = recipient.comment.as_ref().map_or_else(String::new, |comment| format!(" {comment}"));
    format!("{}{comment}{}", recipient.key, if recipient.configured { " *" } else { "" })
}
