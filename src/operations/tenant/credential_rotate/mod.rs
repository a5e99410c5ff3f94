//! `tenant credential rotate`: a secret that is stored gets a new value, as a new generation.

mod apply;
mod error;
mod observe;
mod plan;

pub use super::credential::{
    CredentialAction as Action, CredentialRequest as Request, CredentialSnapshot as Snapshot, SecretBytes,
};
pub use error::CredentialRotateError;

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};

/// The operation.
#[derive(Debug, Clone)]
pub struct CredentialRotate {
    request: Request,
    target: Target,
    secret: Option<SecretBytes>,
}

impl CredentialRotate {
    /// On the site of this identity. Without a secret it is read from the request's file when it is needed.
    pub fn new(request: Request, site: &str, secret: Option<SecretBytes>) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target, secret }
    }
}

impl Operation for CredentialRotate {
    const NAME: &'static str = "tenant.credential.rotate";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = CredentialRotateError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, CredentialRotateError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, CredentialRotateError> {
        plan::decide(&self.request, snapshot)
    }

    async fn perform(
        &self,
        action: &Action,
        writer: &SiteWriter,
        step: &StepContext,
    ) -> Result<Outcome, CredentialRotateError> {
        apply::perform((&self.request, self.secret.as_ref()), action, writer, step).await
    }
}
