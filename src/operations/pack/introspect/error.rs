//! What can go wrong while a schema is made into a pack.

use crate::backends::database::DatabaseError;
use crate::backends::packs::PackSourceError;
use crate::backends::site::database_failure;
use crate::engine::{Failure, FailureKind};
use crate::model::pack::write::WriteError;

/// Why a schema cannot be made into a pack.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum IntrospectError {
    /// The name is none that a pack can have.
    #[error("'{shown}' is no name for a pack")]
    #[diagnostic(
        code(fixtool::pack::introspect::name),
        help(
            "give one with --name: 1 to 63 of a-z, 0-9 and '-', beginning with a letter, not that of a built-in pack"
        )
    )]
    Name {
        /// What was asked for, shortened.
        shown: String,
    },
    /// There is no such schema or file.
    #[error("there is no {what} '{namespace}' in this database")]
    #[diagnostic(code(fixtool::pack::introspect::namespace), help("{help}"))]
    NoNamespace {
        /// `schema` or `file`.
        what: &'static str,
        /// What was asked for.
        namespace: String,
        /// How to see what there is.
        help: String,
    },
    /// It has no tables.
    #[error("'{namespace}' has no tables")]
    #[diagnostic(
        code(fixtool::pack::introspect::empty),
        help("fixtool reads tables only; name the schema that holds them")
    )]
    Empty {
        /// The schema.
        namespace: String,
    },
    /// The database cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Database(#[from] DatabaseError),
    /// The pack has mistakes, or a file stands in its way.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] PackSourceError),
    /// The model has no form as YAML.
    #[error(transparent)]
    #[diagnostic(code(fixtool::pack::introspect::bug), help("this is a mistake in fixtool"))]
    Write(#[from] WriteError),
}

impl Failure for IntrospectError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Name { .. } | Self::NoNamespace { .. } | Self::Empty { .. } => FailureKind::Usage,
            Self::Database(error) => database_failure(error),
            Self::Source(error) => error.kind(),
            Self::Write(_) => FailureKind::Bug,
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }
}
