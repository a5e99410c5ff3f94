//! What `backup create` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::{Request, Snapshot};
use crate::engine::{Draft, Effect, Size, Step, Undo, Unit};
use crate::operations::backup::BackupError;
use crate::snapshots::SnapshotId;
use crate::snapshots::files::Amount;
use crate::snapshots::manifest::Kind;

/// One thing that `backup create` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Reads one moment of the tenant, stores its parts, and publishes the manifest.
    Store {
        /// How many tables.
        tables: u64,
        /// Their rows, as far as the plan knew.
        rows: u64,
        /// Their bytes; 0 where the engine cannot tell.
        bytes: u64,
        /// The files that are stored as well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        files: Option<Amount>,
        /// Where it goes.
        location: String,
        /// Whether it is sealed.
        sealed: bool,
        /// What an increment rests on.
        parent: Option<SnapshotId>,
        /// Whether it becomes a file of its own.
        archive: bool,
    },
    /// Takes the snapshot that a run made out of the list.
    Remove {
        /// Where it is.
        location: String,
    },
    /// Copies the snapshot of this run to a second place.
    Copy {
        /// Where it goes.
        location: String,
    },
    /// Takes the copy out of the list over there.
    RemoveCopy {
        /// Where it is.
        location: String,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
            Self::Store { tables, files, location, sealed, parent, .. } => {
                let and = files.map_or_else(String::new, |files| format!(" and {files}"));
                let what = match parent {
                    Some(parent) => format!("store what changed in {tables} tables{and} since {parent}"),
                    None => format!("store {tables} tables{and}"),
                };
                format!("{what} in {location}{}", if *sealed { ", sealed" } else { "" })
            }
            Self::Remove { location } => format!("remove the snapshot from {location}"),
            Self::Copy { location } => format!("copy the snapshot to {location}"),
            Self::RemoveCopy { location } => format!("remove the copy from {location}"),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Store { .. } | Self::Copy { .. } => Effect::Adds,
            Self::Remove { .. } | Self::RemoveCopy { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        match self {
            // What is stored of these bytes is known when it is there.
            Self::Store { bytes: 0, .. } | Self::Copy { .. } => Size { amount: None, unit: Unit::Bytes },
            Self::Store { bytes, files, .. } => {
                Size { amount: Some(bytes + files.map_or(0, |files| files.bytes)), unit: Unit::Bytes }
            }
            Self::Remove { .. } | Self::RemoveCopy { .. } => Size::items(1),
        }
    }

    fn undo(&self) -> Undo<Self> {
        match self {
            Self::Store { archive: true, .. } => {
                Undo::Impossible { reason: "the archive is a file of yours; remove it by hand".to_owned() }
            }
            Self::Store { location, .. } => Undo::Inverse(Self::Remove { location: location.clone() }),
            Self::Copy { location } => Undo::Inverse(Self::RemoveCopy { location: location.clone() }),
            Self::Remove { .. } | Self::RemoveCopy { .. } => {
                Undo::Impossible { reason: "make the backup again instead".to_owned() }
            }
        }
    }
}

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, BackupError> {
    if request.kind == Kind::Incremental && request.archive.is_none() && seen.parent.is_none() {
        return Err(BackupError::NoParent { tenant: seen.tenant.id.to_string() });
    }
    let action = Action::Store {
        tables: seen.tables.len() as u64,
        rows: if request.rows { seen.tables.iter().map(|table| table.rows).sum() } else { 0 },
        bytes: if request.rows { seen.tables.iter().map(|table| table.bytes).sum() } else { 0 },
        files: seen.files,
        location: seen.location.clone(),
        sealed: seen.sealed,
        parent: seen.parent.clone().filter(|_| request.archive.is_none()),
        archive: request.archive.is_some(),
    };
    let copy = |location: &String| Step { stage: 1, action: Action::Copy { location: location.clone() } };
    let mut steps = vec![Step { stage: 0, action }];
    steps.extend(request.copies.iter().map(copy));
    Ok(Draft { steps, notes: seen.notes.clone() })
}
