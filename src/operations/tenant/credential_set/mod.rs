//! `tenant credential set`: a secret of an integration is sealed and stored for the first time.

mod apply;
mod error;
mod observe;
mod plan;

pub use super::credential::{
    CredentialAction as Action, CredentialRequest as Request, CredentialSnapshot as Snapshot, SecretBytes,
};
pub use error::CredentialSetError;

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};

/// The operation.
#[derive(Debug, Clone)]
pub struct CredentialSet {
    request: Request,
    target: Target,
    secret: Option<SecretBytes>,
}

impl CredentialSet {
    /// On the site of this identity. Without a secret it is read from the request's file when it is needed.
    pub fn new(request: Request, site: &str, secret: Option<SecretBytes>) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target, secret }
    }
}

impl Operation for CredentialSet {
    const NAME: &'static str = "tenant.credential.set";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = CredentialSetError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, CredentialSetError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, CredentialSetError> {
        plan::decide(&self.request, snapshot)
    }

    async fn perform(
        &self,
        action: &Action,
        writer: &SiteWriter,
        step: &StepContext,
    ) -> Result<Outcome, CredentialSetError> {
        apply::perform((&self.request, self.secret.as_ref()), action, writer, step).await
    }
}
