//! `tenant adopt`: takes over a namespace that exists already.

mod apply;
mod error;
mod observe;
mod plan;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use error::AdoptError;
pub use observe::Snapshot;
pub use plan::Action;

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::{Namespace, TenantId, Version};

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The tenant.
    pub id: TenantId,
    /// The namespace that is there.
    pub namespace: Namespace,
    /// The pack, by name or folder.
    pub pack: String,
    /// The version that it is taken for; `None` for the one whose structure it has.
    pub version: Option<Version>,
    /// The tier.
    pub tier: String,
    /// The placement.
    pub placement: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Adopt {
    request: Request,
    target: Target,
}

impl Adopt {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for Adopt {
    const NAME: &'static str = "tenant.adopt";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = AdoptError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, AdoptError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, AdoptError> {
        plan::decide(&self.request, snapshot)
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, AdoptError> {
        apply::perform(&self.request, action, writer, step).await
    }
}
