//! What can go wrong while a pack is begun.

use crate::backends::packs::PackSourceError;
use crate::engine::{Failure, FailureKind};

/// Why a pack cannot be begun.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum NewError {
    /// The name is none that a pack can have.
    #[error("'{shown}' is no name for a pack")]
    #[diagnostic(
        code(fixtool::pack::new::name),
        help("a pack's name is 1 to 63 of a-z, 0-9 and '-', begins with a letter, and is not that of a built-in pack")
    )]
    Name {
        /// What was asked for, shortened.
        shown: String,
    },
    /// A file stands in the way, or the pack to copy cannot be had.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] PackSourceError),
}

impl Failure for NewError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Name { .. } => FailureKind::Usage,
            Self::Source(error) => error.kind(),
        }
    }
}
