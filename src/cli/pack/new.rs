//! `fixtool pack new`: what the user may type.

use std::path::PathBuf;

use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::{CommandResult, Session};
use crate::engine::Target;
use crate::operations::pack::new::{New, Request};

const EXAMPLES: &str = "Examples:
  fixtool pack new mine
  fixtool pack new mine --from spotify-ai-agent --output-path ./packs/mine
  fixtool pack new mine --dry-run
";

/// Begin a pack of your own
///
/// It starts with one version, one table and two tiers, all right as they stand. Nothing that exists is overwritten.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The pack's name: a-z, 0-9 and '-', beginning with a letter
    #[arg(value_name = "NAME", required_unless_present = "plan")]
    name: Option<String>,
    /// Its folder; './packs/NAME' by default
    #[arg(long, value_name = "DIR")]
    output_path: Option<PathBuf>,
    /// Copy this pack instead of starting small
    #[arg(long, value_name = "PACK")]
    from: Option<String>,
    #[command(flatten)]
    plan: PlanFlags,
}

impl Rebuild for New {
    fn rebuild(request: Request, _target: Target) -> Self {
        Self::of(request)
    }
}

/// Runs the command.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let folder = args.output_path.map(|path| super::below(session, &path));
    let request = Request { name: args.name.unwrap_or_default(), folder, from: args.from };
    let flags = RunFlags::on_one(&args.plan);
    run::on_files(session, &flags, super::packs(session), New::of(request)).await
}
