//! `fixtool tenant drop`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::operations::tenant::drop::{Drop, Request};

const EXAMPLES: &str = "Examples:
  fixtool tenant drop acme --dry-run
  fixtool tenant drop acme --confirm acme
  fixtool tenant drop acme --keep-data --confirm acme
";

/// Drop tenants with everything in them; wants their names
///
/// The plan lists what is lost, table by table. A safety copy is made first, from which 'fixtool op undo' brings everything
/// back.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Ids, or patterns such as 'acme-*'
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Only forget the tenant; its namespace stays, and can be adopted again
    #[arg(long)]
    keep_data: bool,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

impl Rebuild for Drop {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let (mut selection, keep_data) = (args.selection, args.keep_data);
    let no_safety_copy = args.plan.no_safety_backup;
    selection.tenant.extend(args.ids);
    let target_named = selection.names_a_target();
    let flags = RunFlags { plan: args.plan, fleet: args.fleet, target_named };
    run::operation(session, &flags, async |site| {
        let tenants = session.tenants(&selection).await?;
        let request = |id| Request { id, keep_data, no_safety_copy };
        Ok(tenants.into_iter().map(|tenant| Drop::new(request(tenant.id), site.site_id())).collect())
    })
    .await
}
