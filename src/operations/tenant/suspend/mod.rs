//! `tenant suspend`: fixtool refuses to write to the tenant, and its database roles lose their way in.

mod apply;
mod error;
mod observe;
mod plan;

use serde::{Deserialize, Serialize};

pub use super::status::{StatusAction as Action, StatusSnapshot as Snapshot};
pub use error::SuspendError;

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::TenantId;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The tenant.
    pub id: TenantId,
    /// Whether open sessions of the members of its roles go on, without rights.
    #[serde(default)]
    pub keep_sessions: bool,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Suspend {
    request: Request,
    target: Target,
}

impl Suspend {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for Suspend {
    const NAME: &'static str = "tenant.suspend";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = SuspendError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, SuspendError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, SuspendError> {
        plan::decide(&self.request, snapshot)
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, SuspendError> {
        apply::perform(action, writer, step).await
    }
}
