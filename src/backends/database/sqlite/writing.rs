//! SQLite as a [`Writer`].

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use tokio::sync::mpsc;

use super::files::{io_error, missing};
use super::session::beside;
use super::{Sqlite, load, translate};
use crate::backends::database::ddl::Stages;
use crate::backends::database::fence::Fenced;
use crate::backends::database::joint::{JointStep, Pair};
use crate::backends::database::load::{LoadSession, LoadSpec, MissingSpec, Refused, UnloadSpec, Unloaded};
use crate::backends::database::{
    Access, DatabaseError, DatabaseErrorKind, Fence, Reader, Refill, RefillSpec, Writer, own_tables,
};
use crate::model::{Engine, Namespace};

/// What SQLite keeps beside a file.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

#[async_trait]
impl Writer for Sqlite {
    fn as_reader(self: Arc<Self>) -> Arc<dyn Reader> {
        self
    }

    fn under(self: Arc<Self>, fence: Arc<dyn Fence>) -> Arc<dyn Writer> {
        Arc::new(Self { fenced: Fenced(Some(fence)), ..(*self).clone() })
    }

    async fn execute(&self, namespace: &Namespace, statements: &[String]) -> Result<(), DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *transaction).await.map_err(translate)?;
        }
        self.commit(transaction).await
    }

    async fn create_namespace(&self, namespace: &Namespace) -> Result<(), DatabaseError> {
        self.refuse_if_reading()?;
        self.settle(namespace)?;
        let file = self.file(namespace)?;
        let made = create_file(&file)?;
        let done = self.execute(namespace, &own_tables::create(Engine::Sqlite, namespace)).await;
        if done.is_err() && made {
            // An empty file would look like a tenant. The first error is the one to tell.
            let _ = self.remove(&file).await;
        }
        done
    }

    async fn drop_namespace(&self, namespace: &Namespace) -> Result<(), DatabaseError> {
        self.refuse_if_reading()?;
        refuse_own_file(namespace)?;
        self.settle(namespace)?;
        self.stands().await?;
        self.remove(&self.file(namespace)?).await
    }

    async fn rename_namespace(&self, from: &Namespace, to: &Namespace) -> Result<(), DatabaseError> {
        self.refuse_if_reading()?;
        refuse_own_file(from)?;
        self.settle(from)?;
        let (old, new) = (self.file(from)?, self.file(to)?);
        if !old.is_file() {
            return Err(missing(from));
        }
        if COMPANIONS.iter().map(|end| beside(&new, end)).chain([new.clone()]).any(|path| path.exists()) {
            let message = format!("{} exists already", new.display());
            return Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Other, message));
        }
        self.close_file(&old).await;
        if beside(&old, "-wal").exists() || beside(&old, "-journal").exists() {
            let message = "another program has the file open";
            return Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Contention, message)
                .with_help("stop the program that uses the tenant, then try again"));
        }
        self.stands().await?;
        fs::rename(&old, &new).map_err(|error| io_error(&new, &error))?;
        sync_folder(&new)
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

impl Sqlite {
    pub(super) fn refuse_if_reading(&self) -> Result<(), DatabaseError> {
        if self.access == Access::ReadOnly {
            let message = "the session may only read";
            return Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Permission, message));
        }
        Ok(())
    }

    async fn remove(&self, file: &Path) -> Result<(), DatabaseError> {
        self.close_file(file).await;
        // The companions go first: a log that is left behind would be taken for the log of the next
        // file of this name.
        for path in COMPANIONS.iter().map(|end| beside(file, end)).chain([file.to_owned()]) {
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_error(&path, &error)),
            }
        }
        if file.parent().is_some_and(Path::exists) { sync_folder(file) } else { Ok(()) }
    }
}

/// The address's own file holds the catalog: it is nobody's to remove or to move.
pub(super) fn refuse_own_file(namespace: &Namespace) -> Result<(), DatabaseError> {
    if namespace.as_str() == "main" {
        let message = "the file that the address names cannot be dropped or renamed";
        return Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Unsupported, message));
    }
    Ok(())
}

/// Makes the file, for its owner alone; `false` if it was there.
fn create_file(file: &Path) -> Result<bool, DatabaseError> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| io_error(folder, &error))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(io_error(file, &error)),
    }
}

/// Makes the change of the folder durable.
pub(super) fn sync_folder(file: &Path) -> Result<(), DatabaseError> {
    let Some(folder) = file.parent() else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| io_error(folder, &error))
}
