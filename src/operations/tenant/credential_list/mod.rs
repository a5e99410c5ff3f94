//! `tenant credential list`: which secrets a tenant has, never the secrets.

mod observe;

use serde::Serialize;

use crate::backends::catalog::CredentialInfo;
use crate::backends::site::{SiteError, SiteReader};
use crate::engine::Query;
use crate::model::TenantId;

/// The query.
#[derive(Debug, Clone)]
pub struct CredentialList {
    /// The tenant.
    pub id: TenantId,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// The tenant.
    pub tenant: TenantId,
    /// What it has.
    pub credentials: Vec<CredentialInfo>,
    /// What its pack speaks of and it does not have.
    pub missing: Vec<String>,
}

impl Query for CredentialList {
    const NAME: &'static str = "tenant.credential.list";
    type Reader = SiteReader;
    type View = View;
    type Error = SiteError;

    async fn observe(&self, reader: &SiteReader) -> Result<View, SiteError> {
        observe::observe(self, reader).await
    }
}
