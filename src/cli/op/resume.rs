//! `fixtool op resume`: what the user may type.

use super::registry::{self, Visit};
use super::show;
use crate::cli::fault::{CommandResult, Ending};
use crate::cli::flags::{FleetFlags, PlanFlags};
use crate::cli::run::{self, OnSite, RunFlags};
use crate::cli::session::Session;
use crate::engine::{Query, RunRecord};
use crate::operations::op::find;
use crate::operations::op::show::Show;

const EXAMPLES: &str = "Examples:
  fixtool op resume 019aaf3b1c2e7d41
  fixtool op resume 019aaf3b1c2e7d41 --dry-run
  fixtool op resume 019aaf3b1c2e7d41 --failed --concurrency 2
";

/// Go on with a run that was interrupted, that failed, or whose process died
///
/// It goes on from its checkpoints with the plan that was agreed to. A run over many tenants goes on
/// with those that were interrupted or never begun, and then with those that failed.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Id of the run or the beginning of it
    #[arg(value_name = "RUN")]
    run: String,
    /// Of a run over many tenants, only try the failed ones again
    #[arg(long)]
    failed: bool,
    /// Show how far the run is and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Agree to the plans of tenants that were never begun
    #[arg(short, long)]
    yes: bool,
    /// Agree to a plan that destroys, by the tenant's name; may be repeated
    #[arg(long, value_name = "ID")]
    confirm: Vec<String>,
    #[command(flatten)]
    fleet: FleetFlags,
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let ledger = super::ledger(session).await?;
    let record = find(ledger.as_ref(), Some(&args.run)).await?;
    if args.dry_run {
        let view = Show { run: Some(record.start.run) }.observe(&ledger).await?;
        session.console.show("op.resume", &view, |view| {
            let mut page = show::page(view);
            page.line("dry run: nothing was changed");
            page
        });
        return Ok(Ending::Done);
    }
    let plan = PlanFlags { yes: args.yes, confirm: args.confirm, ..PlanFlags::default() };
    let flags = RunFlags { plan, fleet: args.fleet, target_named: true };
    let operation = record.start.operation.clone();
    registry::visit(&operation, Resume { session, record, flags, failed: args.failed }).await
}

struct Resume<'a> {
    session: &'a Session,
    record: RunRecord,
    flags: RunFlags,
    failed: bool,
}

impl Visit for Resume<'_> {
    async fn visit<O: OnSite>(self) -> CommandResult {
        run::resume::<O>(self.session, &self.record, &self.flags, self.failed).await
    }
}
