//! A whole tenant comes back from its safety copy: beside, compared, and then under its name.

use std::sync::Arc;

use super::beyond::Beyond;
use super::{SafetyError, find};
use crate::backends::database::Writer;
use crate::backends::database::roles::admit;
use crate::backends::site::SiteWriter;
use crate::model::{TenantId, TenantRecord, TenantStatus, fingerprint};
use crate::snapshots::beside;
use crate::snapshots::bring::Bring;
use crate::snapshots::manifest::{Content, Manifest};
use crate::snapshots::room::Checks;
use crate::snapshots::source::SnapshotSource;
use crate::snapshots::take::Watch;
use crate::snapshots::vault::Vault;

/// Keys that are built at once: sorting takes memory on the server.
const KEYS_AT_ONCE: usize = 2;

/// A tenant that is to come back.
pub struct Back<'a> {
    /// Where to.
    pub site: &'a SiteWriter,
    /// Which tenant.
    pub tenant: &'a TenantId,
    /// The run that made the copy.
    pub run: &'a str,
    /// How rules are written as SQL.
    pub checks: Checks,
    /// Who is told, and asked whether to go on.
    pub watch: Arc<dyn Watch>,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brought {
    /// Rows, compared with the copy.
    pub rows: u64,
    /// Remarks for people.
    pub notes: Vec<String>,
}

/// What is found where the tenant was.
enum Found {
    /// Nothing.
    Room,
    /// All of it: it was never dropped.
    Untouched,
    /// All of it, brought back by an earlier try.
    Ours,
    /// What a drop that was interrupted left.
    Remains,
}

impl Back<'_> {
    /// Brings the namespace with rows, roles and settings back, then the registry's entry and the credentials. `None` when the
    /// user stopped it. It may be carried out again.
    ///
    /// # Errors
    /// If there is no copy, it cannot be opened, or something else is where the tenant was. Nothing has happened then.
    pub async fn tenant(&self) -> Result<Option<Brought>, SafetyError> {
        let vault = Vault::existing(self.site.backups()).await?;
        let source = find(&vault, self.tenant, self.run).await?;
        let record = source.manifest().record()?;
        let registered = self.registered(&record).await?;
        let mut brought = Brought::default();
        if source.manifest().scope.contents.contains(&Content::Rows) {
            let database = self.site.database(&record.placement).await?;
            match self.found(&database, (&record, source.manifest()), registered).await? {
                Found::Ours => {}
                Found::Untouched => brought.notes.push(format!("{} was never dropped, so it stays", record.namespace)),
                other => {
                    let Some(rows) = self.namespace(&database, source.clone(), (&record, other)).await? else {
                        return Ok(None);
                    };
                    brought.rows = rows;
                }
            }
        }
        self.register((&record, registered), source.manifest()).await?;
        Ok(Some(brought))
    }

    /// Whether the registry still knows it; refused when it knows another one of that name or in that place.
    async fn registered(&self, record: &TenantRecord) -> Result<bool, SafetyError> {
        let refuse = |what: String| Err(SafetyError::InTheWay { tenant: self.tenant.to_string(), what });
        if let Some(there) = self.site.catalog().tenant(self.tenant).await? {
            // It is the same one only if it was registered at the same moment.
            if there.created_at == record.created_at && there.namespace == record.namespace {
                return Ok(true);
            }
            return refuse(format!("another tenant '{}' was registered since", self.tenant));
        }
        match self.site.catalog().tenant_at(&record.placement, &record.namespace).await? {
            Some(owner) => refuse(format!("its namespace {} belongs to '{}' now", record.namespace, owner.id)),
            None => Ok(false),
        }
    }

    async fn found(
        &self,
        database: &Arc<dyn Writer>,
        (record, manifest): (&TenantRecord, &Manifest),
        registered: bool,
    ) -> Result<Found, SafetyError> {
        let namespace = &record.namespace;
        if !database.namespace_exists(namespace).await? {
            return Ok(Found::Room);
        }
        // Filling it left its mark in it.
        if database.checkpoint(namespace, self.run, 0).await?.is_some() {
            return Ok(Found::Ours);
        }
        if !registered {
            let what = format!("there is a namespace {namespace} again");
            return Err(SafetyError::InTheWay { tenant: self.tenant.to_string(), what });
        }
        let whole = fingerprint(&database.introspect(namespace).await?) == fingerprint(&manifest.model);
        Ok(if whole { Found::Untouched } else { Found::Remains })
    }

    /// The namespace with everything in it; its rows.
    async fn namespace(
        &self,
        database: &Arc<dyn Writer>,
        source: Arc<dyn SnapshotSource>,
        (record, found): (&TenantRecord, Found),
    ) -> Result<Option<u64>, SafetyError> {
        let fresh = beside::namespace("back", self.run);
        let bring =
            Bring { source: source.clone(), database: database.clone(), namespace: fresh, watch: self.watch.clone() };
        beside::make_room(&bring, self.checks).await?;
        if !beside::fill(&bring, self.run).await? {
            return Ok(None);
        }
        beside::finish(&bring, self.checks, KEYS_AT_ONCE).await?;
        let mut rows = 0;
        for table in &source.manifest().tables {
            rows += bring.compare(&table.name).await?;
        }
        let site = self.site.site_id();
        if matches!(found, Found::Remains) {
            database.drop_namespace(&record.namespace).await?;
        }
        admit(&**database, record, (&bring.namespace, site)).await?;
        Beyond::of(source.manifest())?.enrol(&**database, record, site).await?;
        database.rename_namespace(&bring.namespace, &record.namespace).await?;
        Ok(Some(rows))
    }

    async fn register(
        &self,
        (record, registered): (&TenantRecord, bool),
        manifest: &Manifest,
    ) -> Result<(), SafetyError> {
        let catalog = self.site.catalog();
        if registered {
            let status = if record.status == TenantStatus::Dropping { TenantStatus::Active } else { record.status };
            catalog.update_tenant(&TenantRecord { status, ..record.clone() }).await?;
        } else {
            catalog.insert_tenant(record).await?;
        }
        catalog.put_back_credentials(self.tenant, &Beyond::of(manifest)?.credentials).await?;
        Ok(())
    }
}
