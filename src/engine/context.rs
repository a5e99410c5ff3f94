//! What a step is given: its name, its meter and the cancel token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Event, Sink};

/// What a step is given. Cloning shares the meter.
#[derive(Clone)]
pub struct StepContext {
    /// The run, as in the ledger and in checkpoints.
    pub run: String,
    /// Target by the name a user types.
    pub target: String,
    /// Place of the step in the plan, from zero.
    pub step: u32,
    /// The run and the step of it that this step takes back, when it is part of an undo.
    pub undoes: Option<(String, u32)>,
    /// Set by the first Ctrl-C or SIGTERM: finish the batch, checkpoint, return
    /// [`Outcome::interrupted`](super::Outcome).
    pub cancel: CancellationToken,
    done: Arc<AtomicU64>,
    sink: Arc<dyn Sink>,
}

impl StepContext {
    /// A context for one step of one run.
    pub fn new(run: &str, target: &str, step: u32, cancel: CancellationToken, sink: Arc<dyn Sink>) -> Self {
        Self { run: run.to_owned(), target: target.to_owned(), step, undoes: None, cancel, done: Arc::default(), sink }
    }

    /// For a step that takes back a step of an earlier run.
    #[must_use]
    pub fn undoing(mut self, run: &str, step: u32) -> Self {
        self.undoes = Some((run.to_owned(), step));
        self
    }

    /// What the meter shows.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Adds to the meter, in the unit of the action's size.
    pub fn advance(&self, amount: u64) {
        let done = self.done.fetch_add(amount, Ordering::Relaxed).saturating_add(amount);
        self.sink.emit(&Event::StepAdvanced { target: self.target.clone(), step: self.step, done });
    }

    /// Sets the meter, for a step that goes on from a checkpoint or starts over.
    pub fn set_done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.sink.emit(&Event::StepAdvanced { target: self.target.clone(), step: self.step, done });
    }

    /// Tells that a try failed and when the next one comes.
    pub(super) fn retried(&self, attempt: u32, wait: Duration, error: &dyn std::fmt::Display) {
        self.sink.emit(&Event::StepRetried {
            target: self.target.clone(),
            step: self.step,
            attempt,
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            reason: error.to_string(),
        });
    }

    /// Tells the user something that is not an error.
    pub fn warn(&self, text: impl Into<String>) {
        self.sink.emit(&Event::Warning { target: self.target.clone(), text: text.into() });
    }

    /// Whether the user wants to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
