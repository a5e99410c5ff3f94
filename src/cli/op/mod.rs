//! `fixtool op …`: what the user may type about what was run.

mod log;
pub mod registry;
mod resume;
mod show;
mod undo;
mod verify;

use std::sync::Arc;

use clap::Subcommand;

use super::fault::{CommandResult, Fault};
use super::session::Session;
use crate::engine::Ledger;

/// See, resume, undo and prove what was run
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Log(log::Args),
    Show(show::Args),
    Resume(resume::Args),
    Undo(undo::Args),
    Verify(verify::Args),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Log(args) => log::run(args, session).await,
            Self::Show(args) => show::run(args, session).await,
            Self::Resume(args) => resume::run(args, session).await,
            Self::Undo(args) => undo::run(args, session).await,
            Self::Verify(args) => verify::run(args, session).await,
        }
    }
}

/// A moment of the ledger for people: to the second, in UTC.
fn moment(stamp: &str) -> String {
    let second = stamp.get(..19).filter(|_| stamp.ends_with('Z'));
    second.map_or_else(|| stamp.to_owned(), |second| format!("{} UTC", second.replace('T', " ")))
}

/// The log of operations, for reading.
async fn ledger(session: &Session) -> Result<Arc<dyn Ledger>, Fault> {
    Ok(Arc::new(session.reader().await?.catalog().clone()))
}
