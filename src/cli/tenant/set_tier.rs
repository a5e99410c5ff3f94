//! `fixtool tenant set-tier`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::tenant::set_tier::{Request, SetTier};

const EXAMPLES: &str = "Examples:
  fixtool tenant set-tier acme enterprise
  fixtool tenant set-tier acme starter --dry-run
";

/// Give a tenant another tier, with its quotas and policies
///
/// It is refused while the tenant holds more than the new tier allows.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The tenant
    #[arg(value_name = "ID", required_unless_present = "plan")]
    id: Option<TenantId>,
    /// The tier
    #[arg(value_name = "TIER", required_unless_present = "plan")]
    tier: Option<String>,
    #[command(flatten)]
    plan: PlanFlags,
}

impl Rebuild for SetTier {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(Args { id, tier, plan }: Args, session: &Session) -> CommandResult {
    let request = id.zip(tier).map(|(id, tier)| Request { id, tier });
    run::operation(session, &RunFlags::on_one(&plan), async |site| {
        Ok(request.into_iter().map(|request| SetTier::new(request, site.site_id())).collect())
    })
    .await
}
