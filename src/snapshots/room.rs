//! Room for the rows of a tenant: a fresh namespace with its tables, their keys, and the rights of its roles.

use std::sync::Arc;

use super::error::SnapshotError;
use crate::backends::database::ddl::{self, Stages, Target};
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::backends::database::{DatabaseError, DatabaseErrorKind, Writer};
use crate::model::{Engine, Model, Namespace, Table};

/// Writes a table's rule as SQL of an engine. The room of rules does it, and the caller brings it here.
pub type Checks = fn(Engine, &Table, &str) -> Result<String, String>;

/// A fresh namespace of which nobody else knows yet.
#[derive(Clone, Copy)]
pub struct Room<'a> {
    /// Where.
    pub database: &'a Arc<dyn Writer>,
    /// Its name.
    pub namespace: &'a Namespace,
    /// The tables that it gets.
    pub model: &'a Model,
    /// How their rules are written.
    pub checks: Checks,
}

impl Room<'_> {
    /// The statements that make the tables.
    ///
    /// # Errors
    /// If the engine has no words for a rule.
    pub fn stages(&self) -> Result<Stages, DatabaseError> {
        let engine = self.database.engine();
        let unwritable = |reason| DatabaseError::new(engine, DatabaseErrorKind::Unsupported, reason);
        let checks = |table: &Table, rule: &str| (self.checks)(engine, table, rule).map_err(unwritable);
        ddl::stages(Target { engine, namespace: self.namespace }, self.model, &checks)
    }

    /// Makes the namespace with its tables, without rows and keys. A second try finds what the first one made.
    ///
    /// # Errors
    /// When the database fails, or has no words for a rule.
    pub async fn make(&self) -> Result<(), SnapshotError> {
        self.database.create_namespace(self.namespace).await?;
        // The script is one transaction: either nothing of it is there, or all.
        if self.database.introspect(self.namespace).await?.tables.is_empty() {
            self.database.execute(self.namespace, &self.stages()?.tables).await?;
        }
        Ok(())
    }

    /// Gives one table its keys as soon as it has its rows, where different tables may get them side by side; elsewhere
    /// [`finish`](Self::finish) does it. Meanwhile nobody reads the table.
    ///
    /// # Errors
    /// When the database fails, or the rows do not keep to a key.
    pub async fn key(&self, table: &str) -> Result<(), SnapshotError> {
        if self.database.engine() == Engine::Postgres {
            let keys = one(self.stages()?.keys, table);
            let stages = Stages { keys, ..Stages::default() };
            self.database.finish_refill(self.namespace, &stages, 1).await?;
        }
        Ok(())
    }

    /// Gives one table that has its keys its other indexes and its statistics. Meanwhile it may be read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn index(&self, table: &str) -> Result<(), SnapshotError> {
        if self.database.engine() == Engine::Postgres {
            let indexes = one(self.stages()?.indexes, table);
            let stages = Stages { indexes, ..Stages::default() };
            self.database.finish_refill(self.namespace, &stages, 1).await?;
        }
        Ok(())
    }

    /// Gives tables that have their keys and indexes already their foreign keys.
    ///
    /// # Errors
    /// When the database fails, or the rows do not keep to a key.
    pub async fn refer(&self) -> Result<(), SnapshotError> {
        let mut stages = self.stages()?;
        if self.database.engine() == Engine::Postgres {
            stages.keys.clear();
            stages.indexes.clear();
        }
        Ok(self.database.finish_refill(self.namespace, &stages, 1).await?)
    }

    /// Gives the tables their keys, indexes and foreign keys, each proved by the rows.
    ///
    /// # Errors
    /// When the database fails, or the rows do not keep to a key.
    pub async fn finish(&self, at_once: usize) -> Result<(), SnapshotError> {
        Ok(self.database.finish_refill(self.namespace, &self.stages()?, at_once).await?)
    }
}

/// What belongs to one table.
fn one(mut all: Vec<(String, Vec<String>)>, table: &str) -> Vec<(String, Vec<String>)> {
    all.retain(|(name, _)| name == table);
    all
}

/// Removes a namespace, and its roles if a site is named to which they belong. Tells whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn clear(
    database: &Arc<dyn Writer>,
    namespace: &Namespace,
    site: Option<&str>,
) -> Result<bool, SnapshotError> {
    let existed = database.namespace_exists(namespace).await?;
    if existed {
        database.drop_namespace(namespace).await?;
    }
    if let Some(site) = site.filter(|_| has_roles(database.engine())) {
        database.execute(namespace, &TenantRoles::of(namespace, site).drop()).await?;
    }
    Ok(existed)
}
