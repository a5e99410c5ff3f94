//! One suite for all engines: what `Reader` and `Writer` promise, each engine keeps alike.

mod access;
mod addresses;
mod catalog;
mod exchange;
mod instant;
mod keys;
mod lines;
mod namespaces;
mod pages;
mod refill;
mod round_trips;
mod structure;
mod values;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use fixtool::backends::database::address::Address;
use fixtool::backends::database::connect::{Limits, reader, writer};
use fixtool::backends::database::ddl::{self, Target};
use fixtool::backends::database::load::RowBatch;
use fixtool::backends::database::{Conflict, Coverage, LoadSpec, Reader, Writer};
use fixtool::model::{Model, Namespace, Row, Table};
use tempfile::TempDir;

use crate::support::PostgresDatabase;

/// A database of one engine, and a session that may write to it.
pub struct Place {
    pub writer: Arc<dyn Writer>,
    pub address: Address,
    folder: Option<TempDir>,
    database: Option<PostgresDatabase>,
}

impl Place {
    async fn postgres() -> Self {
        let database = PostgresDatabase::new();
        let address: Address = database.url().parse().unwrap();
        let writer = writer(&address, &limits()).await.unwrap();
        Self { writer, address, folder: None, database: Some(database) }
    }

    async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let address: Address = format!("sqlite:{}/", folder.path().display()).parse().unwrap();
        let writer = writer(&address, &limits()).await.unwrap();
        Self { writer, address, folder: Some(folder), database: None }
    }

    /// A session of its own that can only read.
    pub async fn reader(&self) -> Arc<dyn Reader> {
        reader(&self.address, &limits()).await.unwrap()
    }

    /// Another session that may write.
    pub async fn again(&self) -> Arc<dyn Writer> {
        writer(&self.address, &limits()).await.unwrap()
    }

    /// The folder of the SQLite files; `None` on PostgreSQL.
    pub fn folder(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().to_owned())
    }

    /// The PostgreSQL database; `None` on SQLite.
    pub fn database(&self) -> Option<&PostgresDatabase> {
        self.database.as_ref()
    }

    /// Makes a namespace with these tables in it.
    pub async fn create(&self, namespace: &Namespace, model: &Model) {
        self.writer.create_namespace(namespace).await.unwrap();
        let target = Target { engine: self.writer.engine(), namespace };
        let statements = ddl::create(target, model, &|_: &Table, rule: &str| Ok(rule.to_owned())).unwrap();
        self.writer.execute(namespace, &statements).await.unwrap();
    }

    /// Puts rows into a table, all columns of it.
    pub async fn fill(&self, namespace: &Namespace, model: &Model, table: &str, rows: Vec<Row>) {
        let definition = model.tables[table].clone();
        let spec = LoadSpec {
            namespace: namespace.clone(),
            table: table.to_owned(),
            columns: definition.columns.keys().cloned().collect(),
            key: definition.primary_key.clone(),
            definition,
            conflict: Conflict::Error,
            bare: true,
            reject: false,
            run: "conformance".to_owned(),
            step: 0,
            resume: None,
            remember_keys: false,
            most_rows: None,
            coverage: Coverage::Whole,
            continues: None,
        };
        let mut session = self.writer.load(spec).await.unwrap();
        let ordinals: Vec<u64> = (0..rows.len() as u64).collect();
        let encoded = session.encoding().encode(&ordinals, rows);
        let position = ordinals.len() as u64;
        session.write(RowBatch { ordinals, position, rows: encoded }).await.unwrap();
        session.finish().await.unwrap();
    }
}

fn limits() -> Limits {
    Limits { pool_size: 4, ..Limits::default() }
}

/// A namespace of the tests.
pub fn namespace(name: &str) -> Namespace {
    Namespace(name.to_owned())
}

/// A model as a pack writes it.
pub fn model(yaml: &str) -> Model {
    serde_saphyr::from_str(yaml).unwrap()
}

/// Runs a case on PostgreSQL.
pub fn on_postgres<F: Future<Output = ()>>(case: impl FnOnce(Place) -> F) {
    runtime().block_on(async { case(Place::postgres().await).await });
}

/// Runs a case on SQLite.
pub fn on_sqlite<F: Future<Output = ()>>(case: impl FnOnce(Place) -> F) {
    runtime().block_on(async { case(Place::sqlite().await).await });
}

/// Runs a case that needs both at once.
pub fn on_both<F: Future<Output = ()>>(case: impl FnOnce(Place, Place) -> F) {
    runtime().block_on(async { case(Place::postgres().await, Place::sqlite().await).await });
}

/// What async cases run in.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Makes of each function `async fn case(place: Place)` a test on each engine.
macro_rules! conforms {
    ($($case:ident),+ $(,)?) => {
        $(mod $case {
            #[test]
            fn postgres() {
                crate::conformance::on_postgres(super::$case);
            }

            #[test]
            fn sqlite() {
                crate::conformance::on_sqlite(super::$case);
            }
        })+
    };
}
pub(crate) use conforms;
