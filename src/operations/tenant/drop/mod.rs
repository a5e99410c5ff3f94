//! `tenant drop`: the tenant is gone, with everything in it, but for a safety copy.

mod apply;
mod error;
mod observe;
mod plan;

use serde::{Deserialize, Serialize};

pub use error::DropError;
pub use observe::Snapshot;
pub use plan::Action;

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::TenantId;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The tenant.
    pub id: TenantId,
    /// Only the registry forgets it; its namespace stays.
    #[serde(default)]
    pub keep_data: bool,
    /// Whether it goes without a safety copy.
    #[serde(default)]
    pub no_safety_copy: bool,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Drop {
    request: Request,
    target: Target,
}

impl Drop {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for Drop {
    const NAME: &'static str = "tenant.drop";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = DropError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, DropError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, DropError> {
        Ok(plan::decide(&self.request, snapshot))
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, DropError> {
        apply::perform(action, writer, step).await
    }
}
