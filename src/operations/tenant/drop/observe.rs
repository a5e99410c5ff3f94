//! What `tenant drop` looks at: all that would be lost.

use serde_json::json;

use super::{DropError, Request};
use crate::backends::database::TableStats;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::{Engine, TenantRecord};
use crate::snapshots::safety::{Foreseen, Wanted, foresee};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The tenant.
    pub tenant: TenantRecord,
    /// Whether its namespace is there.
    pub exists: bool,
    /// Its tables with their rows.
    pub tables: Vec<TableStats>,
    /// How many sealed credentials it has.
    pub credentials: u64,
    /// The engine it lives on.
    pub engine: Engine,
    /// The site, which names roles.
    pub site: String,
    /// The safety copy that is going to be made.
    pub safety: Option<Foreseen>,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        let tables: Vec<_> = self.tables.iter().map(|table| json!([table.table, table.rows])).collect();
        let place = self.safety.as_ref().map(Foreseen::place);
        chain::digest(&json!([self.tenant, self.exists, tables, self.credentials, place]))
    }
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, DropError> {
    let tenant = reader.tenant(&request.id).await?;
    let database = reader.database(&tenant.placement).await?;
    let exists = database.namespace_exists(&tenant.namespace).await?;
    let mut tables = Vec::new();
    if exists {
        let names: Vec<String> = database.introspect(&tenant.namespace).await?.tables.into_keys().collect();
        tables = database.table_stats(&tenant.namespace, &names).await?;
    }
    let credentials = reader.catalog().credentials(&tenant.id).await?.len() as u64;
    let (engine, site) = (database.engine(), reader.site_id().to_owned());
    let safety = match (request.no_safety_copy, exists, request.keep_data) {
        (true, _, _) | (_, false, _) => None,
        (false, true, true) => Some(foresee(reader, &tenant.id, Wanted::Entry, &[]).await?),
        (false, true, false) => Some(foresee(reader, &tenant.id, Wanted::Whole, &tables).await?),
    };
    Ok(Snapshot { tenant, exists, tables, credentials, engine, site, safety })
}
