//! What every command is given: settings, the console, the cancel token, and databases that are
//! opened only when a command needs them.

use crate::config::{ConfigError, Environment, Resolved, Settings};
use crate::console::Console;
use crate::engine::{Failure, FailureKind, Identity, Signals};

/// What every command is given. Made once, by the start of the program; there are no globals.
pub struct Session {
    /// The final settings.
    pub settings: Settings,
    /// The same, layer by layer.
    pub resolved: Resolved,
    /// The environment that they were read from.
    pub environment: Environment,
    /// Where everything is shown.
    pub console: Console,
    /// Ctrl-C and SIGTERM.
    pub signals: Signals,
    /// Who runs fixtool, for the audit trail and the leases.
    pub identity: Identity,
}

impl Failure for ConfigError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Unwritable { .. } => FailureKind::Failed,
            _ => FailureKind::Usage,
        }
    }
}
