//! `backup keygen`: a key with which backups are opened.

mod apply;
mod observe;
mod plan;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use observe::Snapshot;
pub use plan::Action;

use super::BackupError;
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The file.
    pub path: PathBuf,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Keygen {
    request: Request,
}

impl Keygen {
    /// For this request.
    pub fn of(request: Request) -> Self {
        Self { request }
    }
}

impl Operation for Keygen {
    const NAME: &'static str = "backup.keygen";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = ();
    type Writer = ();
    type Error = BackupError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        Target { name: self.request.path.display().to_string(), site: "files".to_owned() }
    }

    async fn observe(&self, _reader: &()) -> Result<Snapshot, BackupError> {
        Ok(observe::observe(&self.request))
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, BackupError> {
        plan::decide(&self.request, *snapshot)
    }

    async fn perform(&self, action: &Action, _writer: &(), _step: &StepContext) -> Result<Outcome, BackupError> {
        apply::perform(action)
    }
}
