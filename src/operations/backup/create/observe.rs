//! What `backup create` looks at: the tenant, its rows, and the snapshot that an increment rests on.

use serde_json::json;

use super::{Files, Request};
use crate::backends::database::TableStats;
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::TenantRecord;
use crate::operations::backup::BackupError;
use crate::snapshots::SnapshotId;
use crate::snapshots::files::{self, Amount};
use crate::snapshots::manifest::Kind;
use crate::snapshots::vault::Vault;

/// What was seen.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The tenant.
    pub tenant: TenantRecord,
    /// The tables that are wanted, with their rows.
    pub tables: Vec<TableStats>,
    /// The files that are wanted; `None` where none are, or there is no folder.
    pub files: Option<Amount>,
    /// Where it goes.
    pub location: String,
    /// Whether it is sealed.
    pub sealed: bool,
    /// The newest snapshot that an increment can rest on.
    pub parent: Option<SnapshotId>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl Fingerprint for Snapshot {
    /// Rows come and go while a tenant lives; a backup is of what is there when it is made.
    fn fingerprint(&self) -> String {
        let tables: Vec<&String> = self.tables.iter().map(|table| &table.table).collect();
        chain::digest(&json!([self.tenant, tables, self.location, self.sealed]))
    }
}

/// A key that exists stays sealed for those for whom it was made, whatever the configuration says now.
async fn other_administrators(vault: &Vault, tenant: &TenantRecord) -> Result<Option<String>, BackupError> {
    let records = vault.keyring(&tenant.id).records().await?;
    let now = vault.administrators().shown();
    let Some(newest) = records.last().filter(|newest| newest.administrators() != now) else { return Ok(None) };
    Ok(Some(format!(
        "the key of {} is sealed for {}, and the configuration names {}: what is stored is for the former",
        tenant.id,
        newest.administrators().join(", "),
        now.join(", ")
    )))
}

/// The files as they are now.
async fn files(
    wanted: Option<Files>,
    (reader, tenant): (&SiteReader, &TenantRecord),
    notes: &mut Vec<String>,
) -> Result<Option<Amount>, BackupError> {
    let Some(wanted) = wanted else { return Ok(None) };
    let folder = reader.files_of(tenant)?;
    let found = files::foresee(&folder, wanted == Files::All).await?;
    if found.is_none() {
        notes.push(format!("there are no files: {} does not exist", folder.path().display()));
    }
    Ok(found)
}

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, BackupError> {
    let tenant = reader.tenant(&request.id).await?;
    let database = reader.database(&tenant.placement).await?;
    let model = reader.model_of(&tenant)?;
    let wanted = |name: &&String| request.tables.as_ref().is_none_or(|tables| tables.contains(*name));
    if let Some(unknown) = request.tables.iter().flatten().find(|name| !model.tables.contains_key(*name)) {
        return Err(crate::snapshots::SnapshotError::UnknownTable { table: unknown.clone() }.into());
    }
    let names: Vec<String> = model.tables.keys().filter(wanted).cloned().collect();
    // To count the rows of a large tenant takes a twentieth of the time of its backup.
    let tables = database.table_sizes(&tenant.namespace, &names).await?;
    let options = reader.backups();
    // Whether a place answers is seen when the snapshot is made: it is worth having without its copy, too.
    for location in &request.copies {
        options.store(location)?;
    }
    let vault = Vault::look(options).await?;
    let seals = match &vault {
        Some(vault) => vault.seals(),
        None => !options.administrators()?.is_empty(),
    };
    let sealed = request.sealed.unwrap_or(seals);
    if sealed && !seals {
        return Err(crate::snapshots::SnapshotError::NobodyToSealFor.into());
    }
    let mut notes = Vec::new();
    if !sealed {
        notes.push(
            "it is not sealed: whoever can read the files can read the rows; 'fixtool backup keygen' makes a key"
                .to_owned(),
        );
    }
    let parent = match (&vault, request.kind) {
        (Some(vault), Kind::Incremental) => vault.newest_whole(&tenant.id).await?.map(|entry| entry.id),
        _ => None,
    };
    if request.kind == Kind::Incremental && request.archive.is_some() {
        notes.push("an archive holds a whole snapshot, so everything is read".to_owned());
    } else if request.kind == Kind::Incremental && parent.is_none() {
        return Err(BackupError::NoParent { tenant: tenant.id.to_string() });
    }
    if let Some(vault) = vault.as_ref().filter(|_| sealed) {
        notes.extend(other_administrators(vault, &tenant).await?);
    }
    let files = files(request.files, (reader, &tenant), &mut notes).await?;
    let location = match (&request.archive, &vault) {
        (Some(archive), _) => archive.folder.display().to_string(),
        (None, Some(vault)) => vault.repository().store().location().to_owned(),
        (None, None) => options.locations.first().cloned().unwrap_or_default(),
    };
    notes.extend(vault.into_iter().flat_map(|vault| vault.passed_over));
    Ok(Snapshot { tenant, tables, files, location, sealed, parent, notes })
}
