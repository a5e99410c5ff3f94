//! `fixtool backup prune`: what the user may type.

use std::time::Duration;

use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::config::Origin;
use crate::engine::Target;
use crate::operations::backup::prune::{Prune, Request};
use crate::snapshots::retention::Policy;

const EXAMPLES: &str = "Examples:
  fixtool backup prune --tenant acme --dry-run
  fixtool backup prune --tenant acme --keep-daily 7 --keep-weekly 4 --confirm acme
  fixtool backup prune --all --keep-within 30d --plan-out prune.json
";

/// Remove snapshots that no rule keeps
///
/// A snapshot that any rule keeps is kept, and the plan says by which. Without rules, the configured days or
/// the tenant's tier says how long. The newest verified snapshot always stays, and so does one that is being read. What snapshots alone
/// needed is freed a day later, by the next prune.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Keep the newest N
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = "What to keep")]
    keep_last: u32,
    /// Keep one for each of the last N hours that have any
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = "What to keep")]
    keep_hourly: u32,
    /// Keep one for each of the last N days that have any
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = "What to keep")]
    keep_daily: u32,
    /// Keep one for each of the last N weeks that have any
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = "What to keep")]
    keep_weekly: u32,
    /// Keep one for each of the last N months that have any
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = "What to keep")]
    keep_monthly: u32,
    /// Keep one for each of the last N years that have any
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = "What to keep")]
    keep_yearly: u32,
    /// Keep all that are younger, such as 7d
    #[arg(long, value_name = "AGE", value_parser = crate::config::kind::span, help_heading = "What to keep")]
    keep_within: Option<Duration>,
    /// Keep all with this word; may be repeated
    #[arg(long, value_name = "WORD", help_heading = "What to keep")]
    keep_tag: Vec<String>,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

impl Rebuild for Prune {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags =
        RunFlags { plan: args.plan.clone(), fleet: args.fleet.clone(), target_named: args.selection.names_a_target() };
    let policy = policy(&args, session);
    run::operation(session, &flags, async |site| {
        let tenants = session.tenants(&args.selection).await?;
        let request = |id| Request { id, policy: policy.clone() };
        Ok(tenants.into_iter().map(|tenant| Prune::new(request(tenant.id), site.site_id())).collect())
    })
    .await
}

/// What was typed, or what the configuration says; the tier decides where neither speaks.
fn policy(args: &Args, session: &Session) -> Option<Policy> {
    let typed = Policy {
        last: args.keep_last,
        hourly: args.keep_hourly,
        daily: args.keep_daily,
        weekly: args.keep_weekly,
        monthly: args.keep_monthly,
        yearly: args.keep_yearly,
        within: args.keep_within,
        tags: args.keep_tag.iter().cloned().collect(),
    };
    if !typed.is_empty() {
        return Some(typed);
    }
    let configured = session.resolved.get("backup.retention_days").is_some_and(|found| found.origin != Origin::Default);
    let days = Duration::from_hours(24 * u64::from(session.settings.backup.retention_days));
    configured.then(|| Policy { within: Some(days), ..Policy::default() })
}
