//! `backup key remove`: somebody opens nothing new from now on.

mod apply;
mod observe;
mod plan;

use serde::{Deserialize, Serialize};

pub use super::key::{Action, Snapshot};

use super::BackupError;
use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::TenantId;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whose backups.
    pub id: TenantId,
    /// The public keys of those who go.
    pub administrators: Vec<String>,
    /// One of many tenants: that they open nothing of this one is no mistake.
    pub one_of_many: bool,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct KeyRemove {
    request: Request,
    target: Target,
}

impl KeyRemove {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for KeyRemove {
    const NAME: &'static str = "backup.key.remove";
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
        plan::decide(&self.request, snapshot)
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
        apply::perform(&self.request, action, writer, step).await
    }
}
