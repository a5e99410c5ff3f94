//! Credentials of tenants: sealed before they come here, and kept by generation.

use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};

use super::entity::credential::{Column, Entity, Model};
use super::{Catalog, CatalogError, now};
use crate::model::TenantId;

/// What may be told about a credential: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialInfo {
    /// Its name, such as `spotify.client_secret`.
    pub name: String,
    /// How often it was set, from one.
    pub generation: u64,
    /// When this generation was set, RFC 3339 in UTC.
    pub set_at: String,
}

/// One generation of a credential, as it lies in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedCredential {
    /// What may be told of it.
    #[serde(flatten)]
    pub info: CredentialInfo,
    /// The secret, sealed with age and armored.
    pub sealed: String,
}

impl Catalog {
    /// Every generation of each credential of a tenant.
    pub async fn sealed_credentials(&self, tenant: &TenantId) -> Result<Vec<SealedCredential>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(Vec::new()) };
        let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
        let rows = query.order_by_asc(Column::Name).order_by_asc(Column::Generation).all(&read).await?;
        let told = |row: Model| SealedCredential {
            info: CredentialInfo {
                name: row.name,
                generation: u64::try_from(row.generation).unwrap_or_default(),
                set_at: row.created_at,
            },
            sealed: row.sealed,
        };
        Ok(rows.into_iter().map(told).collect())
    }

    /// Puts back what [`sealed_credentials`](Self::sealed_credentials) gave, all or none; what is there stays as it is.
    pub async fn put_back_credentials(
        &self,
        tenant: &TenantId,
        credentials: &[SealedCredential],
    ) -> Result<(), CatalogError> {
        let known = self.sealed_credentials(tenant).await?;
        let is_known = |one: &SealedCredential| {
            known.iter().any(|other| (&other.info.name, other.info.generation) == (&one.info.name, one.info.generation))
        };
        let write = self.write().await?;
        for one in credentials.iter().filter(|one| !is_known(one)) {
            let row = Model {
                tenant: tenant.to_string(),
                name: one.info.name.clone(),
                generation: i64::try_from(one.info.generation).unwrap_or(i64::MAX),
                sealed: one.sealed.clone(),
                created_at: one.info.set_at.clone(),
            };
            Entity::insert(row.into_active_model().reset_all()).exec_without_returning(&write).await?;
        }
        Ok(write.commit().await?)
    }

    /// The current generation of each credential of a tenant, by name.
    pub async fn credentials(&self, tenant: &TenantId) -> Result<Vec<CredentialInfo>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(Vec::new()) };
        let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
        let rows = query.order_by_asc(Column::Name).order_by_asc(Column::Generation).all(&read).await?;
        let mut current: Vec<CredentialInfo> = Vec::new();
        for row in rows {
            if current.last().is_some_and(|last| last.name == row.name) {
                current.pop();
            }
            current.push(CredentialInfo {
                generation: u64::try_from(row.generation).unwrap_or_default(),
                name: row.name,
                set_at: row.created_at,
            });
        }
        Ok(current)
    }

    /// The sealed secret of the current generation.
    pub async fn sealed_credential(&self, tenant: &TenantId, name: &str) -> Result<Option<String>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Name.eq(name));
        Ok(query.order_by_desc(Column::Generation).one(&read).await?.map(|row| row.sealed))
    }

    /// Adds a generation of a credential. Fails with [`CatalogError::Exists`] when it is there.
    pub async fn put_credential(
        &self,
        tenant: &TenantId,
        name: &str,
        generation: u64,
        sealed: &str,
    ) -> Result<(), CatalogError> {
        let row = Model {
            tenant: tenant.to_string(),
            name: name.to_owned(),
            generation: i64::try_from(generation).unwrap_or(i64::MAX),
            sealed: sealed.to_owned(),
            created_at: now(),
        };
        let write = self.write().await?;
        Entity::insert(row.into_active_model().reset_all()).exec_without_returning(&write).await?;
        Ok(write.commit().await?)
    }

    /// Removes one generation of a credential, so that the one before counts again. `false` when it was not there.
    pub async fn remove_credential(
        &self,
        tenant: &TenantId,
        name: &str,
        generation: u64,
    ) -> Result<bool, CatalogError> {
        let key = (tenant.to_string(), name.to_owned(), i64::try_from(generation).unwrap_or(i64::MAX));
        let write = self.write().await?;
        let answer = Entity::delete_by_id(key).exec(&write).await?;
        write.commit().await?;
        Ok(answer.rows_affected > 0)
    }
}
