//! `fixtool data load`: what the user may type.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::backends::database::Conflict;
use crate::backends::database::address::Address;
use crate::backends::database::connect::{self, Limits as ConnectLimits};
use crate::backends::database::quote::identifier;
use crate::cli::fault::{CommandResult, Fault};
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::config::passwords::{Login, of_postgres};
use crate::engine::Target;
use crate::formats::{Compression, CsvOptions, Limits, SourceFormat, SourceOptions};
use crate::model::TenantId;
use crate::operations::data::load::{Input, Load, LoadError, MaxErrors, Mode, OnError, Request, spool, time_zone};

const EXAMPLES: &str = "Examples:
  fixtool data load users.csv --tenant acme
  fixtool data load ./seed --tenant acme --data-types users,ai_sessions --dry-run
  fixtool data load users.ndjson.zst --tenant acme --mode incremental --on-error reject
  psql -c 'copy users to stdout csv header' | fixtool data load - --format csv --data-types users -t acme
";

/// Load records from files, standard input or a database into a tenant's tables
///
/// Every record is checked before it is written. An empty table is loaded before its indexes are
/// built; a filled one through a staging table, in batches that are durable with their checkpoint.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that the user may type")]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Files, a directory (files are matched to data types by name), or '-' for standard input
    #[arg(value_name = "SOURCE", required_unless_present_any = ["plan", "from_database", "source_path"])]
    sources: Vec<PathBuf>,
    #[arg(long, hide = true, value_name = "DIR", conflicts_with = "sources")]
    source_path: Option<PathBuf>,
    /// Read a table or a query of another database instead of files
    #[arg(long, value_name = "URL", conflicts_with = "sources", help_heading = "Source")]
    from_database: Option<String>,
    /// With --from-database: the table to read, 'schema.table' or 'table'
    #[arg(long, value_name = "NAME", requires = "from_database", help_heading = "Source")]
    table: Option<String>,
    /// With --from-database: the query to read
    #[arg(long, value_name = "SQL", requires = "from_database", conflicts_with = "table", help_heading = "Source")]
    query: Option<String>,
    /// Data types to load, separated by commas; all that the source holds by default
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Source")]
    data_types: Vec<String>,
    /// Format, where the name does not tell
    #[arg(long, value_name = "FORMAT", value_parser = format, help_heading = "Source")]
    format: Option<SourceFormat>,
    /// Compression, where the name does not tell
    #[arg(long, value_name = "NAME", value_parser = compression, hide_short_help = true, help_heading = "Source")]
    compression: Option<Compression>,
    /// Delimiter of CSV
    #[arg(
        long,
        value_name = "CHAR",
        conflicts_with = "from_database",
        hide_short_help = true,
        help_heading = "Source"
    )]
    delimiter: Option<char>,
    /// Text that stands for NULL in CSV and TSV, beside an unquoted empty field
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "from_database",
        hide_short_help = true,
        help_heading = "Source"
    )]
    null_as: Option<String>,
    /// Zone of times that name none, such as Europe/Berlin; without it they are refused
    #[arg(long, value_name = "ZONE", value_parser = zone, help_heading = "Source")]
    time_zone: Option<String>,
    /// Mapping file: rename, cast, default, look-up and more, see docs/loading.md
    #[arg(long, value_name = "FILE", help_heading = "Source")]
    mapping: Option<PathBuf>,
    /// Everything, or only what is new or changed
    #[arg(long, value_enum, default_value = "batch", help_heading = "Writing")]
    mode: ModeName,
    /// What happens to a record whose key exists already
    #[arg(long, value_enum, default_value = "error", help_heading = "Writing")]
    on_conflict: ConflictName,
    /// With --mode incremental: delete rows that the source does not hold
    #[arg(long, hide_short_help = true, help_heading = "Writing")]
    delete_missing: bool,
    /// Records of a durable batch, when the table is not empty
    #[arg(long, value_name = "N", default_value_t = 50_000, hide_short_help = true, help_heading = "Writing",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch_size: u32,
    /// Leave the tenant's cache keys alone
    #[arg(long, hide_short_help = true, help_heading = "Writing")]
    keep_cache: bool,
    /// What a bad record does
    #[arg(long, value_enum, default_value = "stop", help_heading = "Bad records")]
    on_error: OnErrorName,
    /// With --on-error reject: how many are borne, a number or a share such as '1%'
    #[arg(long, value_name = "N|P%", help_heading = "Bad records")]
    max_errors: Option<MaxErrors>,
    /// Directory for rejects files, '<data type>.rejects.ndjson', that can be corrected and loaded again
    #[arg(long, value_name = "DIR", help_heading = "Bad records")]
    rejects: Option<PathBuf>,
    /// Check records against the pack's rules (the default)
    #[arg(long, overrides_with = "no_validate_data", hide = true)]
    validate_data: bool,
    /// Leave the pack's own rules out; types and constraints are always checked
    #[arg(long, hide_short_help = true, help_heading = "Bad records")]
    no_validate_data: bool,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

