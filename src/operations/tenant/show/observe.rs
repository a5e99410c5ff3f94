//! What `tenant show` looks at.

use super::{HolderView, QuotaView, Show, TableView, View};
use crate::backends::catalog::{CatalogError, now};
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::backends::packs;
use crate::backends::site::{SiteError, SiteReader};
use crate::engine::{Ledger, RunFilter};
use crate::model::{TenantRecord, quota};

/// Runs shown at most.
const RUNS: u32 = 5;

pub(super) async fn observe(show: &Show, reader: &SiteReader) -> Result<View, SiteError> {
    let tenant = reader.tenant(&show.id).await?;
    let catalog = reader.catalog();
    let database = reader.database(&tenant.placement).await?;
    let exists = database.namespace_exists(&tenant.namespace).await?;
    let mut tables = Vec::new();
    if exists {
        let names: Vec<String> = database.introspect(&tenant.namespace).await?.tables.into_keys().collect();
        for found in database.table_stats(&tenant.namespace, &names).await? {
            tables.push(TableView { table: found.table, rows: found.rows, bytes: found.bytes });
        }
    }
    let filter = RunFilter { target: Some(tenant.id.to_string()), limit: Some(RUNS), ..RunFilter::default() };
    let runs = catalog.runs(&filter).await.map_err(|error| CatalogError::Database(error.message))?;
    let lease = catalog.lease(tenant.id.as_str()).await?.filter(|lease| lease.expires_at > now());
    Ok(View {
        address: reader.address(&tenant.placement)?.masked(),
        exists,
        usage: usage(reader, &tenant, &tables),
        tables,
        roles: has_roles(database.engine()).then(|| TenantRoles::of(&tenant.namespace, reader.site_id())),
        credentials: catalog.credentials(&tenant.id).await?,
        held_by: lease.map(|lease| HolderView {
            holder: lease.holder,
            operation: lease.operation,
            run: lease.run,
            expires_at: lease.expires_at,
        }),
        runs,
        tenant,
    })
}

/// Quotas that can be counted. A pack that cannot be read any more must not hide the rest.
fn usage(reader: &SiteReader, tenant: &TenantRecord, tables: &[TableView]) -> Vec<QuotaView> {
    let Ok(pack) = packs::load(&tenant.pack, reader.packs()) else { return Vec::new() };
    let rows = |name: &str| tables.iter().find(|table| table.table == name).map_or(0, |table| table.rows);
    let counted = quota::counted(&pack.manifest).into_iter();
    counted
        .map(|(name, table)| QuotaView { quota: name.to_owned(), used: rows(table), limit: tenant.quota(name) })
        .collect()
}
