//! What a step does, what it puts at risk, how big it is, how it is taken back.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One thing that an operation does, as plain data.
///
/// Plan tables, JSON, plan files, consent, bars and undo are generic over it.
pub trait Action: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static {
    /// One line for people: "load users from users.csv".
    fn describe(&self) -> String;
    /// The worst that it does.
    fn effect(&self) -> Effect;
    /// How much there is to do, for the bar.
    fn size(&self) -> Size;
    /// How it can be taken back. An inverse must also do for a step that was only half done, and
    /// learns which run and step it takes back from [`StepContext::undoes`](super::StepContext).
    fn undo(&self) -> Undo<Self>;
    /// For an action that makes a safety copy: the action that brings the copy back.
    fn bring_back(&self) -> Option<Self> {
        None
    }
    /// Whether it gives a tenant that was there another structure.
    fn changes_structure(&self) -> bool {
        false
    }
    /// What is lost for good, for the plan of something that destroys: "1,204 rows of users".
    fn losses(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What an action does to what exists, from harmless to grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Looks only.
    Reads,
    /// Adds what was not there.
    Adds,
    /// Changes what was there, and can say how it was.
    Changes,
    /// What was there is gone.
    Destroys,
}

impl Effect {
    /// The word shown in plans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Adds => "adds",
            Self::Changes => "changes",
            Self::Destroys => "destroys",
        }
    }
}

/// An amount of work with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// How many; `None` when nobody can know before.
    pub amount: Option<u64>,
    /// Of what.
    pub unit: Unit,
}

impl Size {
    /// A known number of things.
    pub fn items(amount: u64) -> Self {
        Self { amount: Some(amount), unit: Unit::Items }
    }
}

/// What a size or a meter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Records of a table.
    Rows,
    /// Bytes read or written.
    Bytes,
    /// Anything else.
    Items,
}

/// How an action can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo<A> {
    /// It leaves nothing behind that needs undoing.
    Nothing,
    /// By another action of the same kind.
    Inverse(A),
    /// By bringing back the copy that this step of the plan made before.
    SafetyCopy {
        /// Place of the step in the plan, from zero.
        step: u32,
    },
    /// It cannot, and this is why.
    Impossible {
        /// Shown in the plan before anyone agrees.
        reason: String,
    },
}
