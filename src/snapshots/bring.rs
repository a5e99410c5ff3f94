//! Bringing a snapshot back: its tables are filled in a fresh namespace, beside whatever lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::SnapshotError;
use super::fill::{Filled, summed};
use super::line_sum::{self, LineSum, Sense};
use super::manifest::{Manifest, TableEntry};
use super::source::SnapshotSource;
use super::take::Watch;
use crate::backends::database::Writer;
use crate::backends::database::instant::LinesOf;
use crate::model::{LogicalType, Model, Namespace, TenantRecord};

/// A snapshot and the fresh namespace that it goes into.
#[derive(Clone)]
pub struct Bring {
    /// What is brought.
    pub source: Arc<dyn SnapshotSource>,
    /// Where to.
    pub database: Arc<dyn Writer>,
    /// Which namespace; nobody else knows of it yet.
    pub namespace: Namespace,
    /// Who is told, and asked whether to go on.
    pub watch: Arc<dyn Watch>,
}

impl Manifest {
    /// The tenant's entry in the registry.
    ///
    /// # Errors
    /// If what the manifest says is none.
    pub fn record(&self) -> Result<TenantRecord, SnapshotError> {
        serde_json::from_value(self.tenant_record.clone())
            .map_err(|error| SnapshotError::damaged("the tenant's record", error.to_string()))
    }

    /// Sealed credentials by name.
    ///
    /// # Errors
    /// If what the manifest says is none.
    pub fn credentials(&self) -> Result<BTreeMap<String, String>, SnapshotError> {
        match self.configuration.get(super::configuration::CREDENTIALS) {
            Some(found) => serde_json::from_value(found.clone())
                .map_err(|error| SnapshotError::damaged("the credentials", error.to_string())),
            None => Ok(BTreeMap::new()),
        }
    }
}

impl Bring {
    pub(super) fn entry(&self, table: &str) -> Result<&TableEntry, SnapshotError> {
        let unknown = || SnapshotError::UnknownTable { table: table.to_owned() };
        self.source.manifest().table(table).ok_or_else(unknown)
    }

    /// Compares the rows of a table with those of the snapshot.
    ///
    /// # Errors
    /// When they differ, or cannot be read.
    pub async fn compare(&self, table: &str) -> Result<u64, SnapshotError> {
        let (wanted, found) = tokio::try_join!(self.wanted(table), self.found(table))?;
        told(table, &wanted, &found)
    }

    /// Compares the rows of a table that was filled just now: the snapshot need not be read once more.
    ///
    /// # Errors
    /// When they differ, or cannot be read.
    pub async fn compare_filled(&self, table: &str, filled: &Filled) -> Result<u64, SnapshotError> {
        match &filled.sum {
            Some(wanted) => told(table, wanted, &self.found(table).await?),
            None => self.compare(table).await,
        }
    }

    async fn wanted(&self, table: &str) -> Result<LineSum, SnapshotError> {
        let mut sum = LineSum::default();
        let entry = self.entry(table)?;
        let sense = self.sense(entry)?;
        for part in &entry.parts {
            let rows = self.source.rows(table, part).await?;
            sum = summed((sum, sense.clone()), rows).await?;
        }
        Ok(sum)
    }

    /// What counts of the lines of a table on the way to this database.
    pub(super) fn sense(&self, entry: &TableEntry) -> Result<Sense, SnapshotError> {
        let manifest = self.source.manifest();
        Ok(Sense::of(&columns(entry, &manifest.model)?, (manifest.engine, self.database.engine())))
    }

    async fn found(&self, table: &str) -> Result<LineSum, SnapshotError> {
        let entry = self.entry(table)?;
        let columns = columns(entry, &self.source.manifest().model)?;
        let what = LinesOf { table: table.to_owned(), columns, key: Vec::new(), range: None };
        line_sum::stored(&self.database, &self.namespace, (what, &self.sense(entry)?)).await
    }
}

fn told(table: &str, wanted: &LineSum, found: &LineSum) -> Result<u64, SnapshotError> {
    if wanted == found {
        return Ok(found.lines);
    }
    Err(SnapshotError::Differs { table: table.to_owned(), wanted: wanted.lines, found: found.lines })
}

/// The columns of a table with their types.
pub(super) fn columns(entry: &TableEntry, model: &Model) -> Result<Vec<(String, LogicalType)>, SnapshotError> {
    let lost = |column: &str| SnapshotError::damaged(&entry.name, format!("the model has no column '{column}'"));
    let table = model.tables.get(&entry.name).ok_or_else(|| lost("*"))?;
    let typed = |name: &String| {
        let column = table.columns.get(name).ok_or_else(|| lost(name))?;
        Ok((name.clone(), column.logical.clone()))
    };
    entry.columns.iter().map(typed).collect()
}
