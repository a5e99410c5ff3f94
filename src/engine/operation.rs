//! The contract of a command: an [`Operation`] writes, a [`Query`] only looks.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plan::Draft;
use super::{Action, Failure, Outcome, StepContext, Target};

/// What was seen, condensed: a plan is stale when this differs at the time of approval.
pub trait Fingerprint {
    /// A digest, as lower-case hex, of everything that the decision rests on.
    fn fingerprint(&self) -> String;
}

/// A session that writes.
pub trait Writes: Clone + Send + Sync + 'static {
    /// The same session for one step of a run: where the lease on its target went to somebody else, what the step would
    /// commit is refused. A session that writes nothing but files has nothing to add.
    #[must_use]
    fn under_lease(&self, _target: &str) -> Self {
        self.clone()
    }
}

impl Writes for () {}

impl<T: Send + Sync + 'static> Writes for std::sync::Arc<T> {}

/// A command that changes something.
///
/// `observe` gets a reader and no writer, `decide` does no input or output at all, and `perform`
/// is reached only through an approved plan: that is why a dry run needs no flag in here.
pub trait Operation: Send + Sync {
    /// `noun.verb`, as in the ledger.
    const NAME: &'static str;
    /// What the user meant, kept in the plan so that a run can be resumed and undone.
    type Request: Serialize + DeserializeOwned + Clone + Send + Sync;
    /// What was seen.
    type Snapshot: Fingerprint + Send + Sync;
    /// What can be done.
    type Action: Action;
    /// A read-only session.
    type Reader: Send + Sync;
    /// A session that may write; steps of one stage share it.
    type Writer: Writes;
    /// What can go wrong.
    type Error: Failure;

    /// What the user meant.
    fn request(&self) -> &Self::Request;

    /// What the plan is bound to.
    fn target(&self) -> Target;

    /// Looks at everything the decision needs. Reads only.
    fn observe(&self, reader: &Self::Reader) -> impl Future<Output = Result<Self::Snapshot, Self::Error>> + Send;

    /// Decides what to do: a pure function.
    fn decide(&self, snapshot: &Self::Snapshot) -> Result<Draft<Self::Action>, Self::Error>;

    /// Foresees, reading only, what [`perform`](Self::perform) would find: called when the user
    /// wants nothing but the plan. An operation whose plan already says everything has nothing to add.
    fn rehearse(
        &self,
        _snapshot: &Self::Snapshot,
        _reader: &Self::Reader,
        _context: &StepContext,
    ) -> impl Future<Output = Result<Option<Outcome>, Self::Error>> + Send {
        async { Ok(None) }
    }

    /// Carries out one action. Called again, after a lost connection or a resume, it goes on
    /// from its checkpoint.
    fn perform(
        &self,
        action: &Self::Action,
        writer: &Self::Writer,
        context: &StepContext,
    ) -> impl Future<Output = Result<Outcome, Self::Error>> + Send;
}

/// A command that only looks.
pub trait Query: Send + Sync {
    /// `noun.verb`.
    const NAME: &'static str;
    /// A read-only session.
    type Reader: Send + Sync;
    /// The result, which the console renders as a table or as JSON.
    type View: Serialize + Send;
    /// What can go wrong.
    type Error: Failure;

    /// Looks.
    fn observe(&self, reader: &Self::Reader) -> impl Future<Output = Result<Self::View, Self::Error>> + Send;
}
