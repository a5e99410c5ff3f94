//! What can go wrong while packs are looked at.

use crate::backends::packs::PackSourceError;
use crate::engine::{Failure, FailureKind};
use crate::model::pack::UnknownVersion;
use crate::model::selection::closest;

/// Why a pack cannot be shown or checked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PackFault {
    /// The pack cannot be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] PackSourceError),
    /// It does not have this version.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Version(#[from] UnknownVersion),
    /// The version does not have this table.
    #[error("the version has no table '{name}'")]
    #[diagnostic(code(fixtool::pack::show::table))]
    Table {
        /// What was asked for.
        name: String,
        /// The one meant, perhaps.
        #[help]
        help: Option<String>,
    },
}

impl PackFault {
    /// For a table that is not among these.
    pub fn table<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let help = closest(name, known).map(|near| format!("did you mean '{near}'?"));
        Self::Table { name: name.chars().take(100).flat_map(char::escape_debug).collect(), help }
    }
}

impl Failure for PackFault {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Source(error) => source_kind(error),
            Self::Version(_) | Self::Table { .. } => FailureKind::Usage,
        }
    }
}

/// The kind of failure that a pack's source has.
pub fn source_kind(error: &PackSourceError) -> FailureKind {
    match error {
        PackSourceError::NotFound { .. }
        | PackSourceError::Invalid(_)
        | PackSourceError::Unreadable { .. }
        | PackSourceError::Refused { .. } => FailureKind::Usage,
        PackSourceError::Exists { .. } => FailureKind::Refused,
        PackSourceError::Unwritable { .. } => FailureKind::Failed,
    }
}
