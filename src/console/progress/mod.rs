//! Where events are shown: bars on a terminal, plain lines in CI, JSON lines for programs.

mod bars;
mod lines;
mod plain;

use std::sync::Arc;

use super::style::{Tone, one_line};
use super::{Console, Format, ProgressStyle};
use crate::engine::{Event, Sink, Size};

impl Console {
    /// The sink of an operation called `noun.verb`, in the form that was asked for. With many
    /// targets each is told in one line, and their number is shown as a whole.
    pub fn sink(&self, operation: &str, targets: usize) -> Arc<dyn Sink> {
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(Remarks { console: self.clone() })];
        match self.look.progress {
            ProgressStyle::Bars => sinks.push(Box::new(bars::Bars::new(self, targets))),
            ProgressStyle::Plain => sinks.push(Box::new(plain::Plain::new(self.clone(), targets))),
            ProgressStyle::None => {}
        }
        if self.look.format == Format::Ndjson {
            sinks.push(Box::new(lines::Lines::new(self.clone(), operation)));
        }
        Arc::new(All(sinks))
    }

    /// The sink for what happens outside an operation: that a request to stop was heard.
    pub fn remarks(&self) -> Arc<dyn Sink> {
        Arc::new(Remarks { console: self.clone() })
    }
}

/// Several sinks as one.
struct All(Vec<Box<dyn Sink>>);

impl Sink for All {
    fn emit(&self, event: &Event) {
        for sink in &self.0 {
            sink.emit(event);
        }
    }
}

/// What the user must read whatever the form of progress: warnings, retries, and that a request
/// to stop was heard.
struct Remarks {
    console: Console,
}

impl Sink for Remarks {
    fn emit(&self, event: &Event) {
        match event {
            Event::Warning { target, text } => self.console.warn(&format!("{target}: {text}")),
            Event::StepRetried { target, step, attempt, wait_ms, reason } => {
                let wait = super::style::span(*wait_ms);
                self.console.note(&format!(
                    "{target}: step {} failed at try {attempt} and is tried again in {wait}: {}",
                    step + 1,
                    one_line(&super::masking::secrets(reason))
                ));
            }
            Event::CancelRequested => self.console.line(
                Tone::Warn,
                "stopping: the batch in hand is finished and a checkpoint written; once more aborts at once",
            ),
            _ => {}
        }
    }
}

/// How far a step is, in words: `40 % of 1,000 rows`, or `400 rows`.
fn how_far(done: u64, size: Size) -> String {
    match size.amount {
        Some(amount) if amount > 0 => {
            let percent = u128::from(done) * 100 / u128::from(amount);
            format!("{percent} % of {}", super::plan_view::size(size))
        }
        _ => super::plan_view::size(Size { amount: Some(done), ..size }),
    }
}
