//! PostgreSQL as a [`Writer`].

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::mpsc;

use super::error::translate;
use super::introspect::{TABLES, settle};
use super::{Postgres, load, own};
use crate::backends::database::ddl::Stages;
use crate::backends::database::fence::Fenced;
use crate::backends::database::joint::{JointStep, Pair};
use crate::backends::database::load::{LoadSession, LoadSpec, MissingSpec, Refused, UnloadSpec, Unloaded};
use crate::backends::database::quote::{identifier, qualified};
use crate::backends::database::{
    DatabaseError, DatabaseErrorKind, Fence, Reader, Refill, RefillSpec, Writer, own_tables,
};
use crate::model::{Engine, Namespace};

/// Statements that go to the server in one message.
const TOGETHER: usize = 50;
/// Tables that are dropped in one transaction: each takes a lock, each of its indexes another, and
/// a server with default settings has room for a few thousand.
const DROPPED_TOGETHER: usize = 100;

#[async_trait]
impl Writer for Postgres {
    fn as_reader(self: Arc<Self>) -> Arc<dyn Reader> {
        self
    }

    fn under(self: Arc<Self>, fence: Arc<dyn Fence>) -> Arc<dyn Writer> {
        Arc::new(Self { fenced: Fenced(Some(fence)), ..(*self).clone() })
    }

    async fn take_over(&self) -> Result<(), DatabaseError> {
        self.outlast().await
    }

    async fn execute(&self, namespace: &Namespace, statements: &[String]) -> Result<(), DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        let names = |what: &str| statements.iter().any(|sql| sql.contains(what));
        // Whoever makes them proves them afterwards.
        if names(own_tables::PREFIX) && !names("CREATE TABLE") {
            own::hold(&mut transaction, namespace).await?;
        }
        for together in statements.chunks(TOGETHER) {
            let sql = together.join(";\n");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await.map_err(translate)?;
        }
        self.commit(transaction).await
    }

    async fn create_namespace(&self, namespace: &Namespace) -> Result<(), DatabaseError> {
        check_name(namespace)?;
        let mut statements = vec![format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(namespace.as_str()))];
        if self.namespace_exists(namespace).await? {
            // Who may write to a schema need not have the right to make one.
            statements.clear();
        }
        statements.extend(own_tables::create(Engine::Postgres, namespace));
        self.execute(namespace, &statements).await?;
        if self.capabilities.citus {
            self.distribute(namespace).await?;
        }
        Ok(())
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), DatabaseError> {
        loop {
            let tables = self.tables(namespace).await?;
            if tables.len() <= DROPPED_TOGETHER {
                break;
            }
            let some: Vec<String> =
                tables.iter().take(DROPPED_TOGETHER).map(|table| qualified(namespace, table)).collect();
            self.execute(namespace, &[format!("DROP TABLE {} CASCADE", some.join(", "))]).await?;
        }
        self.execute(namespace, &[format!("DROP SCHEMA IF EXISTS {} CASCADE", identifier(namespace.as_str()))]).await
    }

    async fn rename_namespace(&self, from: &Namespace, to: &Namespace) -> Result<(), DatabaseError> {
        check_name(to)?;
        let sql = format!("ALTER SCHEMA {} RENAME TO {}", identifier(from.as_str()), identifier(to.as_str()));
        self.execute(from, &[sql]).await
    }

    async fn exchange_namespaces(
        &self,
        living: &Namespace,
        fresh: &Namespace,
        old: &Namespace,
    ) -> Result<(), DatabaseError> {
        self.exchange(living, fresh, old).await
    }

    async fn jointly(&self, pair: &Pair, steps: &[JointStep]) -> Result<Vec<u64>, DatabaseError> {
        self.jointly(pair, steps).await
    }

    async fn refill(&self, spec: &RefillSpec, lines: mpsc::Receiver<Refill>) -> Result<u64, DatabaseError> {
        self.fill_with(spec, lines).await
    }

    async fn finish_refill(&self, namespace: &Namespace, stages: &Stages, at_once: usize) -> Result<(), DatabaseError> {
        self.finish(namespace, stages, at_once).await
    }

    async fn load(&self, spec: LoadSpec) -> Result<Box<dyn LoadSession>, DatabaseError> {
        load::begin(self, spec).await
    }

    async fn delete_missing(&self, spec: &MissingSpec) -> Result<u64, DatabaseError> {
        load::delete_missing(self, spec).await
    }

    async fn refused(&self, namespace: &Namespace, run: &str, step: u32) -> Result<Vec<Refused>, DatabaseError> {
        load::refused(self, namespace, run, step).await
    }

    async fn unload(&self, spec: &UnloadSpec) -> Result<Option<Unloaded>, DatabaseError> {
        load::unload(self, spec).await
    }
}

impl Postgres {
    /// All tables of a namespace, fixtool's own too.
    pub(super) async fn tables(&self, namespace: &Namespace) -> Result<Vec<String>, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        settle(&mut transaction).await?;
        let rows =
            sqlx::query(TABLES).bind(namespace.as_str()).fetch_all(&mut *transaction).await.map_err(translate)?;
        transaction.rollback().await.map_err(translate)?;
        rows.iter().map(|row| row.try_get("name").map_err(translate)).collect()
    }

    /// Hands the schema to Citus, which keeps it together on one of its nodes.
    async fn distribute(&self, namespace: &Namespace) -> Result<(), DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        sqlx::query(
            "SELECT pg_catalog.citus_schema_distribute(n.oid::pg_catalog.regnamespace) FROM pg_catalog.pg_namespace n \
             WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_schema d WHERE d.schemaid OPERATOR(pg_catalog.=) n.oid)",
        )
        .bind(namespace.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(translate)?;
        self.commit(transaction).await
    }
}

/// Refuses a name that PostgreSQL would cut off, or that is its own.
pub(super) fn check_name(namespace: &Namespace) -> Result<(), DatabaseError> {
    let name = namespace.as_str();
    let refuse = |message: String| Err(DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Unsupported, message));
    if name.is_empty() || name.len() > 63 {
        return refuse(format!("a schema's name has 1 to 63 bytes, this one has {}", name.len()));
    }
    if name.starts_with("pg_") || name == "information_schema" {
        return refuse(format!("the schema '{name}' is PostgreSQL's own"));
    }
    if name.contains('\0') {
        return refuse("a schema's name cannot contain NUL".to_owned());
    }
    Ok(())
}