impl Rebuild for Load {
    fn rebuild(request: Request, target: Target) -> Self {
        let tenant: TenantId = target.name.parse().unwrap_or_else(|_| request.tenant.clone());
        Self::new(Request { tenant, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags =
        RunFlags { plan: args.plan.clone(), fleet: args.fleet.clone(), target_named: args.selection.names_a_target() };
    let state = &session.settings.paths.state;
    let spooled = std::path::absolute(state).unwrap_or_else(|_| state.clone()).join("spool");
    let kept = std::sync::OnceLock::new();
    let ended = run::operation(session, &flags, async |site| {
        let tenants = session.tenants(&args.selection).await?;
        let sources = sources(&args, session, &spooled).await?;
        let _ = kept.set(sources.clone());
        let operations =
            tenants.into_iter().map(|tenant| Load::new(request(&args, session, &sources, tenant.id), site.site_id()));
        Ok(operations.collect())
    })
    .await;
    // A run that can be resumed reads its source again.
    if matches!(ended, Ok(crate::cli::fault::Ending::Done | crate::cli::fault::Ending::Partial))
        && flags.plan.plan_out.is_none()
    {
        kept.get().into_iter().flatten().for_each(|input| spool::remove(&spooled, input));
    }
    ended
}

async fn sources(args: &Args, session: &Session, spooled: &Path) -> Result<Vec<Input>, Fault> {
    let mut inputs = Vec::new();
    if let Some(url) = &args.from_database {
        inputs.push(from_database(args, url, (session, spooled)).await?);
    }
    for path in args.sources.iter().chain(&args.source_path) {
        if path.as_os_str() == "-" {
            inputs.push(standard_input(args, spooled).await?);
        } else {
            let name = path.display().to_string();
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            inputs.push(Input { path, name });
        }
    }
    Ok(inputs)
}

/// A table or a query of another database; its password comes from where every password comes from.
async fn from_database(args: &Args, url: &str, (session, spooled): (&Session, &Path)) -> Result<Input, Fault> {
    let query = match (&args.query, &args.table, args.data_types.as_slice()) {
        (_, _, many) if many.len() != 1 => return Err(LoadError::OneDataType.into()),
        (Some(query), _, _) => query.clone(),
        (None, Some(table), _) => {
            let parts: Vec<String> = table.split('.').map(identifier).collect();
            format!("SELECT * FROM {}", parts.join("."))
        }
        (None, None, _) => return Err(LoadError::WhatToRead.into()),
    };
    let login = Login::of(url, &session.environment);
    let password = match login.map(|login| of_postgres(&login, &session.environment)) {
        Some(Ok(found)) => found.map(|(password, _)| password.expose().to_owned()),
        Some(Err(problem)) => {
            session.console.warn(&problem);
            None
        }
        None => None,
    };
    let address = url.parse::<Address>()?.with_password(password);
    let limits = ConnectLimits { connect: session.settings.connect_timeout, ..ConnectLimits::default() };
    let reader = connect::reader(&address, &limits).await.map_err(LoadError::from)?;
    let kept = spool::from_database(spooled, &address.masked(), (reader.clone(), query)).await;
    reader.close().await;
    Ok(kept?)
}

async fn standard_input(args: &Args, spooled: &Path) -> Result<Input, Fault> {
    let (Some(format), [_]) = (args.format, args.data_types.as_slice()) else {
        return Err(LoadError::StandardInput.into());
    };
    let folder = spooled.to_owned();
    let kept = tokio::task::spawn_blocking(move || {
        spool::from_stream(&folder, "standard input", format, std::io::stdin().lock())
    });
    let kept = kept.await.map_err(|error| LoadError::Bug { message: error.to_string() })?;
    Ok(kept?)
}

fn request(args: &Args, session: &Session, sources: &[Input], tenant: TenantId) -> Request {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let rejects = match &args.rejects {
        Some(folder) => absolute(folder),
        None => absolute(&session.settings.paths.state).join("rejects").join(tenant.as_str()),
    };
    Request {
        tenant,
        sources: sources.to_vec(),
        data_types: args.data_types.clone(),
        options: SourceOptions {
            format: args.format,
            compression: args.compression,
            csv: CsvOptions { delimiter: args.delimiter, null_as: args.null_as.iter().cloned().collect() },
            limits: Limits::default(),
        },
        time_zone: args.time_zone.clone(),
        mapping: args.mapping.as_ref().map(absolute),
        mode: args.mode.into(),
        conflict: args.on_conflict.into(),
        on_error: args.on_error.into(),
        max_errors: args.max_errors.unwrap_or_default(),
        batch_size: args.batch_size,
        rejects,
        delete_missing: args.delete_missing,
        validate: !args.no_validate_data,
        keep_cache: args.keep_cache,
        no_safety_copy: args.plan.no_safety_backup,
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeName {
    /// Every record
    Batch,
    /// Only what is new or changed
    Incremental,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ConflictName {
    /// The record is refused
    Error,
    /// The row stays
    Skip,
    /// The row takes all values of the record
    Overwrite,
    /// The row takes the record's values that are not null
    Merge,
    /// The later one wins, by the model's 'newest' column
    Newest,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnErrorName {
    /// Ends the load
    Stop,
    /// Goes to the rejects file
    Reject,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Batch => Self::Batch,
            ModeName::Incremental => Self::Incremental,
        }
    }
}

impl From<ConflictName> for Conflict {
    fn from(name: ConflictName) -> Self {
        match name {
            ConflictName::Error => Self::Error,
            ConflictName::Skip => Self::Skip,
            ConflictName::Overwrite => Self::Overwrite,
            ConflictName::Merge => Self::Merge,
            ConflictName::Newest => Self::Newest,
        }
    }
}

impl From<OnErrorName> for OnError {
    fn from(name: OnErrorName) -> Self {
        match name {
            OnErrorName::Stop => Self::Stop,
            OnErrorName::Reject => Self::Reject,
        }
    }
}

fn zone(text: &str) -> Result<String, String> {
    time_zone(text).map(|_| text.to_owned())
}

fn format(text: &str) -> Result<SourceFormat, String> {
    text.parse().map_err(|_| "use csv, tsv, json, ndjson or yaml".to_owned())
}

/// A compression by its name.
pub(super) fn compression(text: &str) -> Result<Compression, String> {
    match text {
        "none" => Ok(Compression::None),
        _ => Compression::of_ending(text).ok_or_else(|| "use none, gzip or zstd".to_owned()),
    }
}
