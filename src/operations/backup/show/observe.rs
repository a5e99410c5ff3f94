//! What `backup show` looks at: one manifest.

use std::collections::BTreeMap;

use super::{Files, Table, View};
use crate::backends::site::SiteReader;
use crate::operations::backup::list::observe::told;
use crate::operations::backup::{BackupError, which};
use crate::snapshots::Digest;
use crate::snapshots::manifest::{Content, Manifest, TableEntry};

pub(super) async fn observe(what: &str, reader: &SiteReader) -> Result<View, BackupError> {
    let found = which::find(reader.backups(), what).await?;
    let source = which::open(reader.backups(), &found).await?;
    let manifest = source.manifest();
    Ok(View {
        tenant: manifest.tenant.to_string(),
        id: source.id().to_string(),
        parent: manifest.parent.as_ref().map(ToString::to_string),
        told: told(manifest),
        engine_version: manifest.engine_version.clone(),
        pack: manifest.pack.clone(),
        pack_version: manifest.pack_version.clone(),
        tables: manifest.tables.iter().map(table).collect(),
        files: manifest.has_files().then(|| files(manifest)),
        credentials: manifest.credentials()?.into_keys().collect(),
        fixtool: manifest.fixtool.clone(),
    })
}

fn files(manifest: &Manifest) -> Files {
    let each: BTreeMap<&Digest, u64> = manifest.chunks().map(|(_, chunk)| (&chunk.name, chunk.stored_bytes)).collect();
    Files {
        files: manifest.files.len() as u64,
        chunks: manifest.chunks().count() as u64,
        raw_bytes: manifest.file_bytes(),
        stored_bytes: each.values().copied().fold(0, u64::saturating_add),
        cache: manifest.scope.contents.contains(&Content::Cache),
    }
}

fn table(entry: &TableEntry) -> Table {
    Table {
        table: entry.name.clone(),
        rows: entry.rows,
        parts: entry.parts.len() as u64,
        raw_bytes: entry.parts.iter().map(|part| part.raw_bytes).sum(),
        stored_bytes: entry.parts.iter().map(|part| part.stored_bytes).sum(),
    }
}
