//! What `tenant rename` looks at.

use serde_json::json;

use super::{RenameError, Request};
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::{Engine, Namespace, TenantRecord};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The tenant.
    pub tenant: TenantRecord,
    /// Whether the new id is registered.
    pub taken: bool,
    /// Whether the namespace is there.
    pub namespace_exists: bool,
    /// Whether something is where the namespace is to go.
    pub new_namespace_exists: bool,
    /// The engine it lives on.
    pub engine: Engine,
    /// The site, which names roles.
    pub site: String,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        chain::digest(&json!([self.tenant, self.taken, self.namespace_exists, self.new_namespace_exists]))
    }
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, RenameError> {
    let tenant = reader.tenant(&request.id).await?;
    let database = reader.database(&tenant.placement).await?;
    Ok(Snapshot {
        taken: reader.catalog().tenant(&request.to).await?.is_some(),
        namespace_exists: database.namespace_exists(&tenant.namespace).await?,
        new_namespace_exists: database.namespace_exists(&Namespace::of(&request.to)).await?,
        engine: database.engine(),
        site: reader.site_id().to_owned(),
        tenant,
    })
}
