//! Ctrl-C and SIGTERM.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fixtool::engine::{Event, Recorder, Signal, Signals};

#[tokio::test]
async fn the_first_asks_and_the_second_aborts() {
    for (first, second) in [(Signal::Interrupt, Signal::Terminate), (Signal::Terminate, Signal::Interrupt)] {
        let sink = Arc::new(Recorder::default());
        let signals = Signals::new(sink.clone());
        assert_eq!((signals.received(), signals.token().is_cancelled()), (None, false));
        signals.deliver(first);
        assert_eq!((signals.received(), signals.token().is_cancelled()), (Some(first), true));
        let waiting = tokio::time::timeout(Duration::from_millis(5), signals.aborted()).await;
        assert!(waiting.is_err(), "one signal does not abort");
        signals.deliver(second);
        signals.deliver(first);
        assert_eq!(signals.aborted().await, second);
        assert_eq!(signals.received(), Some(first));
        assert_eq!(sink.events(), [Event::CancelRequested], "told once");
    }
}

#[tokio::test]
async fn real_signals_are_heard() {
    let signals = Signals::listen(Arc::new(Recorder::default())).unwrap();
    let send = |name: &str| {
        let status = Command::new("kill").arg(name).arg(std::process::id().to_string()).status().unwrap();
        assert!(status.success());
    };
    send("-TERM");
    tokio::time::timeout(Duration::from_secs(10), signals.token().cancelled()).await.unwrap();
    assert_eq!(signals.received(), Some(Signal::Terminate));
    send("-INT");
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), signals.aborted()).await.unwrap(), Signal::Interrupt);
}
