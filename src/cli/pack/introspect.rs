//! `fixtool pack introspect`: what the user may type.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backends::database::address::Address;
use crate::backends::database::connect;
use crate::backends::site::{Placement, SiteError};
use crate::cli::fault::Fault;
use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::{CommandResult, Session};
use crate::engine::Target;
use crate::model::selection::closest;
use crate::model::{Namespace, Version};
use crate::operations::pack::introspect::{Introspect, Request};

const EXAMPLES: &str = "Examples:
  fixtool pack introspect shop
  fixtool pack introspect public --name shop --output-path ./packs/shop
  fixtool pack introspect public --name shop --from-database postgres://db.example.com/shop --dry-run
";

/// Write a pack from a schema that exists already
///
/// Tables, columns, keys, indexes, checks and defaults are read; views, functions and triggers are not. The schema
/// itself is left as it is.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The schema; on SQLite the name of the file without its ending
    #[arg(value_name = "SCHEMA", required_unless_present = "plan")]
    schema: Option<String>,
    /// The new pack's name; the schema's by default
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Its version
    #[arg(long, value_name = "VERSION", default_value = "1.0.0")]
    pack_version: Version,
    /// Its folder; './packs/NAME' by default
    #[arg(long, value_name = "DIR")]
    output_path: Option<PathBuf>,
    /// A database of the configuration; the main one by default
    #[arg(long, value_name = "NAME", conflicts_with = "from_database")]
    placement: Option<String>,
    /// Another database, without a password
    #[arg(long, value_name = "URL")]
    from_database: Option<String>,
    #[command(flatten)]
    plan: PlanFlags,
}

impl Rebuild for Introspect {
    fn rebuild(request: Request, _target: Target) -> Self {
        Self::new(request)
    }
}

/// Runs the command.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let placement = placement(&args, session)?;
    let reader = connect::reader(&placement.address, &placement.limits).await.map_err(SiteError::from)?;
    let schema = args.schema.unwrap_or_default();
    let name = args.name.unwrap_or_else(|| schema.to_ascii_lowercase().replace('_', "-"));
    let folder = match args.output_path {
        Some(path) => super::below(session, &path),
        None => super::packs(session).folder.join(&name),
    };
    let request = Request { namespace: Namespace(schema), name, version: args.pack_version, folder };
    let flags = RunFlags::on_one(&args.plan);
    run::on_files(session, &flags, Arc::clone(&reader), Introspect::new(request)).await
}

fn placement(args: &Args, session: &Session) -> Result<Placement, Fault> {
    let mut options = session.site_options()?;
    if let Some(url) = &args.from_database {
        let address: Address = url.parse()?;
        return Ok(Placement { address, limits: options.database.limits });
    }
    match &args.placement {
        None => Ok(options.database),
        Some(name) if name == crate::model::tenant_record::MAIN_PLACEMENT => Ok(options.database),
        Some(name) => options.databases.remove(name).ok_or_else(|| {
            let guess = closest(name, options.databases.keys().map(String::as_str));
            SiteError::UnknownPlacement { name: name.clone(), guess }.into()
        }),
    }
}
