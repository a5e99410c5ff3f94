//! `fixtool backup …`: what the user may type about backups.

mod create;
mod key;
mod keygen;
mod list;
mod prune;
mod restore;
mod show;
mod verify;

use clap::Subcommand;

use super::fault::CommandResult;
use super::session::Session;

/// Make, list, show, verify and restore backups of tenants
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Args),
    List(list::Args),
    Show(show::Args),
    Verify(verify::Args),
    Restore(restore::Args),
    Prune(prune::Args),
    Keygen(keygen::Args),
    #[command(subcommand)]
    Key(key::Command),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Create(args) => create::run(args, session).await,
            Self::List(args) => list::run(&args, session).await,
            Self::Show(args) => show::run(args, session).await,
            Self::Verify(args) => verify::run(args, session).await,
            Self::Restore(args) => restore::run(args, session).await,
            Self::Prune(args) => prune::run(args, session).await,
            Self::Keygen(args) => keygen::run(args, session).await,
            Self::Key(command) => command.run(session).await,
        }
    }
}
