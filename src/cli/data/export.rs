//! `fixtool data export`: what the user may type.

use std::path::{Path, PathBuf};

use crate::cli::fault::{CommandResult, Ending};
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::formats::{Compression, SourceFormat, check_format};
use crate::model::mask::{Masker, tied};
use crate::model::{TenantId, TenantRecord};
use crate::operations::data::export::{Export, ExportError, Request, stream};

const EXAMPLES: &str = "Examples:
  fixtool data export --tenant acme --output-dir ./acme
  fixtool data export --tenant acme --data-types users,content --format ndjson --compression zstd
  fixtool data export --tenant acme --mask-pii --output-dir ./for-the-tests
  fixtool data export -t acme --data-types users --output-dir - | head
";

/// Write a tenant's tables into files that 'data load' reads back to the same rows
///
/// One file a data type, readable by you alone. Each table is read in one snapshot.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Data types to write, separated by commas; all tables by default
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    data_types: Vec<String>,
    /// Format: csv, json or ndjson
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = format)]
    format: SourceFormat,
    /// Compression: none, gzip or zstd
    #[arg(long, value_name = "NAME", default_value = "none", value_parser = super::load::compression)]
    compression: Compression,
    /// Directory for the files, or '-' to write one data type to standard output; with several
    /// tenants, a directory of each one's name inside it
    #[arg(short = 'd', long, value_name = "DIR", default_value = ".")]
    output_dir: PathBuf,
    /// Mask personal data and leave secrets out: the same value gets the same mask in every table
    #[arg(long)]
    mask_pii: bool,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

impl Rebuild for Export {
    fn rebuild(request: Request, target: Target) -> Self {
        let tenant: TenantId = target.name.parse().unwrap_or_else(|_| request.tenant.clone());
        let directory = if tenant == request.tenant {
            request.directory.clone()
        } else {
            // With several tenants each has a directory of its name beside the others.
            request.directory.with_file_name(tenant.as_str())
        };
        Self::new(Request { tenant, directory, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    if args.output_dir.as_os_str() == "-" {
        return to_standard_output(&args, session).await;
    }
    let flags =
        RunFlags { plan: args.plan.clone(), fleet: args.fleet.clone(), target_named: args.selection.names_a_target() };
    run::operation(session, &flags, async |site| {
        let tenants = session.tenants(&args.selection).await?;
        let several = tenants.len() > 1;
        let operations = tenants.into_iter().map(|tenant| {
            let directory = std::path::absolute(&args.output_dir).unwrap_or_else(|_| args.output_dir.clone());
            let directory = if several { directory.join(tenant.id.as_str()) } else { directory };
            Export::new(request(&args, tenant.id, &directory), site.site_id())
        });
        Ok(operations.collect())
    })
    .await
}

fn request(args: &Args, tenant: TenantId, directory: &Path) -> Request {
    Request {
        tenant,
        data_types: args.data_types.clone(),
        format: args.format,
        compression: args.compression,
        directory: directory.to_owned(),
        mask_pii: args.mask_pii,
        overwrite: args.overwrite,
    }
}

/// Writes the records themselves as the result: no plan, no file, nothing else on the stream.
async fn to_standard_output(args: &Args, session: &Session) -> CommandResult {
    check_format(args.format).map_err(ExportError::from)?;
    let tenants = session.tenants(&args.selection).await?;
    let ([tenant], [data_type]) = (tenants.as_slice(), args.data_types.as_slice()) else {
        return Err(ExportError::One.into());
    };
    let reader = session.reader().await?;
    let model = reader.model_of(tenant).map_err(ExportError::from)?;
    let model = if args.mask_pii { tied(&model) } else { model };
    let export = prepared(args, tenant, &model, data_type)?;
    let database = reader.database(&tenant.placement).await.map_err(ExportError::from)?;
    match export.run(database, std::io::stdout(), (Path::new("standard output"), None)).await {
        // Whoever reads has read enough.
        Err(ExportError::Unwritable { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            Ok(Ending::Done)
        }
        ran => ran.map(|_| Ending::Done).map_err(Into::into),
    }
}

fn prepared(
    args: &Args,
    tenant: &TenantRecord,
    model: &crate::model::Model,
    data_type: &str,
) -> Result<stream::Export, ExportError> {
    let known = || model.tables.keys().cloned().collect::<Vec<_>>().join(", ");
    let (table, definition) = model.table_of(data_type).ok_or_else(|| ExportError::UnknownDataType {
        tenant: tenant.id.to_string(),
        name: data_type.to_owned(),
        help: format!("there are {}", known()),
    })?;
    Ok(stream::Export {
        namespace: tenant.namespace.clone(),
        table: table.to_owned(),
        definition: definition.clone(),
        format: args.format,
        compression: args.compression,
        masker: args.mask_pii.then(Masker::of_this_run),
    })
}

fn format(text: &str) -> Result<SourceFormat, String> {
    let format: SourceFormat = text.parse().map_err(|_| "use csv, json or ndjson".to_owned())?;
    check_format(format).map(|()| format).map_err(|_| "use csv, json or ndjson".to_owned())
}
