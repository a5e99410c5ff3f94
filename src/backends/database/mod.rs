//! Databases: PostgreSQL and SQLite behind one trait for reading and one for writing.
//!
//! One conformance suite (`tests/suite/conformance/`) runs every engine through the same cases.
//!
//! Never a `search_path`: every name is qualified. Never `information_schema`: one tenant is
//! inspected through `pg_depend`, whose index makes it independent of the number of tenants.

pub mod address;
mod calendar;
pub mod connect;
pub mod ddl;
pub mod error;
pub mod fence;
pub mod instant;
pub mod joint;
pub mod load;
pub mod own_tables;
pub mod postgres;
pub mod quote;
pub mod rebuild;
pub mod refill;
pub mod rights;
pub mod roles;
pub mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub use error::{DatabaseError, DatabaseErrorKind};
pub use fence::Fence;
pub use instant::Instant;
pub use load::{Conflict, Coverage, LoadSession, LoadSpec, RowBatch};
pub use refill::{Refill, RefillSpec};

use crate::model::{Checkpoint, Engine, LogicalType, Model, Namespace, Row, Value};

/// What a session may do. Enforced by the server, not by good intentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `default_transaction_read_only=on` on PostgreSQL; `query_only` and a read-only open on SQLite.
    ReadOnly,
    /// May write.
    ReadWrite,
}

/// What was probed at connect; never assumed from the engine's name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none follows from another")]
pub struct Capabilities {
    /// Version as the server prints it: `15.18`, `3.50.2`.
    pub version: String,
    /// Version as one number: 150018 for PostgreSQL 15.18, 3050002 for SQLite 3.50.2.
    pub version_number: u32,
    /// A pooler in transaction mode stands between: no session state may be relied on.
    pub transaction_pooler: bool,
    /// The `citus` extension is present.
    pub citus: bool,
    /// The connection is encrypted.
    pub tls: bool,
    /// The session's user may create schemas (PostgreSQL).
    pub may_create_namespaces: bool,
    /// The session's user may create roles (PostgreSQL).
    pub may_create_roles: bool,
    /// The server can look during a long statement whether its client is still there (PostgreSQL 14 and later on Linux).
    pub notices_hangups: bool,
}

/// A table as it is on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStats {
    /// Its name.
    pub table: String,
    /// Rows, counted exactly.
    pub rows: u64,
    /// Bytes with indexes; 0 where the engine cannot tell.
    pub bytes: u64,
}

/// A condensed state of a table's content: two equal marks of one table mean that no row was
/// inserted, changed or deleted in between.
///
/// On PostgreSQL it is the row count and the sum of hashes of `xmin`: a transaction whose changes were not
/// yet visible leaves rows with an `xmin` that no visible row had. (The plain sum would not do: the
/// changes of two transactions may cancel out.) On SQLite it is the identity of the tenant's file:
/// device, inode, size, change and modification times, and the state of the WAL.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TableMark(pub String);

/// Which rows to stream out.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// Where.
    pub namespace: Namespace,
    /// Which table.
    pub table: String,
    /// Which columns, with the logical type as which each is read.
    pub columns: Vec<(String, LogicalType)>,
    /// Columns that give the order; empty for the physical order.
    pub order: Vec<String>,
}

/// Reading from one placement: a PostgreSQL database, or a directory of SQLite files.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Which engine it is.
    fn engine(&self) -> Engine;

    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Whether the tenant's schema or file exists.
    async fn namespace_exists(&self, namespace: &Namespace) -> Result<bool, DatabaseError>;

    /// The structure as a model, without fixtool's own `_fixtool_*` tables.
    async fn introspect(&self, namespace: &Namespace) -> Result<Model, DatabaseError>;

    /// What bears a name of fixtool's own in the namespace, in any case of letters, without being what fixtool makes: each
    /// as a line that says what is wrong with it.
    async fn strange_names(&self, namespace: &Namespace) -> Result<Vec<String>, DatabaseError>;

    /// Rows and bytes of these tables; those that do not exist are left out.
    async fn table_stats(&self, namespace: &Namespace, tables: &[String]) -> Result<Vec<TableStats>, DatabaseError>;

    /// The same, as far as it is known without reading the tables: rows may be what the server last estimated.
    async fn table_sizes(&self, namespace: &Namespace, tables: &[String]) -> Result<Vec<TableStats>, DatabaseError> {
        self.table_stats(namespace, tables).await
    }

    /// The condensed state of a table's content.
    async fn table_mark(&self, namespace: &Namespace, table: &str) -> Result<TableMark, DatabaseError>;

    /// Which of these keys exist: one answer a key, in order. A key with a NULL does not exist.
    async fn existing(
        &self,
        namespace: &Namespace,
        table: &str,
        columns: &[String],
        keys: &[Row],
    ) -> Result<Vec<bool>, DatabaseError>;

    /// Values of `wanted` for each of these keys, in order; `None` where the key does not exist.
    async fn lookup(&self, question: &Lookup, keys: &[Row]) -> Result<Vec<Option<Value>>, DatabaseError>;

    /// Streams rows in chunks; ends early, without error, when the receiver is dropped. A time in a SQLite file that
    /// names no zone is a text, as no moment is known for it.
    async fn select(&self, what: &Select, out: mpsc::Sender<Vec<Row>>) -> Result<u64, DatabaseError>;

    /// The checkpoint of one step of one run.
    async fn checkpoint(
        &self,
        namespace: &Namespace,
        run: &str,
        step: u32,
    ) -> Result<Option<Checkpoint>, DatabaseError>;

    /// Columns that a query gives, with the logical types nearest to theirs. The query runs on the
    /// database that the address names; on SQLite that is the address's own file.
    async fn query_columns(&self, sql: &str) -> Result<Vec<(String, LogicalType)>, DatabaseError>;

    /// Streams what a query gives, each column as [`query_columns`](Self::query_columns) says, in a
    /// transaction that can only read. Ends early, without error, when the receiver is dropped.
    async fn query(&self, sql: &str, out: mpsc::Sender<Vec<Row>>) -> Result<u64, DatabaseError>;

    /// Columns of a table that keep times without a zone, which a model calls timestamps all the same. SQLite has
    /// no such types.
    async fn local_times(&self, _namespace: &Namespace, _table: &str) -> Result<Vec<String>, DatabaseError> {
        Ok(Vec::new())
    }

    /// Holds one moment of a tenant open, in which these tables can be read by so many readers at
    /// once; fewer where the connections do not suffice. See [`instant`].
    async fn instant(
        &self,
        namespace: &Namespace,
        tables: &[String],
        readers: usize,
    ) -> Result<Arc<dyn Instant>, DatabaseError>;

    /// Closes every connection; on SQLite the write-ahead logs are folded into their files.
    async fn close(&self);
}

