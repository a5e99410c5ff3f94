//! `fixtool tenant resume`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::operations::tenant::resume::{Request, Resume};

const EXAMPLES: &str = "Examples:
  fixtool tenant resume acme
  fixtool tenant resume --tier starter --dry-run
";

/// Take a suspension back
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Ids, or patterns such as 'acme-*'
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

impl Rebuild for Resume {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or(request.id);
        Self::new(Request { id }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let mut selection = args.selection;
    selection.tenant.extend(args.ids);
    let target_named = selection.names_a_target();
    let flags = RunFlags { plan: args.plan, fleet: args.fleet, target_named };
    run::operation(session, &flags, async |site| {
        let tenants = session.tenants(&selection).await?;
        Ok(tenants.into_iter().map(|tenant| Resume::new(Request { id: tenant.id }, site.site_id())).collect())
    })
    .await
}
