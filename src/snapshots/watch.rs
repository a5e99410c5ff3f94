//! How far something came, and whether to stop, told by whoever carries it out.

use std::sync::Arc;

use super::take::Watch;

struct By<A, S> {
    advance: A,
    stopped: S,
}

impl<A: Fn(u64) + Send + Sync, S: Fn() -> bool + Send + Sync> Watch for By<A, S> {
    fn advance(&self, bytes: u64) {
        (self.advance)(bytes);
    }

    fn stopped(&self) -> bool {
        (self.stopped)()
    }
}

/// A watch made of two functions.
pub fn by(
    advance: impl Fn(u64) + Send + Sync + 'static,
    stopped: impl Fn() -> bool + Send + Sync + 'static,
) -> Arc<dyn Watch> {
    Arc::new(By { advance, stopped })
}
