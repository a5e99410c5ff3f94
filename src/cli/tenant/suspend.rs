//! `fixtool tenant suspend`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::operations::tenant::suspend::{Request, Suspend};

const EXAMPLES: &str = "Examples:
  fixtool tenant suspend acme
  fixtool tenant suspend acme --dry-run
  fixtool tenant suspend acme --keep-sessions --yes
  fixtool tenant suspend --label region=eu --yes
";

/// Refuse writes to tenants, and lock everybody out of their schemas
///
/// On PostgreSQL all rights on the schema, its tables, sequences and functions are taken, those of other roles and of
/// PUBLIC too, and sessions of the members of the tenant's roles are ended. 'tenant resume' gives back what was there.
/// SQLite knows no rights: fixtool refuses to write, and a program that opens the file still can.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Ids, or patterns such as 'acme-*'
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Let open sessions of the members of its roles go on, without rights; they are ended otherwise
    #[arg(long)]
    keep_sessions: bool,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

impl Rebuild for Suspend {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let mut selection = args.selection;
    selection.tenant.extend(args.ids);
    let target_named = selection.names_a_target();
    let flags = RunFlags { plan: args.plan, fleet: args.fleet, target_named };
    run::operation(session, &flags, async |site| {
        let tenants = session.tenants(&selection).await?;
        let suspend = |id| Suspend::new(Request { id, keep_sessions: args.keep_sessions }, site.site_id());
        Ok(tenants.into_iter().map(|tenant| suspend(tenant.id)).collect())
    })
    .await
}
