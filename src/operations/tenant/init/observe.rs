//! What `tenant init` looks at.

use std::sync::Arc;

use serde_json::json;

use super::{Init, InitError};
use crate::backends::packs;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::pack::Pack;
use crate::model::{Engine, TenantId, TenantRecord};

/// What was seen.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact about the server")]
pub struct Snapshot {
    /// The pack.
    pub pack: Arc<Pack>,
    /// The tenant, if it is registered.
    pub registered: Option<TenantRecord>,
    /// Which tenant has the namespace.
    pub namespace_of: Option<TenantId>,
    /// Whether the namespace exists.
    pub namespace_exists: bool,
    /// The engine of the placement.
    pub engine: Engine,
    /// Whether schemas may be made.
    pub may_create_namespaces: bool,
    /// Whether roles may be made.
    pub may_create_roles: bool,
    /// Whether schemas are spread over nodes.
    pub citus: bool,
    /// The site, which names roles.
    pub site: String,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        chain::digest(&json!({
            "pack": self.pack.digest,
            "registered": self.registered,
            "namespace_of": self.namespace_of,
            "namespace_exists": self.namespace_exists,
            "rights": [self.may_create_namespaces, self.may_create_roles, self.citus],
        }))
    }
}

pub(super) async fn observe(init: &Init, reader: &SiteReader) -> Result<Snapshot, InitError> {
    let request = &init.request;
    let pack = packs::load(&request.pack, reader.packs())?;
    let namespace = init.namespace();
    let database = reader.database(&request.placement).await?;
    let can = database.capabilities();
    Ok(Snapshot {
        pack,
        registered: reader.catalog().tenant(&request.id).await?,
        namespace_of: reader.catalog().tenant_at(&request.placement, &namespace).await?.map(|tenant| tenant.id),
        namespace_exists: database.namespace_exists(&namespace).await?,
        engine: database.engine(),
        may_create_namespaces: can.may_create_namespaces,
        may_create_roles: can.may_create_roles,
        citus: can.citus,
        site: reader.site_id().to_owned(),
    })
}
