//! `fixtool tenant …`: what the user may type about tenants.

mod adopt;
mod clone;
mod credential;
mod drop;
mod init;
mod list;
mod rename;
mod resume;
mod set_tier;
mod show;
mod suspend;

use clap::Subcommand;

use super::fault::CommandResult;
use super::session::Session;

/// Make, list, show, change, copy, take over and drop tenants
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Args),
    List(list::Args),
    Show(show::Args),
    SetTier(set_tier::Args),
    Suspend(suspend::Args),
    Resume(resume::Args),
    Clone(clone::Args),
    Rename(rename::Args),
    Drop(drop::Args),
    Adopt(adopt::Args),
    #[command(subcommand)]
    Credential(credential::Command),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Init(args) => init::run(args, session).await,
            Self::List(args) => list::run(&args, session).await,
            Self::Show(args) => show::run(args, session).await,
            Self::SetTier(args) => set_tier::run(args, session).await,
            Self::Suspend(args) => suspend::run(args, session).await,
            Self::Resume(args) => resume::run(args, session).await,
            Self::Clone(args) => clone::run(args, session).await,
            Self::Rename(args) => rename::run(args, session).await,
            Self::Drop(args) => drop::run(args, session).await,
            Self::Adopt(args) => adopt::run(args, session).await,
            Self::Credential(command) => command.run(session).await,
        }
    }
}
