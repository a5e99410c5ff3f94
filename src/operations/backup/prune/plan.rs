//! What `backup prune` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::engine::{Draft, Effect, Size, Step, Undo};
use crate::model::Namespace;
use crate::snapshots::SnapshotId;

/// One thing that `backup prune` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A snapshot goes; its parts stay for a day, and longer where others need them.
    Remove {
        /// Which.
        snapshot: SnapshotId,
        /// Its rows.
        rows: u64,
    },
    /// Parts go that have belonged to no snapshot for a day.
    Sweep,
    /// A namespace goes that a restore put aside, and the files with it.
    DropAside {
        /// Its database.
        placement: String,
        /// Which.
        namespace: Namespace,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
            Self::Remove { snapshot, .. } => format!("remove the snapshot {snapshot}"),
            Self::Sweep => "remove parts that have belonged to no snapshot for a day".to_owned(),
            Self::DropAside { namespace, .. } => format!("drop {namespace}, which a restore put aside, with its files"),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Destroys
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        Undo::Impossible { reason: "what was removed is gone".to_owned() }
    }

    fn losses(&self) -> Vec<String> {
        match self {
            Self::Remove { snapshot, rows } => vec![format!("the snapshot {snapshot} with {rows} rows")],
            Self::Sweep => Vec::new(),
            Self::DropAside { namespace, .. } => {
                vec![format!("the namespace {namespace}, and the files that were kept with it")]
            }
        }
    }
}

pub(super) fn decide(seen: &Snapshot) -> Draft<Action> {
    let mut draft = Draft { steps: Vec::new(), notes: Vec::new() };
    for (judged, rows) in &seen.judged {
        if judged.reasons.is_empty() {
            let action = Action::Remove { snapshot: judged.id.clone(), rows: *rows };
            draft.steps.push(Step { stage: 0, action });
        } else {
            draft.notes.push(format!("{} is kept: {}", judged.id, judged.reasons.join(", ")));
        }
    }
    draft.notes.extend(seen.closed.iter().map(|id| format!("{id} cannot be opened here, so it is left alone")));
    if seen.garbage {
        draft.steps.push(Step { stage: 1, action: Action::Sweep });
    }
    for namespace in &seen.aside {
        let action = Action::DropAside { placement: seen.placement.clone(), namespace: namespace.clone() };
        draft.steps.push(Step { stage: 1, action });
    }
    draft
}
