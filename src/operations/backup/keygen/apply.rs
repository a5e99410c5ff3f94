//! Carries out the step of `backup keygen`.

use std::io::Write as _;
use std::path::Path;

use super::Action;
use age::secrecy::ExposeSecret;

use crate::backends::sealing::new_identity_file;
use crate::engine::Outcome;
use crate::operations::backup::BackupError;

pub(super) fn perform(action: &Action) -> Result<Outcome, BackupError> {
    let Action::Write { path } = action;
    let (secret, public) = new_identity_file();
    write(path, secret.expose_secret()).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists { path: path.clone() },
        _ => BackupError::File { path: path.clone(), reason: error.to_string() },
    })?;
    let mut outcome = Outcome::default().with("written", 1);
    outcome.notes.push(format!("its public half is {public}"));
    outcome
        .notes
        .push("name it in backup.recipients, and the file in backup.identities where backups are restored".to_owned());
    Ok(outcome)
}

/// The file is private from its first byte, and appears only when it is whole.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}
