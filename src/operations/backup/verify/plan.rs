//! What `backup verify` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::{Request, Snapshot};
use crate::engine::{Draft, Effect, Size, Step, Undo, Unit};
use crate::snapshots::SnapshotId;
use crate::snapshots::verified::Level;

/// One thing that `backup verify` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Looks at a snapshot and keeps the result.
    Look {
        /// Which.
        snapshot: SnapshotId,
        /// How deep.
        level: Level,
        /// Its bytes in the store.
        bytes: u64,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        let Self::Look { snapshot, level, .. } = self;
        match level {
            Level::List => format!("open the manifest of {snapshot}"),
            Level::Quick => format!("look for every object of {snapshot}"),
            Level::Data => format!("read every byte of {snapshot}"),
            Level::Live => format!("compare {snapshot} with the living tenant"),
            Level::Drill => format!("restore {snapshot} into a scratch namespace and compare it"),
        }
    }

    fn effect(&self) -> Effect {
        let Self::Look { level, .. } = self;
        if *level == Level::Drill { Effect::Adds } else { Effect::Reads }
    }

    fn size(&self) -> Size {
        match self {
            Self::Look { level: Level::List | Level::Quick, .. } => Size::items(1),
            Self::Look { bytes, .. } => Size { amount: Some(*bytes), unit: Unit::Bytes },
        }
    }

    fn undo(&self) -> Undo<Self> {
        Undo::Nothing
    }
}

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Draft<Action> {
    let look = |(snapshot, bytes): &(SnapshotId, u64)| Step {
        stage: 0,
        action: Action::Look { snapshot: snapshot.clone(), level: request.level, bytes: *bytes },
    };
    let believed = |id: &SnapshotId| format!("{id} was found right lately");
    Draft { steps: seen.wanted.iter().map(look).collect(), notes: seen.believed.iter().map(believed).collect() }
}
