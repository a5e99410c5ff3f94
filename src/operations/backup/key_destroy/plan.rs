//! What `backup key destroy` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::engine::{Draft, Effect, Size, Step, Undo};

/// The one thing that `backup key destroy` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// All generations of the key go, here and in what this machine keeps.
    Erase {
        /// Where they are.
        location: String,
        /// How many snapshots the tenant has.
        snapshots: u64,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        let Self::Erase { location, .. } = self;
        format!("erase every generation of the key from {location} and from this machine")
    }

    fn effect(&self) -> Effect {
        Effect::Destroys
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        Undo::Impossible { reason: "without its key nothing opens what was sealed with it".to_owned() }
    }

    fn losses(&self) -> Vec<String> {
        let Self::Erase { snapshots, .. } = self;
        vec![format!("every sealed snapshot, of {snapshots} in all: for everybody and for good")]
    }
}

pub(super) fn decide(seen: &Snapshot) -> Draft<Action> {
    let mut draft = Draft { steps: Vec::new(), notes: seen.notes.clone() };
    if seen.files.is_empty() {
        draft.notes.push(format!("there is no key in {}", seen.location));
        return draft;
    }
    let action = Action::Erase { location: seen.location.clone(), snapshots: seen.snapshots };
    draft.steps.push(Step { stage: 0, action });
    draft.notes.push(
        "archives, other places of backup.path and copies of the repository have the key in them: delete it there too"
            .to_owned(),
    );
    draft
}
