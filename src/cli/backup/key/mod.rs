//! `fixtool backup key …`: what the user may type about who can open backups.

mod add;
mod destroy;
mod list;
mod recipients;
mod remove;
mod rotate;
mod selected;

use clap::Subcommand;

use crate::cli::fault::CommandResult;
use crate::cli::session::Session;

/// Say who can open the backups of tenants
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(list::Args),
    Add(add::Args),
    Remove(remove::Args),
    Rotate(rotate::Args),
    Destroy(destroy::Args),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::List(args) => list::run(&args, session).await,
            Self::Add(args) => add::run(args, session).await,
            Self::Remove(args) => remove::run(args, session).await,
            Self::Rotate(args) => rotate::run(args, session).await,
            Self::Destroy(args) => destroy::run(args, session).await,
        }
    }
}
