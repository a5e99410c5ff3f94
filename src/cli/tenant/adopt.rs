//! `fixtool tenant adopt`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::selection::parse_label;
use crate::model::tenant_record::MAIN_PLACEMENT;
use crate::model::{Namespace, SelectionError, TenantId, Version};
use crate::operations::tenant::adopt::{Adopt, Request};

const EXAMPLES: &str = "Examples:
  fixtool tenant adopt old-shop --namespace old_shop --pack ./packs/shop
  fixtool tenant adopt acme --namespace public --version 1.0.0 --dry-run
";

/// Take over a schema that exists already, without touching its rows
///
/// Its structure is compared with every version of the pack; the one that fits is registered.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The id that the tenant gets
    #[arg(value_name = "ID", required_unless_present = "plan")]
    id: Option<TenantId>,
    /// The schema that is there; on SQLite a file in the tenants' folder, without its '.db'
    #[arg(long, value_name = "NAME", required_unless_present = "plan")]
    namespace: Option<String>,
    /// The pack: a name, or the path of a folder
    #[arg(long, value_name = "PACK", default_value = crate::model::pack::builtin::DEFAULT)]
    pack: String,
    /// Take it for this version, although its structure differs
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    /// The tier, which settles quotas and policies
    #[arg(long, value_name = "TIER", default_value = "starter")]
    tier: String,
    /// A word to select the tenant by; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// The database server it lives on, by its name in the configuration
    #[arg(long, value_name = "NAME", default_value = MAIN_PLACEMENT, hide_short_help = true)]
    on: String,
    #[command(flatten)]
    plan: PlanFlags,
}

fn label(text: &str) -> Result<(String, String), SelectionError> {
    parse_label(text)
}

impl Rebuild for Adopt {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags = RunFlags::on_one(&args.plan);
    let request = args.id.zip(args.namespace).map(|(id, namespace)| Request {
        id,
        namespace: Namespace(namespace),
        pack: args.pack,
        version: args.version,
        tier: args.tier,
        placement: args.on,
        labels: args.label.into_iter().collect(),
    });
    run::operation(session, &flags, async |site| {
        Ok(request.into_iter().map(|request| Adopt::new(request, site.site_id())).collect())
    })
    .await
}
