//! Progress as plain lines: at the start of a step, every ten seconds or ten percent, at its end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::how_far;
use crate::console::plan_view::counts;
use crate::console::style::span;
use crate::console::{Console, Tone};
use crate::engine::{Event, RunStatus, Sink, Size};

const EVERY: Duration = Duration::from_secs(10);

/// Plain lines on standard error.
pub(super) struct Plain {
    console: Console,
    targets: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    steps: HashMap<(String, u32), Step>,
    ended: usize,
}

struct Step {
    label: String,
    size: Size,
    began: Instant,
    told: Instant,
    told_tenths: u64,
}

impl Plain {
    pub(super) fn new(console: Console, targets: usize) -> Self {
        Self { console, targets, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, text: &str) {
        if !self.console.look.quiet {
            self.console.line(Tone::Plain, text);
        }
    }

    fn advanced(&self, target: &str, step: u32, done: u64) {
        let mut state = self.state();
        let Some(known) = state.steps.get_mut(&(target.to_owned(), step)) else { return };
        let tenths = match known.size.amount {
            Some(amount) if amount > 0 => u64::try_from(u128::from(done) * 10 / u128::from(amount)).unwrap_or(10),
            _ => 0,
        };
        let further = tenths > known.told_tenths && tenths < 10;
        if !further && known.told.elapsed() < EVERY {
            return;
        }
        known.told = Instant::now();
        known.told_tenths = known.told_tenths.max(tenths);
        let text = format!("{target}: {}: {}", known.label, how_far(done, known.size));
        drop(state);
        self.tell(&text);
    }
}

impl Sink for Plain {
    fn emit(&self, event: &Event) {
        // With many targets one line for each is enough; its steps would drown the rest.
        let each_step = self.targets < 2;
        match event {
            Event::StepStarted { target, step, label, size, .. } if each_step => {
                let now = Instant::now();
                let known = Step { label: label.clone(), size: *size, began: now, told: now, told_tenths: 0 };
                self.state().steps.insert((target.clone(), *step), known);
                self.tell(&format!("{target}: {label}: started"));
            }
            Event::StepAdvanced { target, step, done } if each_step => self.advanced(target, *step, *done),
            Event::StepFinished { target, step, outcome } if each_step => {
                let known = self.state().steps.remove(&(target.clone(), *step));
                if let Some(known) = known {
                    let took = span(u64::try_from(known.began.elapsed().as_millis()).unwrap_or(u64::MAX));
                    let word = if outcome.interrupted { "stopped" } else { "done" };
                    self.tell(&format!("{target}: {}: {word} in {took}, {}", known.label, counts(&outcome.counts)));
                }
            }
            Event::StepFailed { target, message, .. } if each_step => {
                let message = crate::console::masking::secrets(message);
                self.tell(&format!("{target}: failed: {message}"));
            }
            Event::WaveStarted { wave, targets } => self.tell(&format!("wave {wave}: {targets} tenants")),
            Event::RunFinished { target, status, .. } if !each_step => {
                let mut state = self.state();
                state.ended += 1;
                let text = format!("[{}/{}] {target}: {}", state.ended, self.targets, status.as_str());
                drop(state);
                self.tell(&text);
            }
            Event::RunFinished { target, status: RunStatus::Interrupted, .. } => {
                self.tell(&format!("{target}: stopped at a checkpoint"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Look;
    use crate::console::gate::tests::captured;
    use crate::engine::{Effect, Outcome, Unit};

    fn started() -> Event {
        let size = Size { amount: Some(1000), unit: Unit::Rows };
        Event::StepStarted { target: "acme".into(), step: 0, label: "load users".into(), effect: Effect::Adds, size }
    }

    #[test]
    fn a_step_is_told_at_its_start_every_tenth_and_at_its_end() {
        let (console, out, err) = captured(Look::PLAIN);
        let plain = Plain::new(console, 1);
        plain.emit(&started());
        for done in [10, 50, 100, 150, 220, 999] {
            plain.emit(&Event::StepAdvanced { target: "acme".into(), step: 0, done });
        }
        let outcome = Outcome::default().with("inserted", 1000);
        plain.emit(&Event::StepFinished { target: "acme".into(), step: 0, outcome });
        let text = err.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[0], "acme: load users: started");
        assert_eq!(lines[1], "acme: load users: 10 % of 1,000 rows");
        assert!(lines[4].ends_with("1,000 inserted"), "{text}");
        assert!(out.text().is_empty() && !text.contains('\u{1b}'));
    }

    #[test]
    fn many_targets_are_told_one_line_each() {
        let (console, _, err) = captured(Look::PLAIN);
        let plain = Plain::new(console, 2);
        plain.emit(&started());
        plain.emit(&Event::RunFinished { target: "acme".into(), run: "r".into(), status: RunStatus::Done });
        assert_eq!(err.text(), "[1/2] acme: done\n");
    }
}
