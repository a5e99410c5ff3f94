//! `fixtool backup keygen`: what the user may type.

use std::path::PathBuf;

use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::{CommandResult, Session};
use crate::engine::Target;
use crate::operations::backup::keygen::{Keygen, Request};

const EXAMPLES: &str = "Examples:
  fixtool backup keygen
  fixtool backup keygen --output-path /root/backup-key.txt --yes
";

/// Make a key for backups
///
/// The file is an age identity: whoever has it can open the backups, and without it nobody can. Keep it somewhere else than
/// the backups. Its public half goes into backup.recipients.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The file; './backup-key.txt' by default
    #[arg(long, value_name = "FILE", default_value = "backup-key.txt")]
    output_path: PathBuf,
    #[command(flatten)]
    plan: PlanFlags,
}

impl Rebuild for Keygen {
    fn rebuild(request: Request, _target: Target) -> Self {
        Self::of(request)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let path = session.environment.directory.join(&args.output_path);
    run::on_files(session, &RunFlags::on_one(&args.plan), (), Keygen::of(Request { path })).await
}
