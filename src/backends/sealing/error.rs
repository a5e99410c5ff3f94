//! Why a backup could not be sealed or opened.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

/// Why a key could not be used.
#[derive(Debug, Error, Diagnostic)]
pub enum KeyError {
    /// A text is no public key.
    #[error("'{shown}' is no public key for backups: {reason}")]
    #[diagnostic(
        code(fixtool::key::recipient),
        help("give a key that begins with age1, ssh-ed25519 or ssh-rsa, or a file with one on each line")
    )]
    Recipient {
        /// The text, shortened; never a secret key.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A key file cannot be read or holds no key.
    #[error("the key file {} cannot be used: {reason}", path.display())]
    #[diagnostic(
        code(fixtool::key::file),
        help(
            "backup.identities and backup.recipients name such files; it must be there and hold the lines that age-keygen \
             writes, or an SSH key without a passphrase"
        )
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A passphrase stands beside other keys.
    #[error("a passphrase cannot be used together with other keys")]
    #[diagnostic(
        code(fixtool::key::mixed),
        help("age allows a passphrase only alone; keep either the passphrase or the public keys")
    )]
    Mixed,
    /// Nobody could open what would be sealed.
    #[error("nobody is named who could open the backup")]
    #[diagnostic(
        code(fixtool::key::nobody),
        help("make a key with 'fixtool backup keygen', or set BACKUP_ENCRYPTION_KEY")
    )]
    Nobody,
    /// None of the keys at hand opens it.
    #[error("{} opens {what}", none_of(*tried))]
    #[diagnostic(
        code(fixtool::key::wrong),
        help(
            "name the file with an administrator's key in backup.identities, or set BACKUP_ENCRYPTION_KEY to the passphrase; \
             'fixtool backup key list' names the public halves"
        )
    )]
    Wrong {
        /// What was to be opened.
        what: String,
        /// How many keys were tried.
        tried: usize,
    },
    /// What is sealed was changed, cut off, or holds something else.
    #[error("{what} is damaged: {reason}")]
    #[diagnostic(
        code(fixtool::key::damaged),
        help("restore this file from a copy of the repository, or use another snapshot")
    )]
    Damaged {
        /// What was to be opened.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// More comes out than is allowed.
    #[error("{what} holds more than {most} bytes")]
    #[diagnostic(code(fixtool::key::too_large), help("fixtool did not write it; verify the backup"))]
    TooLarge {
        /// What was to be opened.
        what: String,
        /// The most that is read.
        most: u64,
    },
    /// It could not be sealed.
    #[error("sealing failed: {0}")]
    #[diagnostic(code(fixtool::key::seal))]
    Seal(String),
}

fn none_of(tried: usize) -> String {
    match tried {
        0 => "no key at hand".to_owned(),
        _ => format!("none of the {tried} keys at hand"),
    }
}
