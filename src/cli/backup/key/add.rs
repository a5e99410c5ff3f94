//! `fixtool backup key add`: what the user may type.

use super::recipients;
use super::selected;
use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::backup::key_add::{KeyAdd, Request};

const EXAMPLES: &str = "Examples:
  fixtool backup key add age1rxr4lhsuspzh92np74hpue3zq63kzfejhc3hpqwtclwzg7vpdpwqse2z8d --tenant acme
  fixtool backup key add ./bob.pub --all --yes
";

/// Let somebody more open the backups, the old ones too
///
/// Every generation of the tenants' keys is sealed for them as well; no backup is written again. It needs the key of somebody
/// who can open the backups already, named in backup.identities. Name the new one in backup.recipients, too, for keys that are made later.
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

impl Rebuild for KeyAdd {
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
        let request = |id: TenantId| Request { id, administrators: administrators.clone() };
        Ok(tenants.into_iter().map(|id| KeyAdd::new(request(id), site.site_id())).collect())
    })
    .await
}
