//! `fixtool backup key destroy`: what the user may type.

use super::selected;
use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::backup::key_destroy::{KeyDestroy, Request};

const EXAMPLES: &str = "Examples:
  fixtool backup key destroy --tenant acme --dry-run
  fixtool backup key destroy --tenant acme --confirm acme
";

/// Destroy the key of tenants: nothing opens their sealed backups any more
///
/// It cannot be taken back, by nobody. Archives and copies of the repository have the key in them: they have to be deleted as well.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

impl Rebuild for KeyDestroy {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags =
        RunFlags { plan: args.plan.clone(), fleet: args.fleet.clone(), target_named: args.selection.names_a_target() };
    run::operation(session, &flags, async |site| {
        let tenants = selected::tenants(session, &args.selection, site).await?;
        let request = |id: TenantId| Request { id };
        Ok(tenants.into_iter().map(|id| KeyDestroy::new(request(id), site.site_id())).collect())
    })
    .await
}
