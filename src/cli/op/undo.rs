//! `fixtool op undo`: what the user may type.

use super::registry::{self, Visit};
use crate::cli::fault::{CommandResult, Fault};
use crate::cli::flags::{FleetFlags, PlanFlags};
use crate::cli::run::{self, OnSite, RunFlags};
use crate::cli::session::Session;
use crate::engine::{PlanFile, RunRecord};
use crate::operations::op::{FindError, find};

const EXAMPLES: &str = "Examples:
  fixtool op undo 019aaf3b1c2e7d41 --dry-run
  fixtool op undo 019aaf3b1c2e7d41 --yes
  fixtool op undo 019aaf3b1c2e7d41 --plan-out undo.json
";

/// Take back what a run did
///
/// It is a plan like any other: shown first, and carried out when you agree. What cannot be taken
/// back is named with its reason.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Id of the run or the beginning of it
    #[arg(value_name = "RUN", required_unless_present = "plan")]
    run: Option<String>,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags = RunFlags { plan: args.plan, fleet: args.fleet, target_named: true };
    if let Some(path) = &flags.plan.plan {
        let file = PlanFile::load(path)?;
        let operation = file.operation().unwrap_or_default().to_owned();
        return registry::visit(&operation, Saved { session, flags }).await;
    }
    let Some(run) = args.run else { return Err(Fault::from(FindError::Nothing)) };
    let record = find(super::ledger(session).await?.as_ref(), Some(&run)).await?;
    let operation = record.start.operation.clone();
    registry::visit(&operation, Undo { session, record, flags }).await
}

struct Undo<'a> {
    session: &'a Session,
    record: RunRecord,
    flags: RunFlags,
}

impl Visit for Undo<'_> {
    async fn visit<O: OnSite>(self) -> CommandResult {
        run::undo::<O>(self.session, &self.record, &self.flags).await
    }
}

/// A plan that was saved by `--plan-out` says itself which run it takes back.
struct Saved<'a> {
    session: &'a Session,
    flags: RunFlags,
}

impl Visit for Saved<'_> {
    async fn visit<O: OnSite>(self) -> CommandResult {
        run::operation::<O, _>(self.session, &self.flags, async |_| Ok(Vec::new())).await
    }
}