/// A look-up of one column by a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Where.
    pub namespace: Namespace,
    /// Which table.
    pub table: String,
    /// The key's columns.
    pub columns: Vec<String>,
    /// The column wanted.
    pub wanted: String,
}

/// Writing to one placement.
#[async_trait]
pub trait Writer: Reader {
    /// The same placement, for reading.
    fn as_reader(self: Arc<Self>) -> Arc<dyn Reader>;

    /// The same placement, for a run that has a lease: what it would commit after the lease went to somebody else is
    /// refused. See [`fence`].
    fn under(self: Arc<Self>, fence: Arc<dyn Fence>) -> Arc<dyn Writer>;

    /// Returns when whoever had the lease before is through. Called once for each lease, before anything else. SQLite does
    /// so for each file when it is opened.
    async fn take_over(&self) -> Result<(), DatabaseError> {
        Ok(())
    }

    /// Carries out statements in one transaction, with `lock_timeout` and retry-safe errors.
    /// Names in the statements are fully
    /// qualified on PostgreSQL, and plain on SQLite, where the file is the namespace.
    async fn execute(&self, namespace: &Namespace, statements: &[String]) -> Result<(), DatabaseError>;

    /// Makes the schema or file with fixtool's own tables in it; does nothing where it exists.
    async fn create_namespace(&self, namespace: &Namespace) -> Result<(), DatabaseError>;

    /// Removes the schema or file with everything in it; PostgreSQL drops large tenants in chunks.
    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), DatabaseError>;

    /// Renames the schema or file.
    async fn rename_namespace(&self, from: &Namespace, to: &Namespace) -> Result<(), DatabaseError>;

    /// Puts a fresh namespace in the place of the living one, which is kept under a third name. Whoever
    /// looks meanwhile sees the one or the other, whole. Writers at work are waited for, as long as for
    /// any lock. What was interrupted on SQLite is settled when the file is opened the next time.
    async fn exchange_namespaces(
        &self,
        living: &Namespace,
        fresh: &Namespace,
        old: &Namespace,
    ) -> Result<(), DatabaseError>;

    /// Carries out steps in one transaction that sees both namespaces, all or none; the rows that each of them changed. See
    /// [`joint`].
    async fn jointly(&self, pair: &joint::Pair, steps: &[joint::JointStep]) -> Result<Vec<u64>, DatabaseError>;

    /// Fills a table with lines, in one transaction. See [`refill`].
    async fn refill(&self, spec: &RefillSpec, lines: mpsc::Receiver<Refill>) -> Result<u64, DatabaseError>;

    /// Gives refilled tables their keys, then their indexes, then their foreign keys, each proved by the rows. For the
    /// tables that get their indexes, it sets what counts by itself behind the last row and gathers statistics. What is
    /// there already is left as it is, so that an interrupted call can be made again.
    async fn finish_refill(
        &self,
        namespace: &Namespace,
        stages: &ddl::Stages,
        at_once: usize,
    ) -> Result<(), DatabaseError>;

    /// Begins to load one table. See [`load`].
    async fn load(&self, spec: LoadSpec) -> Result<Box<dyn LoadSession>, DatabaseError>;

    /// Deletes the rows whose keys the source of an earlier step did not hold, with before-images
    /// for undo and a checkpoint, in one transaction. Returns how many.
    async fn delete_missing(&self, spec: &load::MissingSpec) -> Result<u64, DatabaseError>;

    /// Rows that the database refused in the durable batches of a step, in order.
    async fn refused(&self, namespace: &Namespace, run: &str, step: u32) -> Result<Vec<load::Refused>, DatabaseError>;

    /// Takes back what the step of a run loaded, or tells what an earlier call took back; `None` when there is no
    /// record of the step. See [`load`].
    async fn unload(&self, spec: &load::UnloadSpec) -> Result<Option<load::Unloaded>, DatabaseError>;
}
