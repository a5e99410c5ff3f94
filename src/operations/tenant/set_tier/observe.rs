//! What `tenant set-tier` looks at.

use std::sync::Arc;

use serde_json::json;

use super::{Request, SetTierError};
use crate::backends::database::TableStats;
use crate::backends::packs;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::pack::Pack;
use crate::model::{Engine, TenantRecord, quota};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The tenant.
    pub tenant: TenantRecord,
    /// Its pack.
    pub pack: Arc<Pack>,
    /// The engine it lives on.
    pub engine: Engine,
    /// Rows of the tables that quotas count.
    pub rows: Vec<TableStats>,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(|table| json!([table.table, table.rows])).collect();
        chain::digest(&json!([self.tenant, self.pack.digest, rows]))
    }
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, SetTierError> {
    let tenant = reader.tenant(&request.id).await?;
    let pack = packs::load(&tenant.pack, reader.packs())?;
    let database = reader.database(&tenant.placement).await?;
    let tables: Vec<String> = quota::counted(&pack.manifest).iter().map(|(_, table)| (*table).to_owned()).collect();
    let rows = database.table_stats(&tenant.namespace, &tables).await?;
    Ok(Snapshot { engine: database.engine(), tenant, pack, rows })
}
