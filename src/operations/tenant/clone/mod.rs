//! `tenant clone`: another tenant with the same tables and rows, all as they are at one moment.

mod apply;
mod error;
mod observe;
mod plan;

use serde::{Deserialize, Serialize};

pub use error::CloneError;
pub use observe::Snapshot;
pub use plan::Action;

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::TenantId;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The tenant that is copied.
    pub id: TenantId,
    /// The tenant that is made.
    pub to: TenantId,
    /// The database that it goes to; where the other one lives by default.
    #[serde(default)]
    pub placement: Option<String>,
    /// Its tier; that of the other one by default.
    #[serde(default)]
    pub tier: Option<String>,
    /// Whether personal data is masked and secrets are withheld.
    #[serde(default)]
    pub mask_pii: bool,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct CloneTenant {
    request: Request,
    target: Target,
}

impl CloneTenant {
    /// On the site of this identity. Its target is the tenant that is made.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.to.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for CloneTenant {
    const NAME: &'static str = "tenant.clone";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = CloneError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, CloneError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, CloneError> {
        plan::decide(&self.request, snapshot)
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, CloneError> {
        apply::perform(action, writer, step).await
    }
}
