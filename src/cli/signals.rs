//! Ctrl-C and SIGTERM: the first finishes the batch in hand, the second aborts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::sync::CancellationToken;

/// What stopped a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// 128 plus the signal's number, as shells do.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "Ctrl-C",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// Which signal came first, and the token that it cancels. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Interruption {
    /// Cancelled by the first signal.
    pub cancel: CancellationToken,
    first: Arc<AtomicU8>,
}

impl Interruption {
    /// The first signal that came.
    pub fn signal(&self) -> Option<Signal> {
        match self.first.load(Ordering::Relaxed) {
            130 => Some(Signal::Interrupt),
            143 => Some(Signal::Terminate),
            _ => None,
        }
    }

    /// Waits for signals: cancels at the first and says so, returns at the second, which aborts.
    pub async fn watch(&self, say: impl Fn(&str)) -> Signal {
        let mut arrivals = Arrivals::listen();
        let first = arrivals.next().await;
        self.first.store(first.exit_code(), Ordering::Relaxed);
        self.cancel.cancel();
        say(&format!(
            "{}: finishing the batch in hand and writing a checkpoint; once more aborts at once",
            first.name()
        ));
        let second = arrivals.next().await;
        say(&format!("{}: aborted; what was not committed is rolled back by the database", second.name()));
        second
    }
}

/// Both signals, listened to from one moment on, so that none between two calls is lost.
#[cfg(unix)]
struct Arrivals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Arrivals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};

        // Where no handler can be installed, the operating system's own behaviour stays in place.
        Self { interrupt: signal(SignalKind::interrupt()).ok(), terminate: signal(SignalKind::terminate()).ok() }
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            () = arrival(self.interrupt.as_mut()) => Signal::Interrupt,
            () = arrival(self.terminate.as_mut()) => Signal::Terminate,
        }
    }
}

#[cfg(unix)]
async fn arrival(signal: Option<&mut tokio::signal::unix::Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

#[cfg(not(unix))]
struct Arrivals;

#[cfg(not(unix))]
impl Arrivals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
