//! `fixtool pack schema`: what the user may type.

use clap::ValueEnum;

use crate::cli::{CommandResult, Session, run};
use crate::console::Page;
use crate::model::pack::schema::File;
use crate::operations::pack::schema::Schema;

const EXAMPLES: &str = "Examples:
  fixtool pack schema model > model.schema.json
  fixtool pack schema pack
  fixtool pack schema migration
";

/// Print the JSON schema of a pack's file, for an editor to complete it with
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Of which file
    #[arg(value_name = "FILE", value_enum)]
    file: FileName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileName {
    /// pack.yaml
    Pack,
    /// model.yaml
    Model,
    /// migration.yaml
    Migration,
}

impl From<FileName> for File {
    fn from(name: FileName) -> Self {
        match name {
            FileName::Pack => Self::Pack,
            FileName::Model => Self::Model,
            FileName::Migration => Self::Migration,
        }
    }
}

/// Runs the command.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    run::query(session, &Schema { file: args.file.into() }, &super::packs(session), |schema| {
        let mut page = Page::new();
        page.line(&format!("{schema:#}"));
        page
    })
    .await
}
