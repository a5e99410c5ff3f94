//! `backup verify`: whether what is stored is what was taken, as deep as the user wants to look.

mod apply;
mod observe;
mod plan;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use observe::{Snapshot, owner};
pub use plan::Action;

use super::BackupError;
use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::TenantId;
use crate::snapshots::verified::Level;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whose snapshots.
    pub id: TenantId,
    /// Only the snapshot whose id begins like this; all by default.
    pub snapshot: Option<String>,
    /// An archive, in place of what is in the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<PathBuf>,
    /// Only the newest one.
    pub newest: bool,
    /// How deep.
    pub level: Level,
    /// Results that are younger are believed, in seconds.
    pub max_age: Option<u64>,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Verify {
    request: Request,
    target: Target,
}

impl Verify {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for Verify {
    const NAME: &'static str = "backup.verify";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = BackupError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, BackupError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, BackupError> {
        Ok(plan::decide(&self.request, snapshot))
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
        apply::perform(&self.request, action, writer, step).await
    }
}
