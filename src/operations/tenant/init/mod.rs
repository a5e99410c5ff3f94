//! `tenant init`: registers a tenant, makes its namespace with all tables of a version in one script, and fills in
//! roles, settings, database roles, first data and the first administrator.
//!
//! Every step can be carried out again: a run that was killed is finished by `op resume`, or by the same command.

mod apply;
mod error;
mod observe;
mod plan;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use error::InitError;
pub use observe::Snapshot;
pub use plan::Action;

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::{Namespace, TenantId, Version};

/// What the user wants to have made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The tenant's id.
    pub id: TenantId,
    /// The pack, by name or folder.
    pub pack: String,
    /// The version; `None` for the newest.
    pub version: Option<Version>,
    /// The tier.
    pub tier: String,
    /// The placement.
    pub placement: String,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The first administrator.
    #[serde(default)]
    pub admin_email: Option<String>,
    /// Whether the pack's first data is loaded.
    #[serde(default)]
    pub initialize_data: bool,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Init {
    request: Request,
    target: Target,
}

impl Init {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }

    fn namespace(&self) -> Namespace {
        Namespace::of(&self.request.id)
    }
}

impl Operation for Init {
    const NAME: &'static str = "tenant.init";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = InitError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, InitError> {
        observe::observe(self, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, InitError> {
        plan::decide(self, snapshot)
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, InitError> {
        apply::perform(&self.request, action, writer, step).await
    }
}
