//! `fixtool backup create`: what the user may type.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::fault::CommandResult;
use crate::cli::flags::{FleetFlags, PlanFlags, SelectionFlags};
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::model::TenantId;
use crate::operations::backup::create::{Archive, Create, Files, Request};
use crate::snapshots::Codec;
use crate::snapshots::archive::ArchiveFormat;
use crate::snapshots::manifest::Kind;

const EXAMPLES: &str = "Examples:
  fixtool backup create --tenant acme --include-files
  fixtool backup create --all --backup-type incremental
  fixtool backup create --all --copy-to s3://acme-second/fixtool
  fixtool backup create --tenant acme --compression gzip --encryption --output-path ./archives
";

/// Back up tenants, each as it is at one moment
///
/// Nothing is locked but against changes of structure. What the repository holds already is not stored again, so a backup
/// that was interrupted goes on where it was when it is made again.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that the user may type")]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Read everything, or only the ranges of keys in which something changed
    #[arg(long, value_name = "TYPE", default_value = "full")]
    backup_type: KindName,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    tables: Vec<String>,
    /// Structure without rows
    #[arg(long, conflicts_with = "data_only")]
    schema_only: bool,
    /// Rows without structure
    #[arg(long)]
    data_only: bool,
    /// The tenant's files as well
    #[arg(long)]
    include_files: bool,
    /// Of the files, leave out the folders 'cache' and 'tmp'; what Redis holds is never stored
    #[arg(long)]
    exclude_cache: bool,
    /// How rows are compressed
    #[arg(long, value_name = "NAME", default_value = "zstd")]
    compression: CodecName,
    /// How hard: 1 to 22 for zstd, 1 to 9 for gzip
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=22), hide_short_help = true)]
    level: Option<u32>,
    /// Fail rather than write anything unsealed; the default as soon as a key is configured
    #[arg(long, overrides_with = "no_encryption")]
    encryption: bool,
    /// Write in clear although a key is configured
    #[arg(long, overrides_with = "encryption", hide_short_help = true)]
    no_encryption: bool,
    /// Write one archive into this directory, in place of the repository
    #[arg(long, value_name = "DIR")]
    output_path: Option<PathBuf>,
    /// Copy the snapshot to this directory or bucket as well, named as in backup.path; may be repeated
    #[arg(long, value_name = "PLACE", conflicts_with = "output_path")]
    copy_to: Vec<String>,
    /// The archive's kind: tar.gz with gzip, tar.zst otherwise, by default
    #[arg(long, value_name = "KIND", requires = "output_path")]
    archive: Option<ArchiveName>,
    /// Exit 10 if the tenant has less than this share of the rows of its last backup
    #[arg(long, value_name = "RATIO", default_value = "0.5", value_parser = ratio, hide_short_help = true)]
    min_rows_ratio: f64,
    /// A word to keep it by; may be repeated
    #[arg(long, value_name = "WORD", hide_short_help = true)]
    tag: Vec<String>,
    #[command(flatten)]
    selection: SelectionFlags,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    fleet: FleetFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindName {
    /// Everything is read
    Full,
    /// What changed since the last one is read
    Incremental,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CodecName {
    /// Fast and small
    Zstd,
    /// For systems that have nothing else
    Gzip,
    /// As it is
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArchiveName {
    #[value(name = "tar.zst")]
    TarZst,
    #[value(name = "tar.gz")]
    TarGz,
    #[value(name = "tar")]
    Tar,
    #[value(name = "zip")]
    Zip,
}

fn ratio(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("a number from 0 to 1".to_owned()) }
}

impl Rebuild for Create {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags =
        RunFlags { plan: args.plan.clone(), fleet: args.fleet.clone(), target_named: args.selection.names_a_target() };
    run::operation(session, &flags, async |site| {
        let tenants = session.tenants(&args.selection).await?;
        let site = site.site_id();
        Ok(tenants.into_iter().map(|tenant| Create::new(request(&args, session, tenant.id), site)).collect())
    })
    .await
}

fn request(args: &Args, session: &Session, id: TenantId) -> Request {
    let format = match (args.archive, args.compression) {
        (Some(ArchiveName::TarGz), _) | (None, CodecName::Gzip) => ArchiveFormat::TarGz,
        (Some(ArchiveName::TarZst), _) | (None, CodecName::Zstd) => ArchiveFormat::TarZst,
        (Some(ArchiveName::Tar), _) | (None, CodecName::None) => ArchiveFormat::Tar,
        (Some(ArchiveName::Zip), _) => ArchiveFormat::Zip,
    };
    let codec = match args.compression {
        CodecName::Zstd => Codec::Zstd { level: args.level.and_then(|level| i32::try_from(level).ok()).unwrap_or(3) },
        CodecName::Gzip => Codec::Gzip { level: args.level.unwrap_or(6).min(9) },
        CodecName::None => Codec::None,
    };
    let archive = |folder: &PathBuf| Archive { folder: session.environment.directory.join(folder), format };
    Request {
        kind: if args.backup_type == KindName::Full { Kind::Full } else { Kind::Incremental },
        tables: (!args.tables.is_empty()).then(|| args.tables.iter().cloned().collect()),
        structure: !args.data_only,
        rows: !args.schema_only,
        files: args.include_files.then_some(if args.exclude_cache { Files::WithoutCache } else { Files::All }),
        codec,
        sealed: match (args.encryption, args.no_encryption) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        archive: args.output_path.as_ref().map(archive),
        copies: args.copy_to.iter().map(|place| session.place(place)).collect(),
        min_rows_ratio: args.min_rows_ratio,
        tags: args.tag.iter().cloned().collect(),
        ..Request::whole(id)
    }
}
