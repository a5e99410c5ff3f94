//! What can go wrong when data is exported.

use std::path::PathBuf;

use crate::backends::database::DatabaseError;
use crate::backends::site::{SiteError, database_failure};
use crate::engine::{Failure, FailureKind};
use crate::formats::SourceError;

/// What can go wrong when data is exported.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ExportError {
    /// The registry could not be asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Site(#[from] SiteError),

    /// The database refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Database(#[from] DatabaseError),

    /// The format is only read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Format(#[from] SourceError),

    /// No table goes by that name.
    #[error("tenant '{tenant}' has no data type '{name}'")]
    #[diagnostic(code(fixtool::data::export::data_type), help("{help}"))]
    UnknownDataType {
        /// The tenant.
        tenant: String,
        /// The name.
        name: String,
        /// The nearest, or all.
        help: String,
    },

    /// A file stands in the way.
    #[error("'{}' exists already", path.display())]
    #[diagnostic(
        code(fixtool::data::export::exists),
        help("export into another directory with --output-dir, or replace what is there with --overwrite")
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// A file cannot be written.
    #[error("cannot write '{}'", path.display())]
    #[diagnostic(
        code(fixtool::data::export::unwritable),
        help("check the directory's permissions and the free space, or name another with --output-dir")
    )]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A value that the format cannot say.
    #[error("'{table}', {reason}")]
    #[diagnostic(
        code(fixtool::data::export::not_sayable),
        help("export the table with --format csv, or correct the row")
    )]
    NotSayable {
        /// The table.
        table: String,
        /// The row, the column, and what is the matter.
        reason: String,
    },

    /// Standard output takes one data type of one tenant.
    #[error("standard output takes exactly one data type of one tenant")]
    #[diagnostic(
        code(fixtool::data::export::one),
        help("name both: fixtool data export --tenant acme --data-types users --output-dir -")
    )]
    One,

    /// A bug.
    #[error("{message}")]
    #[diagnostic(code(fixtool::data::export::bug))]
    Bug {
        /// What was found.
        message: String,
    },
}

impl Failure for ExportError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Site(error) => error.kind(),
            Self::Database(error) => database_failure(error),
            Self::Format(_) | Self::UnknownDataType { .. } | Self::One => FailureKind::Usage,
            Self::Exists { .. } => FailureKind::Refused,
            Self::Unwritable { .. } | Self::NotSayable { .. } => FailureKind::Failed,
            Self::Bug { .. } => FailureKind::Bug,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Site(error) => error.is_transient(),
            Self::Database(error) => error.is_transient(),
            _ => false,
        }
    }
}
