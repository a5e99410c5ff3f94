//! `fixtool config …`: what was settled beforehand, and where.

mod init;
mod path;
mod show;

use clap::Subcommand;

use super::{CommandResult, Ending, Session};

/// Show the settings, where they come from, and write a file to start from
#[derive(Debug, Subcommand)]
pub enum Command {
    Show(show::Args),
    Path(path::Args),
    Init(init::Args),
}

impl Command {
    /// Runs it.
    pub fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Show(args) => show::run(&args, session),
            Self::Path(args) => {
                path::run(args, session);
                Ok(Ending::Done)
            }
            Self::Init(args) => init::run(&args, session),
        }
    }

    /// Whether it works without settings.
    pub fn needs_no_settings(&self) -> bool {
        matches!(self, Self::Init(_))
    }
}
