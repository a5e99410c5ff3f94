//! `fixtool tenant …`: what the user may type about tenants.

mod init;

use clap::Subcommand;

use super::fault::CommandResult;
use super::session::Session;

/// Make, list, show, change, take over and drop tenants
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Args),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Init(args) => init::run(args, session).await,
        }
    }
}
