//! Events as JSON lines on standard output.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::console::{Console, json};
use crate::engine::{Event, Sink};

/// A step is told at most this often on its way.
const EVERY: Duration = Duration::from_millis(500);

/// JSON lines.
pub(super) struct Lines {
    console: Console,
    schema: String,
    told: Mutex<HashMap<(String, u32), Instant>>,
}

impl Lines {
    pub(super) fn new(console: Console, operation: &str) -> Self {
        Self { console, schema: json::schema(operation), told: Mutex::default() }
    }

    fn too_soon(&self, target: &str, step: u32) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (target.to_owned(), step);
        match told.get(&key) {
            Some(last) if last.elapsed() < EVERY => true,
            _ => {
                told.insert(key, Instant::now());
                false
            }
        }
    }
}

impl Sink for Lines {
    fn emit(&self, event: &Event) {
        match event {
            Event::StepAdvanced { target, step, .. } if self.too_soon(target, *step) => {}
            event => match json::line(&self.schema, event) {
                Ok(line) => self.console.result(&line),
                Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Look;
    use crate::console::gate::tests::captured;

    #[test]
    fn each_event_is_a_line_and_progress_is_thinned_out() {
        let (console, out, _) = captured(Look::PLAIN);
        let lines = Lines::new(console, "data.load");
        for done in 1..100 {
            lines.emit(&Event::StepAdvanced { target: "acme".into(), step: 0, done });
        }
        lines.emit(&Event::WaveStarted { wave: 1, targets: 2 });
        let text = out.text();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                r#"{"schema":"fixtool.data.load","format_version":1,"event":"step_advanced","target":"acme","step":0,"done":1}"#,
                r#"{"schema":"fixtool.data.load","format_version":1,"event":"wave_started","wave":1,"targets":2}"#,
            ]
        );
    }
}
