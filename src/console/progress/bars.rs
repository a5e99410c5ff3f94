//! Progress as bars on a terminal: one for each running step, one for all targets together.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle as Style};

use crate::console::Console;
use crate::console::style::one_line;
use crate::engine::{Event, Sink, Size, Unit};

/// More bars than these at once would push each other off the screen.
const MOST_BARS: usize = 12;

/// Bars on standard error.
pub(super) struct Bars {
    screen: MultiProgress,
    colour: bool,
    many: bool,
    whole: Option<ProgressBar>,
    steps: Mutex<HashMap<(String, u32), ProgressBar>>,
}

impl Bars {
    pub(super) fn new(console: &Console, targets: usize) -> Self {
        let bars = console.gate().bars().clone();
        let whole = (targets > 1).then(|| {
            let bar = bars.add(ProgressBar::new(u64::try_from(targets).unwrap_or(u64::MAX)));
            bar.set_style(style("{bar:24} {pos}/{len} tenants  {elapsed}  {eta} left"));
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        Self { screen: bars, colour: console.look.err.colour, many: targets > 1, whole, steps: Mutex::default() }
    }

    fn steps(&self) -> MutexGuard<'_, HashMap<(String, u32), ProgressBar>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, target: &str, step: u32, label: &str, size: Size) {
        let mut steps = self.steps();
        if steps.len() >= MOST_BARS {
            return;
        }
        let bar = match size.amount {
            Some(amount) if amount > 0 => ProgressBar::new(amount),
            _ => ProgressBar::no_length(),
        };
        let bar = match &self.whole {
            Some(whole) => self.screen.insert_before(whole, bar),
            None => self.screen.add(bar),
        };
        bar.set_style(self.style_of(size));
        let label = if self.many { format!("{target}: {label}") } else { label.to_owned() };
        bar.set_message(one_line(&label));
        bar.enable_steady_tick(Duration::from_millis(250));
        steps.insert((target.to_owned(), step), bar);
    }

    fn style_of(&self, size: Size) -> Style {
        let bar = if self.colour { "{bar:24.cyan}" } else { "{bar:24}" };
        let template = match (size.amount.is_some_and(|a| a > 0), size.unit) {
            (true, Unit::Bytes) => {
                format!("{bar} {{percent:>3}} %  {{msg}}  {{binary_bytes}}/{{binary_total_bytes}}  {{eta}} left")
            }
            (true, _) => {
                format!("{bar} {{percent:>3}} %  {{msg}}  {{human_pos}}/{{human_len}}  {{per_sec:0}}  {{eta}} left")
            }
            (false, Unit::Bytes) => "{spinner} {msg}  {binary_bytes}  {elapsed}".to_owned(),
            (false, _) => "{spinner} {msg}  {human_pos}  {elapsed}".to_owned(),
        };
        style(&template)
    }

    fn end(&self, target: &str, step: u32) {
        if let Some(bar) = self.steps().remove(&(target.to_owned(), step)) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }
}

/// A template that cannot be read falls back to indicatif's own; a test reads all of ours.
fn style(template: &str) -> Style {
    Style::with_template(template).unwrap_or_else(|_| Style::default_bar()).progress_chars("━━─")
}

impl Sink for Bars {
    fn emit(&self, event: &Event) {
        match event {
            Event::StepStarted { target, step, label, size, .. } => self.start(target, *step, label, *size),
            Event::StepAdvanced { target, step, done } => {
                if let Some(bar) = self.steps().get(&(target.clone(), *step)) {
                    bar.set_position(*done);
                }
            }
            Event::StepFinished { target, step, .. } | Event::StepFailed { target, step, .. } => {
                self.end(target, *step);
            }
            Event::RunFinished { .. } => {
                if let Some(whole) = &self.whole {
                    whole.inc(1);
                }
            }
            _ => {}
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in self.steps().values().chain(&self.whole) {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Look;
    use crate::console::gate::tests::captured;
    use crate::engine::{Effect, Outcome};

    #[test]
    fn every_template_is_valid() {
        let (console, _, _) = captured(Look::PLAIN);
        for colour in [true, false] {
            let mut bars = Bars::new(&console, 1);
            bars.colour = colour;
            for amount in [None, Some(0), Some(5)] {
                for unit in [Unit::Rows, Unit::Bytes, Unit::Items] {
                    bars.style_of(Size { amount, unit });
                }
            }
        }
        assert!(Style::with_template("{bar:24} {pos}/{len} tenants  {elapsed}  {eta} left").is_ok());
    }

    #[test]
    fn a_bar_lives_as_long_as_its_step() {
        let (console, _, _) = captured(Look::PLAIN);
        let bars = Bars::new(&console, 2);
        let target = || "acme".to_owned();
        let size = Size { amount: Some(10), unit: Unit::Rows };
        bars.emit(&Event::StepStarted { target: target(), step: 3, label: "x".into(), effect: Effect::Adds, size });
        bars.emit(&Event::StepAdvanced { target: target(), step: 3, done: 4 });
        assert_eq!(bars.steps().get(&(target(), 3)).map(ProgressBar::position), Some(4));
        bars.emit(&Event::StepFinished { target: target(), step: 3, outcome: Outcome::default() });
        assert!(bars.steps().is_empty());
    }
}
