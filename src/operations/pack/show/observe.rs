//! Reads a pack and picks what was asked for.

use super::{ReleaseView, Show, View};
use crate::backends::packs;
use crate::model::fingerprint;
use crate::model::pack::Release;
use crate::operations::pack::{PackFault, Packs};

/// Looks at one pack.
pub fn observe(show: &Show, reader: &Packs) -> Result<View, PackFault> {
    let pack = packs::load(&show.pack, &reader.folder)?;
    let version = show.version.unwrap_or_else(|| pack.newest());
    let mut model = pack.model(version)?.clone();
    if let Some(name) = &show.table {
        let Some((table, _)) = model.table_of(name) else {
            return Err(PackFault::table(name, model.tables.keys().map(String::as_str)));
        };
        let table = table.to_owned();
        model.tables.retain(|name, _| *name == table);
    }
    Ok(View {
        manifest: pack.manifest.clone(),
        digest: pack.digest.clone(),
        releases: pack.releases.iter().map(release).collect(),
        version,
        model,
    })
}

fn release(release: &Release) -> ReleaseView {
    ReleaseView {
        version: release.version,
        title: release.migration.as_ref().map(|migration| migration.title.clone()),
        steps: release.migration.as_ref().map_or(0, |migration| migration.steps.len()),
        tables: release.model.tables.len(),
        fingerprint: fingerprint(&release.model),
        first_data: release.fixtures.iter().map(|fixture| fixture.data_type.clone()).collect(),
    }
}
