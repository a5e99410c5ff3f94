//! A snapshot of a repository as an archive: the same objects under the same names.

use std::collections::BTreeSet;
use std::path::Path;

use crate::snapshots::error::SnapshotError;
use crate::snapshots::layout;
use crate::snapshots::repository::Repository;
use crate::snapshots::source::{RepositorySource, SnapshotSource, blocking};

use super::{ArchiveFormat, ArchiveWriter};

/// Writes the snapshot with its parts and its sealed keys. Nothing is opened: the keys are needed for the manifest alone.
pub async fn export(
    repository: &Repository,
    snapshot: &RepositorySource,
    target: &Path,
    format: ArchiveFormat,
) -> Result<(), SnapshotError> {
    let (manifest, path) = (snapshot.manifest(), target.to_owned());
    let mut writer = blocking(move || ArchiveWriter::create(&path, format)).await?;
    for generation in manifest.generations() {
        for path in
            [layout::wrapped_key(&manifest.tenant, generation), layout::key_record(&manifest.tenant, generation)]
        {
            let bytes = repository.store().get(&path, super::MOST_KEY).await?;
            let bytes = bytes.ok_or_else(|| SnapshotError::damaged(&path, "it is missing"))?;
            writer.add(&path, &bytes)?;
        }
    }
    let mut seen = BTreeSet::new();
    for (table, part) in manifest.parts().filter(|(_, part)| seen.insert(&part.name)) {
        let (bytes, path) = (snapshot.stored(table, part).await?, layout::part(&part.name));
        writer = blocking(move || {
            writer.add(&path, &bytes)?;
            Ok(writer)
        })
        .await?;
    }
    let stored = repository.manifest_bytes(&manifest.tenant, snapshot.id()).await?;
    let path = layout::manifest(&manifest.tenant, snapshot.id());
    blocking(move || writer.finish(&path, &stored)).await
}
