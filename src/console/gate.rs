//! The one way out: every byte for either stream passes here, so that lines never cut through bars.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::MultiProgress;

/// Both streams, and the bars that are drawn on one of them. Clones share it.
#[derive(Clone)]
pub struct Gate {
    streams: Arc<Mutex<Streams>>,
    bars: MultiProgress,
}

struct Streams {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
}

impl Gate {
    /// The process's own streams; bars are drawn on standard error when `bars` says so.
    pub fn standard(bars: bool) -> Self {
        let target = if bars {
            indicatif::ProgressDrawTarget::stderr_with_hz(12)
        } else {
            indicatif::ProgressDrawTarget::hidden()
        };
        Self::new(Box::new(io::stdout()), Box::new(io::stderr()), MultiProgress::with_draw_target(target))
    }

    /// Streams of one's own, without bars: for tests.
    pub fn capture(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        Self::new(out, err, MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden()))
    }

    fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, bars: MultiProgress) -> Self {
        Self { streams: Arc::new(Mutex::new(Streams { out, err })), bars }
    }

    /// The bars.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes to standard output. `false` when nobody reads it any more.
    pub fn write_out(&self, bytes: &[u8]) -> bool {
        self.bars.suspend(|| {
            let mut streams = self.lock();
            streams.out.write_all(bytes).and_then(|()| streams.out.flush()).is_ok()
        })
    }

    /// Writes to standard error; there is nobody to tell when that fails.
    pub fn write_err(&self, bytes: &[u8]) {
        self.bars.suspend(|| {
            let mut streams = self.lock();
            let _ = streams.err.write_all(bytes).and_then(|()| streams.err.flush());
        });
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Standard error as a writer, for log lines.
pub struct ErrWriter(pub Gate);

impl Write for ErrWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_err(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::{Console, Look};
    use super::*;

    /// Bytes that a captured stream got.
    #[derive(Clone, Default)]
    pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        /// As text.
        pub(crate) fn text(&self) -> String {
            String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A console whose streams are kept.
    pub(crate) fn captured(look: Look) -> (Console, Captured, Captured) {
        let (out, err) = (Captured::default(), Captured::default());
        let gate = Gate::capture(Box::new(out.clone()), Box::new(err.clone()));
        (Console::new(look, gate), out, err)
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_noticed_and_not_fatal() {
        let console = Console::new(Look::PLAIN, Gate::capture(Box::new(Closed), Box::new(Captured::default())));
        console.result("one\n");
        assert!(console.reader_is_gone());
        console.result("two\n");
    }
}
