//! What `backup show` looks at: one manifest.

use super::{Table, View};
use crate::backends::site::SiteReader;
use crate::operations::backup::list::observe::told;
use crate::operations::backup::{BackupError, which};
use crate::snapshots::manifest::TableEntry;

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
        credentials: manifest.credentials()?.into_keys().collect(),
        fixtool: manifest.fixtool.clone(),
    })
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
