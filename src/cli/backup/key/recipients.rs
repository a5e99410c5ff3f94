//! Public keys as they are typed: the keys themselves, or files of them.

use crate::backends::sealing::Administrators;
use crate::cli::fault::Fault;
use crate::cli::session::Session;
use crate::operations::backup::BackupError;

/// The public keys that were typed; a text that is no key is a file with one on each line.
pub fn parsed(session: &Session, typed: &[String]) -> Result<Vec<String>, Fault> {
    let is_key = |text: &str| text.starts_with("age1") || text.starts_with("ssh-");
    let here = |text: &String| session.environment.directory.join(text).display().to_string();
    let texts: Vec<String> = typed.iter().map(|text| if is_key(text) { text.clone() } else { here(text) }).collect();
    Ok(Administrators::parse(&texts).map_err(BackupError::from)?.shown())
}
