//! What can go wrong when data is loaded.

use std::path::PathBuf;

use super::circles::CircleError;
use super::unload::UnloadError;
use crate::backends::database::DatabaseError;
use crate::backends::sealing::SealingError;
use crate::backends::site::SiteError;
use crate::formats::{RecordError, SourceError};
use crate::rules::{CheckError, MappingError, PipelineError, RuleFileError};
use crate::snapshots::safety::SafetyError;

/// What can go wrong when data is loaded.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LoadError {
    /// The registry could not be asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),

    /// Tables refer to each other.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Circle(#[from] CircleError),

    /// The safety copy.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Safety(#[from] SafetyError),

    /// It cannot be taken back.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unload(#[from] UnloadError),

    /// A source does not fit its table.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pipeline(#[from] PipelineError),

    /// The model cannot be checked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Check(#[from] CheckError),

    /// The database refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Database(#[from] DatabaseError),

    /// A source cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),

    /// No table goes by that name.
    #[error("tenant '{tenant}' has no data type '{name}'")]
    #[diagnostic(code(fixtool::data::load::data_type), help("{help}"))]
    UnknownDataType {
        /// The tenant.
        tenant: String,
        /// The name.
        name: String,
        /// The nearest, or all.
        help: String,
    },

    /// A wanted data type has no file.
    #[error("no source holds '{data_type}'")]
    #[diagnostic(
        code(fixtool::data::load::no_source),
        help(
            "a directory's files are matched by name: put the records into {data_type}.csv, .tsv, .json, .ndjson or .yaml, or .gz or .zst of these"
        )
    )]
    NoSource {
        /// The data type.
        data_type: String,
    },

    /// Nothing was found to load.
    #[error("there is nothing to load in '{}'", path.display())]
    #[diagnostic(
        code(fixtool::data::load::nothing),
        help("a file's name says its data type: users.csv, content.ndjson.zst; or name it with --data-types")
    )]
    Nothing {
        /// Where was looked.
        path: PathBuf,
    },

    /// Two sources for one table.
    #[error("'{first}' and '{second}' both hold '{data_type}'")]
    #[diagnostic(code(fixtool::data::load::twice), help("load them one after the other"))]
    Twice {
        /// The data type.
        data_type: String,
        /// One source.
        first: String,
        /// The other.
        second: String,
    },

    /// The source has a field that the table has not.
    #[error("{source_name}: '{table}' has no column '{field}'")]
    #[diagnostic(code(fixtool::data::load::unknown_column), help("{help}"))]
    UnknownColumn {
        /// The source.
        source_name: String,
        /// The table.
        table: String,
        /// The field, shortened and escaped.
        field: String,
        /// The nearest column, and how to leave the field out.
        help: String,
    },

    /// A column is kept sealed, and a passphrase is all there is to seal with.
    #[error("'{column}' is kept sealed, and a passphrase takes about a second for each value")]
    #[diagnostic(
        code(fixtool::data::load::sealed_by_passphrase),
        help("set sealing.recipients, or leave sealing.passphrase out, so that an identity file is used")
    )]
    SealedByPassphrase {
        /// The column.
        column: String,
    },

    /// Nothing can be sealed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sealing(#[from] SealingError),

    /// The pack's rules cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rules(#[from] RuleFileError),

    /// The source lacks columns that the table must have.
    #[error("{source_name}: column {columns} of '{table}' must have a value, and the source does not hold it")]
    #[diagnostic(
        code(fixtool::data::load::missing_column),
        help("add the column, or give it a default or a constant in a mapping file (--mapping)")
    )]
    MissingColumns {
        /// The source.
        source_name: String,
        /// The table.
        table: String,
        /// The columns, quoted.
        columns: String,
    },

    /// The mapping file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Mapping(#[from] MappingError),

    /// The mapping reads fields that the source does not have.
    #[error("{source_name}: the mapping reads {fields}, which the source does not have")]
    #[diagnostic(code(fixtool::data::load::mapping_reads), help("compare the mapping file with the source's header"))]
    MappingReads {
        /// The source.
        source_name: String,
        /// The fields.
        fields: String,
    },

    /// A look-up would need too much memory.
    #[error("a look-up in '{table}' would have to hold more than {most} rows in memory")]
    #[diagnostic(
        code(fixtool::data::load::lookup_too_large),
        help("resolve the key before: export the two columns of the table and join them to the source")
    )]
    LookupTooLarge {
        /// The table.
        table: String,
        /// The limit.
        most: usize,
    },

    /// The strategy needs a key.
    #[error("'{table}' has no primary key, so records cannot meet rows")]
    #[diagnostic(code(fixtool::data::load::no_key), help("load it with --on-conflict error"))]
    NoKey {
        /// The table.
        table: String,
    },

    /// The strategy needs the key's columns in the source.
    #[error("the source of '{table}' does not hold '{column}', by which records meet rows")]
    #[diagnostic(
        code(fixtool::data::load::key_not_in_source),
        help("add the column, or look it up by a natural key in a mapping file (--mapping)")
    )]
    KeyNotInSource {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },

    /// Nobody said which column decides.
    #[error("'newest' needs a column that tells which record of '{table}' is newer")]
    #[diagnostic(
        code(fixtool::data::load::no_newest),
        help("set 'newest' of the table in the pack's model, and have the column in the source")
    )]
    NoNewest {
        /// The table.
        table: String,
        /// The column, if the model names one.
        column: Option<String>,
    },

    /// A deletion needs a complete comparison.
    #[error("--delete-missing deletes what a complete source does not hold")]
    #[diagnostic(code(fixtool::data::load::delete_needs_incremental), help("add --mode incremental"))]
    DeleteNeedsIncremental,

    /// A rejected record would count as missing.
    #[error("--delete-missing would delete the rows of rejected records")]
    #[diagnostic(code(fixtool::data::load::delete_needs_stop), help("load with --on-error stop"))]
    DeleteNeedsStop,

    /// A record cannot be read.
    #[error("{source_name}: {error}")]
    #[diagnostic(code(fixtool::data::load::broken_record), help("{help}"))]
    BrokenRecord {
        /// The source.
        source_name: String,
        /// Place and reason.
        error: Box<RecordError>,
        /// What to do.
        help: String,
    },

    /// A record is wrong.
    #[error("{source_name}, line {line}{column}: {reason}")]
    #[diagnostic(
        code(fixtool::data::load::bad_record),
        help("correct the record, or load the others with --on-error reject, which lists all that are wrong{more}")
    )]
    BadRecord {
        /// The source.
        source_name: String,
        /// Line of the record.
        line: u64,
        /// Column of the table, ready to print; empty for the record as a whole.
        column: String,
        /// What is wrong.
        reason: String,
        /// What is already loaded, ready to print.
        more: String,
    },

    /// More bad records than are borne.
    #[error("{source_name}: {rejected} of {read} records are wrong, more than --max-errors {limit} bears")]
    #[diagnostic(
        code(fixtool::data::load::too_many_errors),
        help("they are listed in '{}'; correct them there, or raise --max-errors", rejects.display())
    )]
    TooManyErrors {
        /// The source.
        source_name: String,
        /// How many were wrong.
        rejected: u64,
        /// How many were read.
        read: u64,
        /// The limit.
        limit: String,
        /// The rejects file.
        rejects: PathBuf,
    },

    /// The tier does not allow that many rows.
    #[error("the tenant's tier allows {most} rows of '{table}', and the load would make more")]
    #[diagnostic(
        code(fixtool::data::load::quota),
        help("load fewer, or raise the tier: fixtool tenant set-tier {tenant} TIER")
    )]
    Quota {
        /// The tenant.
        tenant: String,
        /// The table.
        table: String,
        /// The limit.
        most: u64,
    },

    /// The source is not the one that was planned.
    #[error("'{name}' has changed since the load was planned")]
    #[diagnostic(code(fixtool::data::load::source_changed), help("plan again: run the same command once more"))]
    SourceChanged {
        /// The source.
        name: String,
    },

    /// The rejects file cannot be written.
    #[error("the rejects file '{}' cannot be written: {error}", path.display())]
    #[diagnostic(code(fixtool::data::load::rejects), help("make room, or name another place with --rejects"))]
    Rejects {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },

    /// Standard input has no name that would say what it holds.
    #[error("standard input does not say what it holds")]
    #[diagnostic(
        code(fixtool::data::load::standard_input),
        help("name one data type and the format: --data-types users --format csv")
    )]
    StandardInput,

    /// A query has no name that would say what it holds.
    #[error("rows of another database go into one data type")]
    #[diagnostic(code(fixtool::data::load::one_data_type), help("name it: --data-types users"))]
    OneDataType,

    /// Nobody said what to read.
    #[error("--from-database does not say what to read")]
    #[diagnostic(code(fixtool::data::load::what_to_read), help("add --table NAME or --query SQL"))]
    WhatToRead,

    /// The zone of times without one is unknown.
    #[error("{reason}")]
    #[diagnostic(
        code(fixtool::data::load::time_zone),
        help("--time-zone takes the names of the IANA time zone database, such as Europe/Berlin")
    )]
    TimeZone {
        /// What is wrong, and the nearest name.
        reason: String,
    },

    /// A source that cannot be read twice could not be kept.
    #[error("the source could not be kept in '{}': {error}", path.display())]
    #[diagnostic(code(fixtool::data::load::spool), help("make room, or write it to a file and load that"))]
    Spool {
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },

    /// Something that cannot happen, happened.
    #[error("{message}")]
    #[diagnostic(code(fixtool::data::load::bug), help("please report it, with 'fixtool op show' of the run"))]
    Bug {
        /// What.
        message: String,
    },
}
