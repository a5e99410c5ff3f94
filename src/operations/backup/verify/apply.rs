//! Carries out the steps of `backup verify`.

use std::sync::Arc;

use super::{Action, Request};
use crate::backends::sealing::KeyError;
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::backup::{BackupError, watch};
use crate::rules::check_sql;
use crate::snapshots::bring::Bring;
use crate::snapshots::source::SnapshotSource;
use crate::snapshots::vault::Vault;
use crate::snapshots::verified::{self, Level};
use crate::snapshots::{Instant, SnapshotError, SnapshotId, beside};

pub(super) async fn perform(
    request: &Request,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let Action::Look { snapshot, level, .. } = action;
    let vault = Vault::existing(site.backups()).await?;
    let mut looking = Looking { request, site, step, vault, objects: 0, bytes: 0, problems: Vec::new() };
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
    if sound || *level != Level::Live {
        looking.vault.repository().keep_verified((&request.id, snapshot), *level, result).await?;
    }
    if sound {
        let outcome = Outcome::default().with("objects", looking.objects);
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
    vault: Vault,
    objects: u64,
    bytes: u64,
    problems: Vec<String>,
}

impl Looking<'_> {
    /// Whether the user stopped it.
    async fn at(&mut self, snapshot: &SnapshotId, level: Level) -> Result<bool, BackupError> {
        self.objects += 1;
        let source = match self.vault.source(&self.request.id, snapshot).await {
            Ok(source) => source,
            Err(error) => return self.found(error).map(|()| false),
        };
        match level {
            Level::List => Ok(false),
            Level::Quick => self.quick(&source).await.map(|()| false),
            Level::Data => self.data(&source).await,
            Level::Live | Level::Drill => self.rows(Arc::new(source), level).await,
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
            match self.vault.repository().has_part(&part.name).await? {
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
        for (table, part) in source.manifest().parts() {
            if self.step.is_cancelled() {
                return Ok(true);
            }
            self.objects += 1;
            match source.rows(table, part).await {
                Ok(_) => self.bytes += part.stored_bytes,
                Err(error) => self.found(error)?,
            }
            self.step.advance(part.stored_bytes);
        }
        Ok(false)
    }

    /// Compares rows: with those of the living tenant, or with those of a restored copy.
    async fn rows(&mut self, source: Arc<dyn SnapshotSource>, level: Level) -> Result<bool, BackupError> {
        let tenant = self.site.tenant(&self.request.id).await?;
        let database = self.site.database(&tenant.placement).await?;
        let drill = level == Level::Drill;
        let namespace = if drill {
            beside::namespace("drill", &format!("{}{:03}", self.step.run, self.step.step))
        } else {
            tenant.namespace
        };
        let watch = watch::of(self.step);
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
        Ok(false)
    }
}
