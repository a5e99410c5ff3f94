//! The files of a restore. They are written beside the living ones, and the folders change their names where the namespaces change
//! places.

use super::Snapshot;
use super::plan::Way;
use crate::backends::files::{FileError, TenantFolder};
use crate::backends::site::SiteWriter;
use crate::engine::{Outcome, StepContext};
use crate::operations::backup::{BackupError, which};
use crate::snapshots::{SnapshotError, files};

/// The folders of the run that a step belongs to, or takes back.
fn names(step: &StepContext) -> [String; 3] {
    files::names(step.undoes.as_ref().map_or(step.run.as_str(), |(run, _)| run))
}

/// What the plan says of files.
pub(super) fn note(seen: &Snapshot) -> Option<String> {
    match (&seen.files, &seen.living) {
        (Some((_, folder)), _) => {
            Some(format!("the files go to {}; a folder that is there is kept beside it", folder.display()))
        }
        (None, Some(_)) => Some("the snapshot holds no files; the files of the tenant stay as they are".to_owned()),
        (None, None) => None,
    }
}

pub(super) async fn bring(way: &Way, (site, step): (&SiteWriter, &StepContext)) -> Result<Outcome, BackupError> {
    let source = which::open(site.backups(), &way.found).await?;
    let folder = site.files_of(&way.tenant)?;
    let [new, ..] = names(step);
    step.set_done(0);
    let Some(done) = files::bring(&*source, (&folder, &new), step).await? else {
        return Ok(Outcome { interrupted: true, ..Outcome::default() });
    };
    Ok(Outcome::default().with("files", done.files).with("file_bytes", done.bytes))
}

pub(super) async fn clear(way: &Way, (site, step): (&SiteWriter, &StepContext)) -> Result<Outcome, BackupError> {
    let [new, ..] = names(step);
    let gone = at(way, site, move |folder| folder.remove(&new)).await?;
    Ok(Outcome::default().with("folders", u64::from(gone)))
}

/// Puts the files in place, if this run brought any; says what is kept.
pub(super) async fn exchange(
    way: &Way,
    (site, step): (&SiteWriter, &StepContext),
) -> Result<Option<String>, BackupError> {
    let names = names(step);
    let kept = site.files_of(&way.tenant)?.beside(&names[1]);
    let any = at(way, site, move |folder| folder.exchange(names.each_ref().map(String::as_str))).await?;
    Ok(any.then(|| format!("the files that were there are kept in {}", kept.display())))
}

/// Puts the files back that were there.
pub(super) async fn exchange_back(way: &Way, (site, step): (&SiteWriter, &StepContext)) -> Result<(), BackupError> {
    let names = names(step);
    at(way, site, move |folder| folder.exchange_back(names.each_ref().map(String::as_str))).await?;
    Ok(())
}

/// Works on the tenant's folder where waiting for a disk holds nobody up.
async fn at<T: Send + 'static>(
    way: &Way,
    site: &SiteWriter,
    work: impl FnOnce(&TenantFolder) -> Result<T, FileError> + Send + 'static,
) -> Result<T, BackupError> {
    let folder = site.files_of(&way.tenant)?;
    let done = tokio::task::spawn_blocking(move || work(&folder)).await;
    let done = done.map_err(|error| BackupError::File { path: "files".into(), reason: error.to_string() })?;
    Ok(done.map_err(SnapshotError::from)?)
}
