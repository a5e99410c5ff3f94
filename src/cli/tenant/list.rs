//! `fixtool tenant list`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::SelectionFlags;
use crate::cli::run;
use crate::cli::session::Session;
use crate::console::{Page, Table};
use crate::operations::tenant::list::{List, View};

const EXAMPLES: &str = "Examples:
  fixtool tenant list
  fixtool tenant list --tier enterprise --label region=eu
  fixtool tenant list --tenant 'acme-*' -o json
";

/// List the registered tenants
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    selection: SelectionFlags,
}

/// Runs it.
pub async fn run(Args { selection }: &Args, session: &Session) -> CommandResult {
    let reader = session.reader().await?;
    run::query(session, &List { selection: selection.selection() }, &reader, page).await
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    if view.tenants.is_empty() {
        page.line("no tenants; 'fixtool tenant init ID' makes one");
        return page;
    }
    let placed = view.tenants.iter().any(|tenant| tenant.placement != crate::model::tenant_record::MAIN_PLACEMENT);
    let mut titles = vec!["tenant", "tier", "status", "pack", "version", "labels"];
    if placed {
        titles.push("on");
    }
    let mut table = Table::new(&titles);
    for tenant in &view.tenants {
        let labels: Vec<String> = tenant.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let labels = labels.join(" ");
        let mut cells =
            vec![tenant.id.as_str(), &tenant.tier, tenant.status.as_str(), &tenant.pack, &tenant.version, &labels];
        if placed {
            cells.push(&tenant.placement);
        }
        table.row(cells);
    }
    page.table(table);
    page.line(&match view.tenants.len() {
        1 => "1 tenant".to_owned(),
        many => format!("{many} tenants"),
    });
    page
}
