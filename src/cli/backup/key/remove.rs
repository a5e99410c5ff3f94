//! `fixtool backup key remove`: what the user may type.

use super::recipients;
use super::selected;
use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::backup::key_remove::{KeyRemove, Request};

const EXAMPLES: &str = "Examples:
  fixtool backup key remove ./eve.pub --all --dry-run
  fixtool backup key remove age1rxr4lhsuspzh92np74hpue3zq63kzfejhc3hpqwtclwzg7vpdpwqse2z8d --tenant acme --yes
";

/// Take somebody away who could open the backups
///
/// They open nothing new: the tenants get a key that they never had, and the old keys are sealed without them. What was sealed before they can
/// open from a copy, if they kept the key. It needs the key of somebody who stays, named in backup.identities.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// A public key that begins with age1, ssh-ed25519 or ssh-rsa, or a file of such keys; may be repeated
    #[arg(value_name = "RECIPIENT", required_unless_present = "plan")]
    recipient: Vec<String>,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

impl Rebuild for KeyRemove {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags =
        RunFlags { plan: args.plan.clone(), fleet: args.fleet.clone(), target_named: args.selection.names_a_target() };
    run::operation(session, &flags, async |site| {
        let tenants = selected::tenants(session, &args.selection, site).await?;
        let administrators = recipients::parsed(session, &args.recipient)?;
        let one_of_many = tenants.len() > 1;
        let request = |id: TenantId| Request { id, administrators: administrators.clone(), one_of_many };
        Ok(tenants.into_iter().map(|id| KeyRemove::new(request(id), site.site_id())).collect())
    })
    .await
}
