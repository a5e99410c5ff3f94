//! `fixtool backup key rotate`: what the user may type.

use super::selected;
use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::backup::key_rotate::{KeyRotate, Request};

const EXAMPLES: &str = "Examples:
  fixtool backup key rotate --tenant acme --dry-run
  fixtool backup key rotate --all --yes
";

/// Give tenants a new key, for exactly those whom the configuration names
///
/// Later backups are sealed with it, and store everything once again. Old backups stay readable: the older keys are sealed for the same
/// administrators. A passphrase is changed in this way, too: set the new one, and the old one beside it for this run.
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

impl Rebuild for KeyRotate {
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
        Ok(tenants.into_iter().map(|id| KeyRotate::new(request(id), site.site_id())).collect())
    })
    .await
}
