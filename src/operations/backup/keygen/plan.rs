//! What `backup keygen` does: a pure function from what was seen to steps.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Request, Snapshot};
use crate::engine::{Draft, Effect, Size, Step, Undo};
use crate::operations::backup::BackupError;

/// The one thing that `backup keygen` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A new key in a file that only its owner can read.
    Write {
        /// The file.
        path: PathBuf,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        let Self::Write { path } = self;
        format!("write a new key to {}", path.display())
    }

    fn effect(&self) -> Effect {
        Effect::Adds
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        Undo::Impossible { reason: "backups may be sealed for it already; remove the file by hand".to_owned() }
    }
}

pub(super) fn decide(request: &Request, seen: Snapshot) -> Result<Draft<Action>, BackupError> {
    if seen.exists {
        return Err(BackupError::Exists { path: request.path.clone() });
    }
    let action = Action::Write { path: request.path.clone() };
    let notes =
        vec!["without this file nobody can open what is sealed for it: keep a copy where no backup is".to_owned()];
    Ok(Draft { steps: vec![Step { stage: 0, action }], notes })
}
