//! `fixtool data …`: what the user may type about data.

mod export;
mod load;

use clap::Subcommand;

use super::fault::CommandResult;
use super::session::Session;

/// Load data into tenants
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Load(Box<load::Args>),
    Export(Box<export::Args>),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Load(args) => load::run(*args, session).await,
            Self::Export(args) => export::run(*args, session).await,
        }
    }
}
