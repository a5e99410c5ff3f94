//! `fixtool tenant init`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::selection::parse_label;
use crate::model::tenant_record::MAIN_PLACEMENT;
use crate::model::{SelectionError, TenantId, Version};
use crate::operations::tenant::init::{Init, Request};

const EXAMPLES: &str = "Examples:
  fixtool tenant init acme
  fixtool tenant init acme --tier enterprise --initialize-data --admin-email ada@example.com
  fixtool tenant init acme --version 1.0.0 --label region=eu --dry-run
  fixtool tenant init shop-1 shop-2 shop-3 --tier starter --concurrency 8 --yes
";

/// Make tenants: namespace, tables, roles, quotas, settings, first data
///
/// A tenant that exists as asked is left as it is; one whose making was interrupted is finished.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Ids: 3 to 50 of a-z, 0-9, '_' and '-', starting with a letter or a digit
    #[arg(value_name = "ID", required_unless_present_any = ["plan", "tenant_id"])]
    ids: Vec<TenantId>,
    #[arg(long, hide = true, value_name = "ID", conflicts_with = "ids")]
    tenant_id: Vec<TenantId>,
    /// The tier, which settles quotas and policies
    #[arg(long, value_name = "TIER", default_value = "starter")]
    tier: String,
    /// The pack: a name, or the path of a folder
    #[arg(long, value_name = "PACK", default_value = crate::model::pack::builtin::DEFAULT)]
    pack: String,
    /// The version of the pack; the newest by default
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    /// Load the pack's first data
    #[arg(long)]
    initialize_data: bool,
    /// Make this person the first administrator
    #[arg(long, value_name = "EMAIL")]
    admin_email: Option<String>,
    /// A word to select the tenant by; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// The database server to live on, by its name in the configuration
    #[arg(long, value_name = "NAME", default_value = MAIN_PLACEMENT, hide_short_help = true)]
    on: String,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

fn label(text: &str) -> Result<(String, String), SelectionError> {
    parse_label(text)
}

impl Rebuild for Init {
    fn rebuild(request: Request, target: Target) -> Self {
        let id: TenantId = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags = RunFlags { plan: args.plan.clone(), fleet: args.fleet.clone(), target_named: true };
    run::operation(session, &flags, async |site| {
        let mut ids: Vec<TenantId> = args.ids.iter().chain(&args.tenant_id).cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids.into_iter().map(|id| Init::new(request(&args, id), site.site_id())).collect())
    })
    .await
}

fn request(args: &Args, id: TenantId) -> Request {
    Request {
        id,
        pack: args.pack.clone(),
        version: args.version,
        tier: args.tier.clone(),
        placement: args.on.clone(),
        labels: args.label.iter().cloned().collect(),
        admin_email: args.admin_email.clone(),
        initialize_data: args.initialize_data,
    }
}
