//! What a tenant has beyond its namespace, and a snapshot for another place would not need: every generation of its credentials,
//! and who the members of its database roles are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::SafetyError;
use crate::backends::catalog::{Catalog, SealedCredential};
use crate::backends::database::roles::{Member, TenantRoles, has_roles};
use crate::backends::database::{DatabaseError, Reader, Writer};
use crate::model::{TenantRecord, Value};
use crate::snapshots::{Manifest, SnapshotError};

/// The name under which it lies in a manifest.
const NAME: &str = "safety";

/// What a tenant has beyond its namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beyond {
    /// Every generation of its credentials.
    pub credentials: Vec<SealedCredential>,
    /// The members of its roles.
    pub members: Vec<Member>,
}

impl Beyond {
    /// Reads it.
    pub(super) async fn read(
        catalog: &Catalog,
        database: &dyn Reader,
        tenant: &TenantRecord,
    ) -> Result<Self, SafetyError> {
        let credentials = catalog.sealed_credentials(&tenant.id).await?;
        let members = members(database, tenant, catalog.site_id()).await?;
        Ok(Self { credentials, members })
    }

    /// The current generation of each credential, as every snapshot holds them.
    pub(super) fn current(&self) -> BTreeMap<String, String> {
        self.credentials.iter().map(|one| (one.info.name.clone(), one.sealed.clone())).collect()
    }

    /// Puts it into a manifest.
    pub(super) fn write(&self, manifest: &mut Manifest) -> Result<(), SnapshotError> {
        let value = serde_json::to_value(self).map_err(|error| damaged(&error))?;
        manifest.configuration.insert(NAME.to_owned(), value);
        Ok(())
    }

    /// From a manifest.
    pub(super) fn of(manifest: &Manifest) -> Result<Self, SnapshotError> {
        let found = manifest.configuration.get(NAME).cloned().unwrap_or_default();
        serde_json::from_value(found).map_err(|error| damaged(&error))
    }

    /// Makes the members what they were; those whose role is gone from the server are left out.
    pub(super) async fn enrol(
        &self,
        database: &dyn Writer,
        tenant: &TenantRecord,
        site: &str,
    ) -> Result<(), DatabaseError> {
        if !has_roles(database.engine()) || self.members.is_empty() {
            return Ok(());
        }
        let statements = TenantRoles::of(&tenant.namespace, site).enrol(&self.members);
        database.execute(&tenant.namespace, &statements).await
    }
}

fn damaged(error: &serde_json::Error) -> SnapshotError {
    SnapshotError::damaged("what the safety copy says of the tenant", error.to_string())
}

async fn members(database: &dyn Reader, tenant: &TenantRecord, site: &str) -> Result<Vec<Member>, DatabaseError> {
    if !has_roles(database.engine()) {
        return Ok(Vec::new());
    }
    let sql = TenantRoles::of(&tenant.namespace, site).members();
    let (sender, mut receiver) = mpsc::channel(1);
    let (read, found) = tokio::join!(database.query(&sql, sender), async {
        let mut found = Vec::new();
        while let Some(rows) = receiver.recv().await {
            found.extend(rows.into_iter().filter_map(|row| match row.as_slice() {
                [Value::Text(role), Value::Text(member), Value::Bool(admin)] => {
                    Some(Member { role: role.clone(), member: member.clone(), admin: *admin })
                }
                _ => None,
            }));
        }
        found
    });
    read?;
    Ok(found)
}
