//! What a table held when it was last loaded from a source: the proof that nothing changed since.

use std::collections::BTreeMap;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde::{Deserialize, Serialize};

use super::entity::source_mark::{ActiveModel, Column, Entity, Model};
use super::{Catalog, CatalogError, now};
use crate::backends::database::TableMark;
use crate::model::TenantId;

/// The state of a table and of its source right after a load.
///
/// When the digests, the model's fingerprint and the table's mark are all as they were, loading again
/// would change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMark {
    /// Digest of the source's bytes.
    pub source_digest: String,
    /// Digest of the mapping and of the options that change what is loaded.
    pub mapping_digest: String,
    /// Structural fingerprint of the tenant's model.
    pub fingerprint: String,
    /// Condensed state of the table's content.
    pub mark: TableMark,
    /// Counts of the load by name.
    pub counts: BTreeMap<String, u64>,
    /// The run that loaded.
    pub run: String,
}

impl Catalog {
    /// The mark of one table of one tenant.
    pub async fn source_mark(&self, tenant: &TenantId, table: &str) -> Result<Option<SourceMark>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        let row = Entity::find_by_id((tenant.to_string(), table.to_owned())).one(&read).await?;
        let Some(row) = row else { return Ok(None) };
        let counts = serde_json::from_str(&row.counts)
            .map_err(|_| CatalogError::Damaged(format!("the mark of {tenant}.{table} has no counts")))?;
        Ok(Some(SourceMark {
            source_digest: row.source_digest,
            mapping_digest: row.mapping_digest,
            fingerprint: row.fingerprint,
            mark: TableMark(row.mark),
            counts,
            run: row.run,
        }))
    }

    /// Sets the mark of one table of one tenant.
    pub async fn put_source_mark(&self, tenant: &TenantId, table: &str, mark: &SourceMark) -> Result<(), CatalogError> {
        let counts = serde_json::to_string(&mark.counts).map_err(|error| CatalogError::Damaged(error.to_string()))?;
        let row: ActiveModel = Model {
            tenant: tenant.to_string(),
            table_name: table.to_owned(),
            source_digest: mark.source_digest.clone(),
            mapping_digest: mark.mapping_digest.clone(),
            fingerprint: mark.fingerprint.clone(),
            mark: mark.mark.0.clone(),
            counts,
            run: mark.run.clone(),
            marked_at: now(),
        }
        .into_active_model()
        .reset_all();
        let over = OnConflict::columns([Column::Tenant, Column::TableName])
            .update_columns([
                Column::SourceDigest,
                Column::MappingDigest,
                Column::Fingerprint,
                Column::Mark,
                Column::Counts,
                Column::Run,
                Column::MarkedAt,
            ])
            .to_owned();
        let write = self.write().await?;
        Entity::insert(row).on_conflict(over).exec_without_returning(&write).await?;
        Ok(write.commit().await?)
    }

    /// Forgets the mark of a table, because its rows are about to change.
    pub async fn forget_source_mark(&self, tenant: &TenantId, table: &str) -> Result<(), CatalogError> {
        let write = self.write().await?;
        Entity::delete_by_id((tenant.to_string(), table.to_owned())).exec(&write).await?;
        Ok(write.commit().await?)
    }
}
