//! Carries out the steps of `backup verify`.

use std::sync::Arc;

use super::{Action, Request};
use crate::backends::sealing::KeyError;
use crate::backends::site::{SiteError, SiteWriter};
use crate::engine::{Outcome, StepContext};
use crate::model::tenant_record::MAIN_PLACEMENT;
use crate::operations::backup::BackupError;
use crate::operations::backup::which::{self, Found};
use crate::rules::check_sql;
use crate::snapshots::bring::Bring;
use crate::snapshots::distinct::Distinct;
use crate::snapshots::source::SnapshotSource;
use crate::snapshots::vault::Vault;
use crate::snapshots::verified::{self, Level};
use crate::snapshots::{Instant, PartRef, SnapshotError, SnapshotId, beside};

pub(super) async fn perform(
    request: &Request,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let Action::Look { snapshot, level, .. } = action;
    // Results are kept beside what they speak of; an archive has no such place.
    let vault = match &request.archive {
        None => Some(Vault::existing(site.backups()).await?),
        Some(_) => None,
    };
    let mut looking =
        Looking { request, site, step, vault, objects: 0, bytes: 0, problems: Vec::new(), notes: Vec::new() };
    step.set_done(0);
    if looking.at(snapshot, *level).await? {
        return Ok(Outcome { interrupted: true, ..Outcome::default() });
    }
    let result = verified::Outcome {
        at: Instant::now(),
        objects: looking.objects,
        bytes: looking.bytes,
        problems: looking.problems.clone(),
        fixtool: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let sound = looking.problems.is_empty();
    // That a living tenant has moved on says nothing against its snapshot.
    if let Some(vault) = looking.vault.as_ref().filter(|_| sound || *level != Level::Live) {
        vault.repository().keep_verified((&request.id, snapshot), *level, result).await?;
    }
    if sound {
        let outcome = Outcome { notes: looking.notes, ..Outcome::default() }.with("objects", looking.objects);
        return Ok(if looking.bytes > 0 { outcome.with("bytes_read", looking.bytes) } else { outcome });
    }
    if *level == Level::Live {
        return Err(BackupError::Moved { snapshot: snapshot.to_string(), differences: looking.problems });
    }
    Err(BackupError::Damage { snapshot: snapshot.to_string(), problems: looking.problems })
}

struct Looking<'a> {
    request: &'a Request,
    site: &'a SiteWriter,
    step: &'a StepContext,
    vault: Option<Vault>,
    objects: u64,
    bytes: u64,
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Looking<'_> {
    /// Whether the user stopped it.
    async fn at(&mut self, snapshot: &SnapshotId, level: Level) -> Result<bool, BackupError> {
        self.objects += 1;
        let source = match self.source(snapshot).await {
            Ok(source) => source,
            Err(BackupError::Snapshot(error)) => return self.found(error).map(|()| false),
            Err(other) => return Err(other),
        };
        match level {
            Level::List => Ok(false),
            Level::Quick => self.quick(&*source).await.map(|()| false),
            Level::Data => self.data(&*source).await,
            Level::Live | Level::Drill => self.rows(source, level).await,
        }
    }

    async fn source(&self, snapshot: &SnapshotId) -> Result<Arc<dyn SnapshotSource>, BackupError> {
        match (&self.vault, &self.request.archive) {
            (Some(vault), _) => Ok(Arc::new(vault.source(&self.request.id, snapshot).await?)),
            (None, archive) => {
                let path = archive.clone().unwrap_or_default();
                which::open(self.site.backups(), &Found::Archive { path }).await
            }
        }
    }

    /// Damage is a finding; a store that does not answer and a key that is elsewhere are none.
    fn found(&mut self, error: SnapshotError) -> Result<(), BackupError> {
        match error {
            SnapshotError::Storage(_)
            | SnapshotError::Database(_)
            | SnapshotError::Key(KeyError::Wrong { .. })
            | SnapshotError::NoKey { .. } => Err(error.into()),
            damage => {
                self.problems.push(damage.to_string());
                Ok(())
            }
        }
    }

    async fn quick(&mut self, source: &dyn SnapshotSource) -> Result<(), BackupError> {
        for (table, part) in source.manifest().parts() {
            self.objects += 1;
            match source.stored_size(part).await? {
                Some(size) if size == part.stored_bytes => {}
                Some(size) => {
                    let wanted = part.stored_bytes;
                    self.problems.push(format!("{table}: part {} has {size} bytes in place of {wanted}", part.name));
                }
                None => self.problems.push(format!("{table}: part {} is missing", part.name)),
            }
        }
        Ok(())
    }

    async fn data(&mut self, source: &dyn SnapshotSource) -> Result<bool, BackupError> {
        for table in &source.manifest().tables {
            let mut keys = Distinct::of(table, &source.manifest().model).await;
            for part in &table.parts {
                if self.step.is_cancelled() {
                    return Ok(true);
                }
                let read = source.rows(&table.name, part).await;
                if let (Some(some), Ok(rows)) = (keys.take(), &read) {
                    keys = self.or_tell(&table.name, some.add(rows.clone()).await?);
                }
                self.was_read(part, read)?;
            }
            let Some(keys) = keys else { continue };
            let twice = keys.twice().await?;
            if let Some(twice) = self.or_tell(&table.name, twice).filter(|twice| *twice > 0) {
                let rows = if twice == 1 { "1 row has".to_owned() } else { format!("{twice} rows have") };
                self.problems.push(format!("{}: {rows} a key that another row has already", table.name));
            }
        }
        self.chunks(source).await
    }

    /// What a temporary file has no room for is not compared, and says nothing against the snapshot.
    fn or_tell<T>(&mut self, table: &str, compared: std::io::Result<T>) -> Option<T> {
        let place = std::env::temp_dir();
        let tell = |error: &std::io::Error| {
            self.notes.push(format!("{table}: its keys were not compared, for want of {}: {error}", place.display()));
        };
        compared.inspect_err(tell).ok()
    }

    /// Reads every byte of every file.
    async fn chunks(&mut self, source: &dyn SnapshotSource) -> Result<bool, BackupError> {
        for (file, chunk) in source.manifest().chunks() {
            if self.step.is_cancelled() {
                return Ok(true);
            }
            let read = source.chunk(file, chunk).await;
            self.was_read(chunk, read)?;
        }
        Ok(false)
    }

    fn was_read(&mut self, part: &PartRef, read: Result<bytes::Bytes, SnapshotError>) -> Result<(), BackupError> {
        self.objects += 1;
        match read {
            Ok(_) => self.bytes += part.stored_bytes,
            Err(error) => self.found(error)?,
        }
        self.step.advance(part.stored_bytes);
        Ok(())
    }

    /// Compares rows: with those of the living tenant, or with those of a restored copy.
    async fn rows(&mut self, source: Arc<dyn SnapshotSource>, level: Level) -> Result<bool, BackupError> {
        let drill = level == Level::Drill;
        let (placement, namespace) = match self.site.tenant(&self.request.id).await {
            Ok(tenant) => (tenant.placement, Some(tenant.namespace)),
            // What is restored to be looked at needs no tenant that lives.
            Err(SiteError::UnknownTenant { .. }) if drill => (MAIN_PLACEMENT.to_owned(), None),
            Err(other) => return Err(other.into()),
        };
        let database = self.site.database(&placement).await?;
        let scratch = || beside::namespace("drill", &format!("{}{:03}", self.step.run, self.step.step));
        let namespace = namespace.filter(|_| !drill).unwrap_or_else(scratch);
        let watch = Arc::new(self.step.clone());
        let bring = Bring { source: source.clone(), database: database.clone(), namespace, watch };
        let looked = self.compared(&bring, drill).await;
        if drill && database.namespace_exists(&bring.namespace).await? {
            database.drop_namespace(&bring.namespace).await?;
        }
        looked
    }

    async fn compared(&mut self, bring: &Bring, drill: bool) -> Result<bool, BackupError> {
        if drill && !beside::whole(bring, check_sql, &self.step.run).await? {
            return Ok(true);
        }
        for table in &bring.source.manifest().tables {
            self.objects += table.parts.len() as u64;
            match bring.compare(&table.name).await {
                Ok(_) => self.bytes += table.parts.iter().map(|part| part.stored_bytes).sum::<u64>(),
                Err(SnapshotError::Differs { table, wanted, found }) => {
                    self.problems.push(format!("{table} has {found} rows, and the snapshot {wanted}, or other ones"));
                }
                Err(error) => self.found(error)?,
            }
        }
        if drill { self.chunks(&*bring.source).await } else { Ok(false) }
    }
}
