//! Why an object could not be read or written, in words that say what to do.

use std::io;

use miette::Diagnostic;
use thiserror::Error;

/// What kind of trouble it is: callers choose the exit code and the next place by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The directory, the bucket or the object is not there.
    Missing,
    /// The right to read or write is missing, or the file system is read-only.
    Permission,
    /// The store does not answer.
    Unreachable,
    /// No space is left.
    Full,
    /// Anything else.
    Other,
}

/// Why a store could not do what it was asked for.
#[derive(Debug, Error, Diagnostic)]
pub enum StorageError {
    /// A location is neither a directory nor a bucket.
    #[error("'{location}' is no place for backups: {reason}")]
    #[diagnostic(code(fixtool::storage::location), help("give a directory, file:///DIRECTORY, or s3://BUCKET/PREFIX"))]
    Location {
        /// The location, without secrets.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The path of an object would leave the store.
    #[error("'{path}' is no path inside a store")]
    #[diagnostic(
        code(fixtool::storage::path),
        help("this name comes from damaged or hostile data; verify the backup that it was found in")
    )]
    Path {
        /// The path, shortened.
        path: String,
    },
    /// An object is larger than anything that fixtool writes there.
    #[error("{path} in {location} has {size} bytes, the most is {most}")]
    #[diagnostic(code(fixtool::storage::too_large), help("fixtool did not write it; move it out of the repository"))]
    TooLarge {
        /// The store, without secrets.
        location: String,
        /// The object.
        path: String,
        /// Its size.
        size: u64,
        /// The most that is read.
        most: u64,
    },
    /// The store refused or failed.
    #[error("{location}: {path} cannot be {action}: {reason}")]
    #[diagnostic(code(fixtool::storage::failed))]
    Failed {
        /// What kind of trouble it is.
        kind: FailureKind,
        /// The store, without secrets.
        location: String,
        /// The object.
        path: String,
        /// What was attempted, as a participle.
        action: &'static str,
        /// What the store said.
        reason: String,
        /// What to do.
        #[help]
        help: String,
    },
}

impl StorageError {
    /// What kind of trouble it is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Failed { kind, .. } => *kind,
            Self::Location { .. } | Self::Path { .. } | Self::TooLarge { .. } => FailureKind::Other,
        }
    }
}

/// Where and while doing what something failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) location: &'a str,
    pub(super) path: &'a str,
    pub(super) action: &'static str,
}

impl Place<'_> {
    pub(super) fn failed(self, kind: FailureKind, reason: String) -> StorageError {
        let Self { location, path, action } = self;
        let help = help(kind, location);
        StorageError::Failed { kind, location: location.to_owned(), path: path.to_owned(), action, reason, help }
    }

    pub(super) fn io(self, error: &io::Error) -> StorageError {
        self.failed(kind_of_io(error), error.to_string())
    }

    pub(super) fn bucket(self, error: &object_store::Error) -> StorageError {
        let said = reason_of_bucket(error);
        let kind = match error {
            object_store::Error::NotFound { .. } => FailureKind::Missing,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                FailureKind::Permission
            }
            // The crate has one variant for everything else; servers tell these apart only in their text.
            _ => kind_of_text(&said),
        };
        self.failed(kind, plain(&said))
    }
}

fn help(kind: FailureKind, location: &str) -> String {
    match kind {
        FailureKind::Missing => format!("check that {location} exists and is mounted; fixtool does not make buckets"),
        FailureKind::Permission => {
            format!("give the user who runs fixtool the right to read and write in {location}, and check that it is not read-only")
        }
        FailureKind::Unreachable => {
            "check the network and the endpoint, then run the same command again: what is stored already is used again".to_owned()
        }
        FailureKind::Full => {
            "free some space, for example with 'fixtool backup prune', then run the same command again: what is stored already is used again".to_owned()
        }
        FailureKind::Other => format!("check the health of {location}; the message above is the store's own"),
    }
}

pub(super) fn kind_of_io(error: &io::Error) -> FailureKind {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound | Kind::NotADirectory => FailureKind::Missing,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => FailureKind::Permission,
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => FailureKind::Full,
        Kind::TimedOut | Kind::StaleNetworkFileHandle | Kind::HostUnreachable | Kind::NetworkUnreachable => {
            FailureKind::Unreachable
        }
        _ => FailureKind::Other,
    }
}

pub(super) fn kind_of_text(said: &str) -> FailureKind {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&["NoSuchBucket"]) {
        FailureKind::Missing
    } else if says(&["QuotaExceeded", "StorageFull", "InsufficientStorage", "status code: 507"]) {
        FailureKind::Full
    } else if says(&["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "credential"]) {
        FailureKind::Permission
    } else if says(&["error sending request", "timed out", "dns error", "status code: 5", "status code: 429"]) {
        FailureKind::Unreachable
    } else {
        FailureKind::Other
    }
}

/// Code and message of the answer in XML that a server sends, or the text as it is.
pub(super) fn plain(said: &str) -> String {
    let inside = |name: &str| {
        let (_, rest) = said.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    match (inside("Code"), inside("Message")) {
        (Some(code), Some(message)) => format!("{message} ({code})"),
        _ => said.to_owned(),
    }
}

/// The whole chain of causes: the first link alone says only "error performing the request".
/// Whether the object is not there, and the bucket is.
pub(super) fn is_absent(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        && kind_of_text(&reason_of_bucket(error)) != FailureKind::Missing
}

fn reason_of_bucket(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}
