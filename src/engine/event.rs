//! What happens on the way, as data. Bars, CI lines, JSON lines and the test recorder are sinks;
//! there is no second way to report.

use serde::Serialize;

use super::{Effect, Outcome, RunStatus, Size};

/// Everything that can happen while a plan is carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A target's plan was approved and begins.
    RunStarted {
        /// Target by name.
        target: String,
        /// The run's id.
        run: String,
        /// `noun.verb`.
        operation: String,
        /// How many steps.
        steps: u32,
    },
    /// A step begins.
    StepStarted {
        /// Target by name.
        target: String,
        /// Place in the plan, from zero.
        step: u32,
        /// One line for people.
        label: String,
        /// What it puts at risk.
        effect: Effect,
        /// How much there is to do.
        size: Size,
    },
    /// A step came further.
    StepAdvanced {
        /// Target by name.
        target: String,
        /// Place in the plan.
        step: u32,
        /// Units done so far.
        done: u64,
    },
    /// A step failed in a way that passes and is tried again.
    StepRetried {
        /// Target by name.
        target: String,
        /// Place in the plan.
        step: u32,
        /// Which try failed, from one.
        attempt: u32,
        /// Milliseconds until the next.
        wait_ms: u64,
        /// What went wrong.
        reason: String,
    },
    /// A step ended well, or stopped at a checkpoint.
    StepFinished {
        /// Target by name.
        target: String,
        /// Place in the plan.
        step: u32,
        /// What came out.
        outcome: Outcome,
    },
    /// A step failed for good.
    StepFailed {
        /// Target by name.
        target: String,
        /// Place in the plan.
        step: u32,
        /// The error's code.
        code: String,
        /// What went wrong.
        message: String,
    },
    /// Something the user should know that is not an error.
    Warning {
        /// Target by name.
        target: String,
        /// The text.
        text: String,
    },
    /// A target is done, one way or the other.
    RunFinished {
        /// Target by name.
        target: String,
        /// The run's id.
        run: String,
        /// How it ended.
        status: RunStatus,
    },
    /// A wave of a fleet run begins.
    WaveStarted {
        /// Which, from one.
        wave: u32,
        /// How many targets it has.
        targets: u32,
    },
    /// The user asked to stop; the batch in hand is finished first.
    CancelRequested,
}

/// Where events go.
pub trait Sink: Send + Sync {
    /// Takes one event; must not block for long.
    fn emit(&self, event: &Event);
}
