//! Ctrl-C and SIGTERM: the first asks to stop at the next checkpoint, the second means now.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::{Event, Sink};

/// Which signal asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Ctrl-C, SIGINT: exit code 130.
    Interrupt,
    /// SIGTERM: exit code 143.
    Terminate,
}

/// Listens for signals on behalf of everything that runs. Cloning shares the state.
#[derive(Clone)]
pub struct Signals {
    first: Arc<Mutex<Option<Signal>>>,
    second: Arc<Mutex<Option<Signal>>>,
    stop: CancellationToken,
    abort: CancellationToken,
    sink: Arc<dyn Sink>,
}

impl Signals {
    /// Begins to listen. Must be called inside a runtime.
    pub fn listen(sink: Arc<dyn Sink>) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let signals = Self::new(sink);
        let listening = signals.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(()) = interrupt.recv() => listening.deliver(Signal::Interrupt),
                    Some(()) = terminate.recv() => listening.deliver(Signal::Terminate),
                    else => return,
                }
            }
        });
        Ok(signals)
    }

    /// Without any listening: for a program that has its own idea of when to stop.
    pub fn new(sink: Arc<dyn Sink>) -> Self {
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        Self { first: Arc::default(), second: Arc::default(), stop, abort, sink }
    }

    /// What a signal does: the first asks to stop, any further one aborts.
    pub fn deliver(&self, signal: Signal) {
        if lock(&self.first).is_none() {
            *lock(&self.first) = Some(signal);
            self.sink.emit(&Event::CancelRequested);
            self.stop.cancel();
        } else {
            lock(&self.second).get_or_insert(signal);
            self.abort.cancel();
        }
    }

    /// Set by the first signal; goes into [`Environment::cancel`](super::Environment).
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The signal that asked to stop, if one did.
    pub fn received(&self) -> Option<Signal> {
        *lock(&self.first)
    }

    /// Waits for the second signal: whoever sees it drops the work where it is and exits.
    pub async fn aborted(&self) -> Signal {
        self.abort.cancelled().await;
        let second = *lock(&self.second);
        second.unwrap_or(Signal::Interrupt)
    }
}

fn lock(signal: &Mutex<Option<Signal>>) -> std::sync::MutexGuard<'_, Option<Signal>> {
    signal.lock().unwrap_or_else(PoisonError::into_inner)
}
