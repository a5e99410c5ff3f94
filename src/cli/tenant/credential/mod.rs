//! `fixtool tenant credential …`: what the user may type about sealed secrets.

mod list;
mod rotate;
mod secret;
mod set;

use clap::Subcommand;

use crate::cli::fault::CommandResult;
use crate::cli::session::Session;

/// Store, list and rotate the sealed secrets of a tenant's integrations
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Set(set::Args),
    List(list::Args),
    Rotate(rotate::Args),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Set(args) => set::run(args, session).await,
            Self::List(args) => list::run(args, session).await,
            Self::Rotate(args) => rotate::run(args, session).await,
        }
    }
}
