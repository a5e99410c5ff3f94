//! `fixtool tenant rename`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::tenant::rename::{Rename, Request};

const EXAMPLES: &str = "Examples:
  fixtool tenant rename acme acme-europe
  fixtool tenant rename acme acme-europe --dry-run
";

/// Give a tenant another id; its namespace and its database roles follow
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The tenant
    #[arg(value_name = "ID", required_unless_present = "plan")]
    id: Option<TenantId>,
    /// Its new id
    #[arg(value_name = "NEW_ID", required_unless_present = "plan")]
    to: Option<TenantId>,
    #[command(flatten)]
    plan: PlanFlags,
}

impl Rebuild for Rename {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(Args { id, to, plan }: Args, session: &Session) -> CommandResult {
    let request = id.zip(to).map(|(id, to)| Request { id, to });
    run::operation(session, &RunFlags::on_one(&plan), async |site| {
        Ok(request.into_iter().map(|request| Rename::new(request, site.site_id())).collect())
    })
    .await
}
