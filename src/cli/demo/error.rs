//! What can go wrong in a demonstration, beside what its commands say themselves.

use std::path::PathBuf;

use crate::engine::{Failure, FailureKind};
use crate::model::sample::SampleError;

/// Why a demonstration ends early.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DemoError {
    /// The scenario is still to be built.
    #[error("the scenario '{scenario}' is not available yet")]
    #[diagnostic(code(fixtool::demo::run::not_yet), help("run 'fixtool demo run complete-workflow'"))]
    NotYet {
        /// Which.
        scenario: &'static str,
    },
    /// The tenant is somebody's.
    #[error("there is a tenant '{tenant}' already, and a demonstration touches none that exists")]
    #[diagnostic(code(fixtool::demo::run::exists), help("leave --tenant out, or name one that does not exist"))]
    Exists {
        /// Which.
        tenant: String,
    },
    /// A file of records cannot be written.
    #[error("'{}' cannot be written: {reason}", path.display())]
    #[diagnostic(
        code(fixtool::demo::run::files),
        help("check the space and the rights in the folder for temporary files")
    )]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No records can be made up.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sample(#[from] SampleError),
    /// A command of the scenario came out otherwise than it should.
    #[error("'{command}' did not do what the scenario needs")]
    #[diagnostic(
        code(fixtool::demo::run::step),
        help("what it said above tells why; what the demonstration made is gone")
    )]
    Step {
        /// Which.
        command: String,
    },
}

impl Failure for DemoError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::NotYet { .. } | Self::Sample(_) => FailureKind::Usage,
            Self::Exists { .. } => FailureKind::Refused,
            Self::Files { .. } | Self::Step { .. } => FailureKind::Failed,
        }
    }
}
