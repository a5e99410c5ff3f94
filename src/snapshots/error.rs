//! Why a snapshot could not be written or read.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::backends::files::FileError;
use crate::backends::sealing::KeyError;
use crate::backends::storage::{FailureKind, StorageError};

/// What is wrong with one part.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PartFault {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// Its size is not the one in the manifest.
    #[error("{found} bytes are stored and the manifest says {expected}")]
    StoredSize {
        /// What is stored.
        found: u64,
        /// What the manifest says.
        expected: u64,
    },
    /// What is stored was changed.
    #[error("the stored bytes were changed")]
    StoredHash,
    /// It cannot be opened.
    #[error("it cannot be opened: {0}")]
    Sealed(String),
    /// The key of its generation is not at hand.
    #[error("the key of generation {0} is not at hand")]
    NoKey(u32),
    /// It cannot be decompressed.
    #[error("it cannot be decompressed: {0}")]
    Compressed(String),
    /// More or less comes out than the manifest says.
    #[error("{found} bytes come out and the manifest says {expected}")]
    RawSize {
        /// What came out, or more than was allowed to.
        found: u64,
        /// What the manifest says.
        expected: u64,
    },
    /// The manifest promises more than any honest part holds.
    #[error("it promises {raw} bytes from {stored}")]
    Ratio {
        /// What it promises.
        raw: u64,
        /// What is stored.
        stored: u64,
    },
    /// What comes out is not what was put in.
    #[error("the rows were changed")]
    RawHash,
    /// Its name does not belong to its content: another part lies in its place.
    #[error("it lies under the name of another part")]
    Name,
    /// Another number of rows comes out than the manifest says.
    #[error("{found} rows come out and the manifest says {expected}")]
    Rows {
        /// What came out.
        found: u64,
        /// What the manifest says.
        expected: u64,
    },
}

