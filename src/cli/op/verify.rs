//! `fixtool op verify`: what the user may type.

use crate::cli::fault::{CommandResult, Ending};
use crate::cli::session::Session;
use crate::console::report_view::short;
use crate::console::{Page, Table, Tone, style};
use crate::engine::Query;
use crate::engine::ledger::ChainReport;
use crate::operations::op::verify::Verify;

const EXAMPLES: &str = "Examples:
  fixtool op verify
  fixtool op verify -o json
";

/// Prove that the log of operations is what was written
///
/// Each entry holds the digest of the one before. Write the digest of the last one down elsewhere:
/// as long as it is found again, nothing was cut off. Exit code 10 when something does not fit.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {}

/// Runs it.
pub async fn run(_: Args, session: &Session) -> CommandResult {
    let report = Verify.observe(&super::ledger(session).await?).await?;
    session.console.show(Verify::NAME, &report, page);
    Ok(if report.damage.is_empty() { Ending::Done } else { Ending::Findings })
}

fn page(report: &ChainReport) -> Page {
    let mut page = Page::new();
    let entries = style::thousands(report.entries);
    if report.damage.is_empty() {
        page.toned_line(Tone::Good, &format!("{entries} entries, and every one fits"));
    } else {
        page.toned_line(Tone::Bad, &format!("{} of {entries} entries do not fit", report.damage.len()));
        let mut table = Table::new(&[">entry", "run", "what"]);
        for damage in &report.damage {
            table.row([
                damage.entry.to_string().as_str(),
                damage.run.as_deref().map_or("-", short),
                damage.what.as_str(),
            ]);
        }
        page.table(table);
    }
    if let Some(head) = &report.head {
        page.facts([("head", head)]);
    }
    page
}
