//! What `tenant clone` looks at: the tenant with its rows, and the place that the copy goes to.

use std::sync::Arc;

use serde_json::json;

use super::{CloneError, Request};
use crate::backends::database::TableStats;
use crate::backends::site::{SiteError, SiteReader};
use crate::engine::{Fingerprint, chain};
use crate::model::pack::Pack;
use crate::model::{Engine, Model, Namespace, TenantRecord, TenantStatus, fingerprint};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The tenant that is copied.
    pub tenant: TenantRecord,
    /// Its pack.
    pub pack: Arc<Pack>,
    /// Its tables.
    pub model: Model,
    /// Its tables with their rows.
    pub tables: Vec<TableStats>,
    /// Whether the database holds other tables or columns than the pack says.
    pub differs: bool,
    /// How many sealed credentials it has.
    pub credentials: u64,
    /// Whether the new id is registered.
    pub taken: bool,
    /// The database that the copy goes to.
    pub placement: String,
    /// Whether something is where the new namespace is to go.
    pub occupied: bool,
    /// The engine that it comes from, and the one that it goes to.
    pub engines: (Engine, Engine),
}

impl Fingerprint for Snapshot {
    /// Rows come and go while a tenant lives; a copy is of what is there when it is made.
    fn fingerprint(&self) -> String {
        let structure = fingerprint(&self.model);
        let place = json!([self.taken, self.placement, self.occupied]);
        chain::digest(&json!([self.tenant, self.pack.digest, structure, place]))
    }
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, CloneError> {
    let tenant = reader.tenant(&request.id).await?;
    match tenant.status {
        TenantStatus::Creating => return Err(SiteError::Unfinished { id: tenant.id }.into()),
        TenantStatus::Dropping => return Err(SiteError::Dropping { id: tenant.id }.into()),
        TenantStatus::Active | TenantStatus::Suspended => {}
    }
    let source = reader.database(&tenant.placement).await?;
    let placement = request.placement.clone().unwrap_or_else(|| tenant.placement.clone());
    let target = reader.database(&placement).await?;
    let model = reader.model_of(&tenant)?;
    let names: Vec<String> = model.tables.keys().cloned().collect();
    let there = source.introspect(&tenant.namespace).await?;
    Ok(Snapshot {
        pack: reader.pack_of(&tenant)?,
        tables: source.table_stats(&tenant.namespace, &names).await?,
        differs: fingerprint(&there) != fingerprint(&model),
        credentials: reader.catalog().credentials(&tenant.id).await?.len() as u64,
        taken: reader.catalog().tenant(&request.to).await?.is_some(),
        occupied: target.namespace_exists(&Namespace::of(&request.to)).await?,
        engines: (source.engine(), target.engine()),
        placement,
        model,
        tenant,
    })
}
