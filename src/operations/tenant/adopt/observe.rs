//! What `tenant adopt` looks at.

use std::sync::Arc;

use serde_json::json;

use super::{AdoptError, Request};
use crate::backends::packs;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::pack::Pack;
use crate::model::{Engine, Model, TenantId, TenantRecord, fingerprint};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The pack.
    pub pack: Arc<Pack>,
    /// The structure that is there; `None` when the namespace is not there.
    pub found: Option<Model>,
    /// What bears names of fixtool's own there without being fixtool's.
    pub strange: Vec<String>,
    /// The tenant, if the id is registered.
    pub registered: Option<TenantRecord>,
    /// Which tenant has the namespace.
    pub namespace_of: Option<TenantId>,
    /// The engine of the placement.
    pub engine: Engine,
    /// Whether roles may be made.
    pub may_create_roles: bool,
    /// The site, which names roles.
    pub site: String,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        chain::digest(&json!([
            self.pack.digest,
            self.found.as_ref().map(fingerprint),
            self.strange,
            self.registered,
            self.namespace_of,
            self.may_create_roles,
        ]))
    }
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, AdoptError> {
    let pack = packs::load(&request.pack, reader.packs())?;
    let database = reader.database(&request.placement).await?;
    let exists = database.namespace_exists(&request.namespace).await?;
    let found = if exists { Some(database.introspect(&request.namespace).await?) } else { None };
    let strange = if exists { database.strange_names(&request.namespace).await? } else { Vec::new() };
    let owner = reader.catalog().tenant_at(&request.placement, &request.namespace).await?;
    Ok(Snapshot {
        pack,
        found,
        strange,
        registered: reader.catalog().tenant(&request.id).await?,
        namespace_of: owner.map(|tenant| tenant.id),
        engine: database.engine(),
        may_create_roles: database.capabilities().may_create_roles,
        site: reader.site_id().to_owned(),
    })
}
