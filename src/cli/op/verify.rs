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
  fixtool op verify --expect-head 9f0c1d6e2b7a48359f0c1d6e2b7a48359f0c1d6e2b7a48359f0c1d6e2b7a4835
  fixtool op verify -o json
";

/// Prove that the log of operations is what was written
///
/// Each entry holds the digest of the one before, and every field of each run and step is held against it. The last
/// entry is signed with a key beside the configuration, so that an end that was cut off is noticed. Against somebody who
/// has the key too, write the digest of the last entry down elsewhere, and give it to --expect-head. Exit code 10 when
/// something does not fit.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Digest of an entry that was the last one at some time: it must be there still
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    expect_head: Option<String>,
}

/// A digest as `op verify` shows it.
fn digest(typed: &str) -> Result<String, String> {
    let digest = typed.trim().to_ascii_lowercase();
    if digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digest);
    }
    Err("a digest has 64 hexadecimal digits; 'fixtool op verify' shows the present one as 'head'".to_owned())
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let report = Verify { expect_head: args.expect_head }.observe(&super::ledger(session).await?).await?;
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
        let signed = match report.signed {
            Some(entry) => format!("up to entry {} with the key that is here", style::thousands(entry)),
            None => "no, not with a key that is here".to_owned(),
        };
        page.facts([("signed", &signed)]);
    }
    page
}
