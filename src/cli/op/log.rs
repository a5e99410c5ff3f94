//! `fixtool op log`: what the user may type.

use clap::ValueEnum;

use super::moment;
use crate::cli::fault::CommandResult;
use crate::cli::run;
use crate::cli::session::Session;
use crate::console::report_view::{short, status};
use crate::console::{Page, Table, Tone, plan_view};
use crate::engine::{RunStatus, RunSummary};
use crate::operations::op::log::{Log, LogView, Request};

const EXAMPLES: &str = "Examples:
  fixtool op log
  fixtool op log --tenant acme --limit 5
  fixtool op log --operation data.load --status failed
  fixtool op log -o ndjson
";

/// List what was run, the newest first
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Only runs on this tenant
    #[arg(short, long, value_name = "ID", alias = "tenant-id")]
    tenant: Option<String>,
    /// Only runs of this command: 'data load'
    #[arg(long, value_name = "COMMAND")]
    operation: Option<String>,
    /// Only runs that stand like this
    #[arg(long, value_name = "STATUS", value_enum)]
    status: Option<StatusName>,
    /// Only the parts of this run over many tenants
    #[arg(long, value_name = "RUN")]
    parts_of: Option<String>,
    /// Parts of runs over many tenants as well
    #[arg(long, conflicts_with = "parts_of")]
    parts: bool,
    /// Only runs that began before this one
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

/// How a run stands, as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatusName {
    Running,
    Done,
    Partial,
    Failed,
    Interrupted,
}

impl From<StatusName> for RunStatus {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Running => Self::Running,
            StatusName::Done => Self::Done,
            StatusName::Partial => Self::Partial,
            StatusName::Failed => Self::Failed,
            StatusName::Interrupted => Self::Interrupted,
        }
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let request = Request {
        target: args.tenant,
        operation: args.operation,
        status: args.status.map(Into::into),
        parts_of: args.parts_of,
        with_parts: args.parts,
        before: args.before,
        limit: args.limit,
    };
    run::query(session, &Log { request }, &super::ledger(session).await?, page).await
}

fn page(view: &LogView) -> Page {
    let mut page = Page::new();
    if view.runs.is_empty() {
        page.line("nothing was run");
        return page;
    }
    let mut table = Table::new(&["run", "began", "command", "tenant", "status", "by"]);
    for run in &view.runs {
        let (tone, word) = status(run.status);
        table.toned_row([
            (Tone::Plain, short(&run.run).to_owned()),
            (Tone::Plain, moment(&run.started_at)),
            (Tone::Plain, command(run)),
            (Tone::Plain, run.target.clone()),
            if run.undone_by.is_some() { (Tone::Dim, "undone".to_owned()) } else { (tone, word.to_owned()) },
            (Tone::Dim, run.actor.clone()),
        ]);
    }
    page.table(table);
    if let Some(last) = view.runs.last().filter(|_| view.more) {
        page.toned_line(Tone::Dim, &format!("older ones: 'fixtool op log --before {}'", short(&last.run)));
    }
    page
}

fn command(run: &RunSummary) -> String {
    match &run.follows {
        Some(undone) => format!("undo of {}", short(undone)),
        None => plan_view::spoken(&run.operation),
    }
}
