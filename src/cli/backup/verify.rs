//! `fixtool backup verify`: what the user may type.

use std::time::Duration;

use clap::ValueEnum;

use crate::cli::fault::{CommandResult, Fault};
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::backup::BackupError;
use crate::operations::backup::verify::{Request, Verify, owner};
use crate::snapshots::vault::Vault;
use crate::snapshots::verified::Level;

const EXAMPLES: &str = "Examples:
  fixtool backup verify --tenant acme
  fixtool backup verify 20261123T0915 --level drill
  fixtool backup verify --all --newest --level quick --max-age 7d
  fixtool backup verify ./archives/acme_full_20261123T091500Z.tar.zst
";

/// Verify that what is stored is what was taken
///
/// 'data' reads every byte: hashes, seals, compression, rows. 'live' compares with the living tenant, 'drill' restores into a
/// scratch namespace and compares. Damage ends with exit code 10; results are kept and listed.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// A snapshot by the beginning of its id, or an archive; all snapshots of the selected tenants by default
    #[arg(value_name = "SNAPSHOT|FILE")]
    snapshot: Option<String>,
    /// How deep to look
    #[arg(long, value_name = "LEVEL", default_value = "data")]
    level: LevelName,
    /// Only the newest snapshot of each tenant
    #[arg(long)]
    newest: bool,
    /// Believe good results that are younger than this, such as 7d
    #[arg(long, value_name = "AGE", value_parser = age)]
    max_age: Option<Duration>,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LevelName {
    /// The manifest can be opened
    List,
    /// Every object is there, with the right size
    Quick,
    /// Every byte is right
    Data,
    /// The living tenant has the same rows
    Live,
    /// A restored copy has the same rows
    Drill,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::List => Self::List,
            LevelName::Quick => Self::Quick,
            LevelName::Data => Self::Data,
            LevelName::Live => Self::Live,
            LevelName::Drill => Self::Drill,
        }
    }
}

fn age(text: &str) -> Result<Duration, String> {
    crate::config::kind::span(text)
}

impl Rebuild for Verify {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let target_named = args.snapshot.is_some() || args.selection.names_a_target();
    let flags = RunFlags { plan: args.plan.clone(), fleet: args.fleet.clone(), target_named };
    run::operation(session, &flags, async |site| {
        let archive = args.snapshot.as_ref().map(|given| session.environment.directory.join(given));
        let archive = archive.filter(|path| path.is_file());
        let request = |id: TenantId| Request {
            id,
            snapshot: args.snapshot.clone().filter(|_| archive.is_none()),
            archive: archive.clone(),
            newest: args.newest,
            level: args.level.into(),
            max_age: args.max_age.map(|age| age.as_secs()),
        };
        if let Some(path) = &archive {
            // Whoever names a tenant as well wants to know whether it is of that tenant.
            let id = owner(path).map_err(Fault::from)?;
            let wanted = args.selection.selection();
            if args.selection.names_a_target() && wanted.single() != Some(id.as_str()) {
                return Err(Fault::from(BackupError::NotOf { path: path.clone(), tenant: id.to_string() }));
            }
            return Ok(vec![Verify::new(request(id), site.site_id())]);
        }
        let ids = match &args.snapshot {
            Some(given) if !args.selection.names_a_target() => {
                let vault = Vault::existing(site.backups()).await.map_err(problem)?;
                vec![vault.repository().find(None, given).await.map_err(problem)?.tenant]
            }
            _ => session.tenants(&args.selection).await?.into_iter().map(|tenant| tenant.id).collect(),
        };
        Ok(ids.into_iter().map(|id| Verify::new(request(id), site.site_id())).collect())
    })
    .await
}

fn problem(error: crate::snapshots::SnapshotError) -> Fault {
    BackupError::from(error).into()
}
