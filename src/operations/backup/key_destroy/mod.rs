//! `backup key destroy`: a tenant's key goes, and with it all that was sealed with it.

mod apply;
mod observe;
mod plan;

use serde::{Deserialize, Serialize};

pub use observe::Snapshot;
pub use plan::Action;

use super::BackupError;
use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::TenantId;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whose backups.
    pub id: TenantId,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct KeyDestroy {
    request: Request,
    target: Target,
}

impl KeyDestroy {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for KeyDestroy {
    const NAME: &'static str = "backup.key.destroy";
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
        Ok(plan::decide(snapshot))
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
        apply::perform(&self.request, action, writer, step).await
    }
}
