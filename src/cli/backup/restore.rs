//! `fixtool backup restore`: what the user may type.

use crate::cli::fault::{CommandResult, Fault};
use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::backup::restore::{Request, Restore};
use crate::operations::backup::which;

const EXAMPLES: &str = "Examples:
  fixtool backup restore acme --dry-run
  fixtool backup restore 20261123T0915 --tenant acme-copy
  fixtool backup restore 20261123T0915 --tables users,ai_sessions
  fixtool backup restore ./archives/acme_full_20261123T091500Z.tar.zst --tenant acme
";

/// Restore a tenant from a snapshot
///
/// It is restored beside the living tenant and compared with the snapshot. Only then do the two change places, in one
/// transaction; the old one is kept, and 'fixtool op undo' brings it back. With --tables, rows go over into the living tables in
/// one transaction, and a safety copy of these tables is made first.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// A snapshot by the beginning of its id, a tenant (its newest snapshot), or an archive
    #[arg(value_name = "WHAT", required_unless_present_any = ["plan", "backup_path"])]
    what: Option<String>,
    #[arg(long, hide = true, value_name = "FILE", conflicts_with = "what")]
    backup_path: Option<String>,
    /// The tenant that it becomes; the one that it was by default
    #[arg(short, long, value_name = "ID", alias = "tenant-id")]
    tenant: Option<TenantId>,
    /// The database that a new tenant goes to, as the configuration names it
    #[arg(long, value_name = "NAME")]
    on: Option<String>,
    /// Only the rows of these tables, into the living tenant; separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "on")]
    tables: Vec<String>,
    #[command(flatten)]
    plan: PlanFlags,
}

impl Rebuild for Restore {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags = RunFlags::on_one(&args.plan);
    run::operation(session, &flags, async |site| {
        let what = args.what.clone().or_else(|| args.backup_path.clone()).unwrap_or_default();
        let id = match &args.tenant {
            Some(id) => id.clone(),
            None => which::owner(site.backups(), &what).await.map_err(Fault::from)?,
        };
        let mut request = Request::new(what, id, args.on.clone());
        if !args.tables.is_empty() {
            request = request.of_tables(args.tables.iter().cloned());
        }
        request.no_safety_copy = args.plan.no_safety_backup;
        Ok(vec![Restore::new(request, site.site_id())])
    })
    .await
}
