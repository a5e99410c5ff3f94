//! `fixtool demo …`: see it work.

mod error;
mod records;
mod run;
mod scene;
mod script;

use clap::Subcommand;

use super::{CommandResult, Session};

/// See fixtool work: real commands on a real database, and nothing left behind
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::Args),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Run(args) => run::run(args, session).await,
        }
    }
}