/// Why a snapshot could not be written or read.
#[derive(Debug, Error, Diagnostic)]
pub enum SnapshotError {
    /// The store failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Storage(#[from] StorageError),
    /// A key failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyError),
    /// The tenant's key cannot be opened here.
    #[error("the backups of {tenant} are sealed, and no key at hand opens generation {generation} of its key")]
    #[diagnostic(
        code(fixtool::snapshot::no_key),
        help("name the key of an administrator in backup.identities, or set BACKUP_ENCRYPTION_KEY")
    )]
    NoKey {
        /// Whose backups.
        tenant: String,
        /// Which generation.
        generation: u32,
    },
    /// The tenant's database failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Database(#[from] DatabaseError),
    /// A file of the tenant.
    #[error(transparent)]
    #[diagnostic(transparent)]
    TenantFile(#[from] FileError),
    /// The tenant has no such table.
    #[error("there is no table '{table}' in it")]
    #[diagnostic(
        code(fixtool::snapshot::table),
        help("'fixtool backup show' and 'fixtool tenant show' name the tables")
    )]
    UnknownTable {
        /// Which.
        table: String,
    },
    /// It is to be sealed, and nobody is named who could open it.
    #[error("it is to be sealed, and nobody is named who could open it again")]
    #[diagnostic(
        code(fixtool::snapshot::nobody),
        help("make a key with 'fixtool backup keygen' and name it in backup.recipients, or set BACKUP_ENCRYPTION_KEY")
    )]
    NobodyToSealFor,
    /// What was restored is not what was stored.
    #[error("{table} has {found} rows after it was restored and {wanted} in the snapshot, or other ones")]
    #[diagnostic(
        code(fixtool::snapshot::differs),
        help("nothing was put in place; run it again, and report it if it stays")
    )]
    Differs {
        /// The table.
        table: String,
        /// Rows of the snapshot.
        wanted: u64,
        /// Rows that were found.
        found: u64,
    },
    /// A table is not what it was.
    #[error("'{table}' has other columns now, or another key")]
    #[diagnostic(
        code(fixtool::snapshot::structure),
        help(
            "restore the whole tenant under another name with 'backup restore --tenant NEW', and load what is needed from there"
        )
    )]
    OtherStructure {
        /// The table.
        table: String,
    },
    /// Rows cannot be told apart.
    #[error("'{table}' has no primary key, so its rows cannot be told apart")]
    #[diagnostic(
        code(fixtool::snapshot::no_key_to_meet_by),
        help(
            "restore the whole tenant under another name with 'backup restore --tenant NEW', and load what is needed from there"
        )
    )]
    NoKeyToMeetBy {
        /// The table.
        table: String,
    },
    /// What was written is not what was read.
    #[error("{table} has {found} rows after it was copied and {wanted} were read, or other ones")]
    #[diagnostic(
        code(fixtool::snapshot::not_copied),
        help("nothing was registered; run it again, and report it if it stays")
    )]
    NotCopied {
        /// The table.
        table: String,
        /// Rows that were read.
        wanted: u64,
        /// Rows that were found.
        found: u64,
    },
    /// There is no repository.
    #[error("{location} holds no repository of fixtool")]
    #[diagnostic(
        code(fixtool::repository::none),
        help("check the location; 'fixtool backup create' makes a repository where there is none")
    )]
    NoRepository {
        /// The store, without secrets.
        location: String,
    },
    /// Something was written by a newer fixtool.
    #[error("{what} has format {found}, and this fixtool reads up to {known}")]
    #[diagnostic(code(fixtool::repository::newer), help("use the newer fixtool that wrote it"))]
    Newer {
        /// The object.
        what: String,
        /// Its format.
        found: u32,
        /// The newest format that is known here.
        known: u32,
    },
    /// An object was changed or cut off, or is no object of fixtool.
    #[error("{what} is damaged: {reason}")]
    #[diagnostic(
        code(fixtool::repository::damaged),
        help("restore this object from a copy of the repository; 'fixtool backup verify' says what else is damaged")
    )]
    Damaged {
        /// The object.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// One part of a table is not what the manifest says.
    #[error("part {part} of {table} is damaged: {fault}")]
    #[diagnostic(
        code(fixtool::repository::part),
        help("restore this part from a copy of the repository, or use another snapshot")
    )]
    Part {
        /// The table, or the file.
        table: String,
        /// The name of the part.
        part: String,
        /// What is wrong.
        fault: PartFault,
    },
    /// No snapshot begins like this.
    #[error("there is no snapshot '{given}'")]
    #[diagnostic(code(fixtool::snapshot::unknown), help("'fixtool backup list' shows what there is"))]
    Unknown {
        /// What was asked for.
        given: String,
    },
    /// Several snapshots begin like this.
    #[error("'{given}' may mean {}", matches.join(", "))]
    #[diagnostic(code(fixtool::snapshot::ambiguous), help("give more of its characters"))]
    Ambiguous {
        /// What was asked for.
        given: String,
        /// Which begin like this, a few of them.
        matches: Vec<String>,
    },
    /// A manifest of this name exists already, with other content.
    #[error("the snapshot {id} exists already")]
    #[diagnostic(code(fixtool::snapshot::exists), help("run the backup again; what is stored already is used again"))]
    Exists {
        /// Its id.
        id: String,
    },
    /// A copy would lie where the snapshot lies already.
    #[error("{location} is where the snapshot lies already, so there is no second copy")]
    #[diagnostic(code(fixtool::copy::same_place), help("name another place in --copy-to"))]
    SamePlace {
        /// Where.
        location: String,
    },
    /// A copy would replace what snapshots of the other repository need.
    #[error("{location} has another {object}, which snapshots there need")]
    #[diagnostic(
        code(fixtool::copy::other_content),
        help("name a place in --copy-to that holds nothing of this tenant but copies, such as an empty one")
    )]
    OtherContent {
        /// The other repository.
        location: String,
        /// What it has.
        object: String,
    },
    /// An archive holds something that fixtool never writes.
    #[error("{} is refused because of its entry '{entry}': {reason}", path.display())]
    #[diagnostic(
        code(fixtool::archive::entry),
        help("nothing was unpacked; do not trust the one who made this archive")
    )]
    ArchiveEntry {
        /// The archive.
        path: PathBuf,
        /// The entry, shortened.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive is cut off or changed.
    #[error("{} is no whole archive: {reason}", path.display())]
    #[diagnostic(
        code(fixtool::archive::incomplete),
        help(
            "copy it again; one that another program has packed again can be unpacked, and its folder named in backup.path"
        )
    )]
    ArchiveIncomplete {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be written or read.
    #[error("{} cannot be {action}: {reason}", path.display())]
    #[diagnostic(code(fixtool::archive::file), help("check the free space and that you may write there"))]
    File {
        /// The file.
        path: PathBuf,
        /// What was attempted, as a participle.
        action: &'static str,
        /// What the system said.
        reason: String,
    },
    /// Who is to be removed is no administrator, or would be the last one.
    #[error("'{shown}' cannot be removed: {reason}")]
    #[diagnostic(code(fixtool::key::administrator), help("'fixtool backup key list' names the administrators"))]
    Administrator {
        /// Their public key.
        shown: String,
        /// Why.
        reason: String,
    },
    /// The configuration would let somebody in again who was removed.
    #[error("{} would open the backups of {tenant} again, after having been removed", shown.join(", "))]
    #[diagnostic(
        code(fixtool::key::removed),
        help("take the key out of backup.recipients; 'fixtool backup key add' lets its owner in again on purpose")
    )]
    Removed {
        /// The tenant.
        tenant: String,
        /// Their public keys.
        shown: Vec<String>,
    },
    /// Nobody whom this machine knows may open backups any more.
    #[error("none of this machine's administrators may open backups of {tenant} any more")]
    #[diagnostic(
        code(fixtool::key::superseded),
        help("the keys were rotated; set the administrators that 'fixtool backup key list' names")
    )]
    Superseded {
        /// The tenant.
        tenant: String,
    },
    /// What this machine keeps of a key is unusable.
    #[error("the key file {} cannot be used: {reason}", path.display())]
    #[diagnostic(code(fixtool::key::local), help("move it away; the next backup makes a new generation of the key"))]
    LocalKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What kind of failure it is, for whoever chooses the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The user named what there is not.
    Usage,
    /// It is refused as things are.
    Refused,
    /// A right is missing.
    Permission,
    /// The server or the store does not answer.
    Unreachable,
    /// What is stored is damaged.
    Findings,
    /// Anything else.
    Failed,
}

impl SnapshotError {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Database(error) => match error.kind {
                DatabaseErrorKind::Unreachable => Class::Unreachable,
                DatabaseErrorKind::Permission => Class::Permission,
                DatabaseErrorKind::Unsupported => Class::Usage,
                _ => Class::Failed,
            },
            Self::Storage(error) => match error.kind() {
                FailureKind::Permission => Class::Permission,
                FailureKind::Unreachable => Class::Unreachable,
                _ => Class::Failed,
            },
            Self::Unknown { .. } | Self::Ambiguous { .. } | Self::NobodyToSealFor | Self::UnknownTable { .. } => {
                Class::Usage
            }
            Self::OtherStructure { .. }
            | Self::NoKeyToMeetBy { .. }
            | Self::Administrator { .. }
            | Self::Removed { .. } => Class::Refused,
            Self::Damaged { .. } | Self::Part { .. } => Class::Findings,
            _ => Class::Failed,
        }
    }

    /// Whether the same call may go through later by itself.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Storage(error) => error.kind() == FailureKind::Unreachable,
            _ => false,
        }
    }

    pub(super) fn damaged(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), reason: reason.into() }
    }
}
