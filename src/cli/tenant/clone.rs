//! `fixtool tenant clone`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::tenant::clone::{CloneTenant, Request};

const EXAMPLES: &str = "Examples:
  fixtool tenant clone acme acme-copy
  fixtool tenant clone acme acme-tests --mask-pii --tier starter
  fixtool tenant clone acme acme-copy --dry-run
";

/// Copy a tenant, as it is at one moment, into a new one
///
/// The rows go from one database to the other without touching the disk in between, also between PostgreSQL and
/// SQLite, and are compared afterwards. Credentials are not copied.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The tenant
    #[arg(value_name = "ID", required_unless_present = "plan")]
    id: Option<TenantId>,
    /// The tenant that is made
    #[arg(value_name = "NEW_ID", required_unless_present = "plan")]
    to: Option<TenantId>,
    /// Mask personal data and leave secrets out: the same value gets the same mask in every table
    #[arg(long)]
    mask_pii: bool,
    /// Its tier; that of the other one by default
    #[arg(long, value_name = "TIER")]
    tier: Option<String>,
    /// The database that it goes to, as the configuration names it; where the other one lives by default
    #[arg(long, value_name = "NAME")]
    on: Option<String>,
    #[command(flatten)]
    plan: PlanFlags,
}

impl Rebuild for CloneTenant {
    fn rebuild(request: Request, target: Target) -> Self {
        let to = target.name.parse().unwrap_or_else(|_| request.to.clone());
        Self::new(Request { to, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(Args { id, to, mask_pii, tier, on, plan }: Args, session: &Session) -> CommandResult {
    let request = id.zip(to).map(|(id, to)| Request { id, to, placement: on, tier, mask_pii });
    run::operation(session, &RunFlags::on_one(&plan), async |site| {
        Ok(request.into_iter().map(|request| CloneTenant::new(request, site.site_id())).collect())
    })
    .await
}
