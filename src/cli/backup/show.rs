//! `fixtool backup show`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::run;
use crate::cli::session::Session;
use crate::console::{Page, Table};
use crate::model::size::bytes;
use crate::operations::backup::show::{Show, View};

const EXAMPLES: &str = "Examples:
  fixtool backup show acme
  fixtool backup show 20261123T0915 -o json
  fixtool backup show ./archives/acme_full_20261123T091500Z.tar.zst
";

/// Show what a snapshot holds, table by table
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// A snapshot by the beginning of its id, a tenant (its newest snapshot), or an archive
    #[arg(value_name = "WHAT")]
    what: String,
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let reader = session.reader().await?;
    run::query(session, &Show { what: args.what }, &reader, page).await
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    let told = &view.told;
    page.line(&format!("{} of {}, {}", view.id, view.tenant, told.taken_at));
    page.line(&format!(
        "{} {}, {} {}, fixtool {}, {}",
        told.engine.title(),
        view.engine_version,
        view.pack,
        view.pack_version,
        view.fixtool,
        if told.sealed { "sealed" } else { "not sealed" }
    ));
    if let Some(parent) = &view.parent {
        page.line(&format!("an increment of {parent}"));
    }
    let mut table = Table::new(&["table", ">rows", ">parts", ">raw", ">stored"]);
    for one in &view.tables {
        let (rows, parts) = (one.rows.to_string(), one.parts.to_string());
        table.row([one.table.as_str(), &rows, &parts, &bytes(one.raw_bytes), &bytes(one.stored_bytes)]);
    }
    page.table(table);
    if let Some(files) = &view.files {
        page.line(&format!(
            "{} files{}, {} raw, {} stored in {} chunks",
            files.files,
            if files.cache { "" } else { " without 'cache' and 'tmp'" },
            bytes(files.raw_bytes),
            bytes(files.stored_bytes),
            files.chunks
        ));
    }
    page.line(&format!("{} rows, {} raw, {} stored", told.rows, bytes(told.raw_bytes), bytes(told.stored_bytes)));
    if !view.credentials.is_empty() {
        page.line(&format!("sealed credentials: {}", view.credentials.join(", ")));
    }
    page
}
