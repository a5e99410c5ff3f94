//! `fixtool pack …`: what tenants are made of.

mod check;
mod introspect;
mod list;
mod new;
mod schema;
mod show;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{CommandResult, Session};
use crate::operations::pack::Packs;

/// Look at packs, check them, write new ones
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Args),
    Show(show::Args),
    Check(check::Args),
    Schema(schema::Args),
    New(new::Args),
    Introspect(Box<introspect::Args>),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::List(args) => list::run(args, session).await,
            Self::Show(args) => show::run(args, session).await,
            Self::Check(args) => check::run(args, session).await,
            Self::Schema(args) => schema::run(args, session).await,
            Self::New(args) => new::run(args, session).await,
            Self::Introspect(args) => introspect::run(*args, session).await,
        }
    }
}

/// Where packs are looked for.
fn packs(session: &Session) -> Packs {
    Packs { folder: below(session, &session.settings.paths.packs) }
}

/// A path that was typed, as it is from the root; without the `.` that only make it longer.
fn below(session: &Session, path: &Path) -> PathBuf {
    session.environment.directory.join(path).components().collect()
}
