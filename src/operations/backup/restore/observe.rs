//! What `backup restore` looks at: the snapshot, and what it would replace.

use std::path::PathBuf;

use serde_json::json;

use super::Request;
use super::rows::{self, Single};
use crate::backends::database::TableStats;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::tenant_record::MAIN_PLACEMENT;
use crate::model::{Engine, Namespace, TenantRecord, TenantStatus, fingerprint};
use crate::operations::backup::BackupError;
use crate::operations::backup::which::{self, Found};
use crate::snapshots::Manifest;
use crate::snapshots::files::Amount;
use crate::snapshots::manifest::Content;
use crate::snapshots::safety::Foreseen;

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The snapshot.
    pub found: Found,
    /// Its id.
    pub id: String,
    /// When it was taken, RFC 3339 in UTC.
    pub taken_at: String,
    /// Its tables: name, rows, bytes before compression.
    pub tables: Vec<(String, u64, u64)>,
    /// Its files, if it holds the tenant's files, and the folder that they go to.
    pub files: Option<(Amount, PathBuf)>,
    /// The tenant as it will be registered.
    pub after: TenantRecord,
    /// The tenant that lives under that id, and its tables.
    pub living: Option<(TenantRecord, Vec<TableStats>)>,
    /// The engine that the snapshot comes from, and the one that it goes to.
    pub engines: (Engine, Engine),
    /// The site, which names roles.
    pub site: String,
    /// Single tables, where these are wanted only.
    pub single: Option<Single>,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        let living = self.living.as_ref().map(|(tenant, tables)| {
            let rows: Vec<_> = tables.iter().map(|table| json!([table.table, table.rows])).collect();
            json!([tenant, rows])
        });
        let tables = self.single.as_ref().map(|single| &single.tables);
        let place = self.single.as_ref().and_then(|single| single.safety.as_ref()).map(Foreseen::place);
        chain::digest(&json!([self.found, self.id, living, tables, place]))
    }
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, BackupError> {
    let found = which::find(reader.backups(), &request.what).await?;
    let source = which::open(reader.backups(), &found).await?;
    let manifest = source.manifest();
    source.keys().all_at_hand(manifest)?;
    let model = &manifest.model;
    let living = if request.tables.is_some() {
        Some(reader.tenant(&request.id).await?)
    } else {
        whole(source.id().as_str(), manifest, model.tables.len())?;
        reader.catalog().tenant(&request.id).await?
    };
    let recorded = manifest.record()?;
    let placement = match (&request.placement, &living) {
        (Some(wanted), _) => wanted.clone(),
        (None, Some(tenant)) => tenant.placement.clone(),
        (None, None) if reader.placements().any(|name| name == recorded.placement) => recorded.placement.clone(),
        (None, None) => MAIN_PLACEMENT.to_owned(),
    };
    if let Some(tenant) = living.as_ref().filter(|tenant| tenant.placement != placement) {
        return Err(BackupError::OtherPlacement { tenant: tenant.id.to_string(), placement });
    }
    let database = reader.database(&placement).await?;
    let namespace = living.as_ref().map_or_else(|| Namespace::of(&request.id), |tenant| tenant.namespace.clone());
    if living.is_none() && database.namespace_exists(&namespace).await? {
        return Err(BackupError::InTheWay { namespace: namespace.to_string() });
    }
    let single = match (&request.tables, &living) {
        (Some(wanted), Some(tenant)) => Some(rows::observe(request, reader, (manifest, tenant, wanted)).await?),
        _ => None,
    };
    let after = after(request, (recorded, living.as_ref()), (&namespace, &placement), &fingerprint(model));
    known_pack(reader, &after)?;
    let living = match living {
        Some(tenant) => {
            let names: Vec<String> = database.introspect(&tenant.namespace).await?.tables.into_keys().collect();
            let stats = database.table_stats(&tenant.namespace, &names).await?;
            Some((tenant, stats))
        }
        None => None,
    };
    let files = files(manifest, reader, &after)?;
    let raw = |table: &crate::snapshots::manifest::TableEntry| table.parts.iter().map(|part| part.raw_bytes).sum();
    Ok(Snapshot {
        id: source.id().to_string(),
        taken_at: manifest.taken_at.to_string(),
        tables: manifest.tables.iter().map(|table| (table.name.clone(), table.rows, raw(table))).collect(),
        engines: (manifest.engine, database.engine()),
        site: reader.site_id().to_owned(),
        files,
        found,
        after,
        living,
        single,
    })
}

/// The files of the snapshot, and where they go.
fn files(
    manifest: &Manifest,
    reader: &SiteReader,
    after: &TenantRecord,
) -> Result<Option<(Amount, PathBuf)>, BackupError> {
    if !manifest.has_files() {
        return Ok(None);
    }
    let amount = Amount { files: manifest.files.len() as u64, bytes: manifest.file_bytes() };
    Ok(Some((amount, reader.files_of(after)?.path())))
}

/// Refuses what no tenant can be made of.
fn whole(id: &str, manifest: &Manifest, tables: usize) -> Result<(), BackupError> {
    let holds_of = |content| manifest.scope.contents.contains(&content);
    let holds = match (holds_of(Content::Structure), holds_of(Content::Rows)) {
        (true, true) if manifest.tables.len() == tables => return Ok(()),
        (true, true) => "some of the tables",
        (true, false) => "structure",
        (false, true) => "rows",
        (false, false) => "the registry's entry",
    };
    Err(BackupError::NotWhole { id: id.to_owned(), holds: holds.to_owned() })
}

/// The tenant as it will be registered: what it is comes from the snapshot, what it is called and how it
/// is sold stays as it is.
fn after(
    request: &Request,
    (recorded, living): (TenantRecord, Option<&TenantRecord>),
    (namespace, placement): (&Namespace, &str),
    fingerprint: &str,
) -> TenantRecord {
    // Single tables change nothing of what the tenant is.
    if let (Some(tenant), Some(_)) = (living, &request.tables) {
        return tenant.clone();
    }
    let base = living.cloned().unwrap_or_else(|| TenantRecord { status: TenantStatus::Active, ..recorded.clone() });
    TenantRecord {
        id: request.id.clone(),
        namespace: namespace.clone(),
        placement: placement.to_owned(),
        pack: recorded.pack,
        version: recorded.version,
        fingerprint: fingerprint.to_owned(),
        ..base
    }
}

/// The tenant's pack must be here, or nothing could be done with it afterwards.
fn known_pack(reader: &SiteReader, after: &TenantRecord) -> Result<(), BackupError> {
    let unknown = || BackupError::Pack { pack: after.pack.clone(), version: after.version.clone() };
    reader.model_of(after).map(drop).map_err(|_| unknown())
}
