//! The registry of tenants.

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::entity::{suspension, tenant};
use super::{Catalog, CatalogError, incarnations, now};
use crate::backends::database::rights::Rights;
use crate::model::{Namespace, TenantId, TenantRecord, TenantStatus};

impl Catalog {
    /// Every tenant, by id. One query, however many there are.
    pub async fn tenants(&self) -> Result<Vec<TenantRecord>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(Vec::new()) };
        let rows = tenant::Entity::find().order_by_asc(tenant::Column::Id).all(&read).await?;
        rows.into_iter().map(record).collect()
    }

    /// One tenant.
    pub async fn tenant(&self, id: &TenantId) -> Result<Option<TenantRecord>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        tenant::Entity::find_by_id(id.as_str()).one(&read).await?.map(record).transpose()
    }

    /// The tenant that lives in this namespace of this placement.
    pub async fn tenant_at(&self, place: &str, namespace: &Namespace) -> Result<Option<TenantRecord>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        let query = tenant::Entity::find()
            .filter(tenant::Column::Placement.eq(place))
            .filter(tenant::Column::Namespace.eq(namespace.as_str()));
        query.one(&read).await?.map(record).transpose()
    }

    /// Registers a tenant. Fails with [`CatalogError::Exists`] when the id or the namespace is taken.
    pub async fn insert_tenant(&self, tenant: &TenantRecord) -> Result<(), CatalogError> {
        let row = row(tenant)?.into_active_model().reset_all();
        let write = self.write().await?;
        let answer = tenant::Entity::insert(row).exec_without_returning(&write).await;
        taken(answer.map_err(CatalogError::from), &tenant.id)?;
        incarnations::register(&write, tenant.id.as_str()).await?;
        Ok(write.commit().await?)
    }

    /// Writes every field but the id and `created_at`; `updated_at` becomes this moment.
    pub async fn update_tenant(&self, tenant: &TenantRecord) -> Result<(), CatalogError> {
        let mut row = row(tenant)?.into_active_model().reset_all();
        row.updated_at = sea_orm::Set(now());
        row.created_at = sea_orm::NotSet;
        let write = self.write().await?;
        let update = tenant::Entity::update_many().set(row).filter(tenant::Column::Id.eq(tenant.id.as_str()));
        found(&tenant.id, update.exec(&write).await?.rows_affected)?;
        Ok(write.commit().await?)
    }

    /// Gives a tenant another id and namespace; its credentials and marks go with it.
    pub async fn rename_tenant(&self, id: &TenantId, to: &TenantId, at: &Namespace) -> Result<(), CatalogError> {
        let write = self.write().await?;
        let update = tenant::Entity::update_many()
            .col_expr(tenant::Column::Id, Expr::value(to.as_str()))
            .col_expr(tenant::Column::Namespace, Expr::value(at.as_str()))
            .col_expr(tenant::Column::UpdatedAt, Expr::value(now()))
            .filter(tenant::Column::Id.eq(id.as_str()));
        let answer = taken(update.exec(&write).await.map_err(CatalogError::from), to)?;
        found(id, answer.rows_affected)?;
        Ok(write.commit().await?)
    }

    /// The rights that were taken when a tenant was suspended.
    pub async fn suspended_rights(&self, id: &TenantId) -> Result<Option<Rights>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        let Some(row) = suspension::Entity::find_by_id(id.as_str()).one(&read).await? else { return Ok(None) };
        let damaged = |_| CatalogError::Damaged(format!("the rights of {id} while it is suspended"));
        serde_json::from_str(&row.rights).map(Some).map_err(damaged)
    }

    /// Keeps the rights that are about to be taken from a tenant; `None` when they are given back.
    pub async fn keep_suspended_rights(&self, id: &TenantId, rights: Option<&Rights>) -> Result<(), CatalogError> {
        let write = self.write().await?;
        suspension::Entity::delete_by_id(id.as_str()).exec(&write).await?;
        if let Some(rights) = rights {
            let rights = serde_json::to_string(rights).map_err(|error| CatalogError::Damaged(error.to_string()))?;
            let row = suspension::Model { tenant: id.to_string(), rights }.into_active_model().reset_all();
            suspension::Entity::insert(row).exec_without_returning(&write).await?;
        }
        Ok(write.commit().await?)
    }

    /// Forgets a tenant with its credentials and marks. `false` when it was not there.
    pub async fn delete_tenant(&self, id: &TenantId) -> Result<bool, CatalogError> {
        let write = self.write().await?;
        let answer = tenant::Entity::delete_by_id(id.as_str()).exec(&write).await?;
        write.commit().await?;
        Ok(answer.rows_affected > 0)
    }
}

/// Says whose key is taken, in the place of the database's words.
fn taken<T>(answer: Result<T, CatalogError>, id: &TenantId) -> Result<T, CatalogError> {
    match answer {
        Err(CatalogError::Exists(_)) => Err(CatalogError::Exists(format!("tenant '{id}' or its namespace"))),
        other => other,
    }
}

fn found(id: &TenantId, rows: u64) -> Result<(), CatalogError> {
    if rows == 0 { Err(CatalogError::Missing(format!("tenant '{id}'"))) } else { Ok(()) }
}

fn row(of: &TenantRecord) -> Result<tenant::Model, CatalogError> {
    let text = |value: serde_json::Result<String>| value.map_err(|error| CatalogError::Damaged(error.to_string()));
    Ok(tenant::Model {
        id: of.id.to_string(),
        namespace: of.namespace.to_string(),
        placement: of.placement.clone(),
        pack: of.pack.clone(),
        version: of.version.clone(),
        tier: of.tier.clone(),
        status: of.status.as_str().to_owned(),
        labels: text(serde_json::to_string(&of.labels))?,
        admin_email: of.admin_email.clone(),
        adopted: of.adopted,
        fingerprint: of.fingerprint.clone(),
        quotas: text(serde_json::to_string(&of.quotas))?,
        integrations: of.integrations.to_string(),
        created_at: of.created_at.clone(),
        updated_at: of.updated_at.clone(),
    })
}

fn record(row: tenant::Model) -> Result<TenantRecord, CatalogError> {
    let damaged = |what: &str| CatalogError::Damaged(format!("tenant {}: {what}", row.id.escape_debug()));
    Ok(TenantRecord {
        status: status(&row.status).ok_or_else(|| damaged("unknown status"))?,
        labels: serde_json::from_str(&row.labels).map_err(|_| damaged("its labels are not JSON"))?,
        quotas: serde_json::from_str(&row.quotas).map_err(|_| damaged("its quotas are not JSON"))?,
        integrations: serde_json::from_str(&row.integrations).map_err(|_| damaged("its integrations are not JSON"))?,
        id: row.id.parse().map_err(|_| damaged("its id breaks the rule"))?,
        namespace: Namespace(row.namespace),
        placement: row.placement,
        pack: row.pack,
        version: row.version,
        tier: row.tier,
        admin_email: row.admin_email,
        adopted: row.adopted,
        fingerprint: row.fingerprint,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn status(word: &str) -> Option<TenantStatus> {
    use TenantStatus::{Active, Creating, Dropping, Suspended};
    [Creating, Active, Suspended, Dropping].into_iter().find(|status| status.as_str() == word)
}
