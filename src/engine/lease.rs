//! A lease that is held for as long as its guard lives.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::retry::RetryPolicy;
use super::{Failure, LeaseAnswer, LeaseRequest, Leases, LedgerError, RunError};

/// Holds a lease and renews it. Dropped without [`release`](Self::release), as when a run is torn
/// down, it still gives the lease back as far as the runtime lives.
pub(super) struct HeldLease {
    leases: Arc<dyn Leases>,
    request: LeaseRequest,
    lost: CancellationToken,
    taken: Arc<AtomicBool>,
    heartbeat: Option<DropGuard>,
}

impl HeldLease {
    /// Takes the lease, or says who has it.
    pub(super) async fn take<E: Failure>(
        leases: Arc<dyn Leases>,
        request: LeaseRequest,
        retry: RetryPolicy,
    ) -> Result<Self, RunError<E>> {
        let asked = Instant::now();
        match retry.insist(|| leases.acquire(&request)).await? {
            LeaseAnswer::Granted => Ok(Self::beating(leases, request, asked)),
            LeaseAnswer::Held { holder, operation, run, expires_at } => {
                Err(RunError::Held { target: request.target, holder, operation, run, expires_at })
            }
        }
    }

    fn beating(leases: Arc<dyn Leases>, request: LeaseRequest, asked: Instant) -> Self {
        let lost = CancellationToken::new();
        let stop = CancellationToken::new();
        let taken = Arc::new(AtomicBool::new(false));
        let beat = beat(leases.clone(), request.clone(), (lost.clone(), taken.clone()), asked);
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(beat).await });
        Self { leases, request, lost, taken, heartbeat: Some(stop.drop_guard()) }
    }

    /// Set when the lease went to somebody else, or could not be renewed for as long as it lasts.
    pub(super) fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Whether it was lost because somebody else has it, and not because the catalog was silent.
    pub(super) fn was_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    /// Gives it back. A lease that cannot be given back expires by itself.
    pub(super) async fn release(mut self, retry: RetryPolicy) {
        drop(self.heartbeat.take());
        if self.lost.is_cancelled() {
            return;
        }
        let (leases, request) = (self.leases.clone(), self.request.clone());
        report(&request.target, retry.insist(|| leases.release(&request)).await);
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        let Some(heartbeat) = self.heartbeat.take() else { return };
        drop(heartbeat);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (leases, request) = (self.leases.clone(), self.request.clone());
            runtime.spawn(async move { report(&request.target, leases.release(&request).await) });
        }
    }
}

fn report(target: &str, released: Result<(), LedgerError>) {
    if let Err(error) = released {
        tracing::warn!(target_name = target, %error, "the lease could not be given back and will expire by itself");
    }
}

/// Renews the lease three times while it lasts, and sets `lost` when it is somebody else's or when
/// no renewal went through for its whole length.
async fn beat(
    leases: Arc<dyn Leases>,
    request: LeaseRequest,
    (lost, taken): (CancellationToken, Arc<AtomicBool>),
    mut renewed: Instant,
) {
    let rhythm = (request.ttl / 3).max(Duration::from_millis(1));
    let mut pause = rhythm;
    loop {
        tokio::time::sleep(pause).await;
        let asked = Instant::now();
        match until(renewed + request.ttl, leases.heartbeat(&request)).await {
            Some(Ok(true)) => {
                renewed = asked;
                pause = rhythm;
            }
            answer @ (Some(Ok(false)) | None) => {
                taken.store(answer.is_some(), Ordering::Relaxed);
                lost.cancel();
                return;
            }
            Some(Err(error)) => {
                tracing::warn!(target_name = request.target, %error, "the lease could not be renewed yet");
                if renewed.elapsed() >= request.ttl {
                    lost.cancel();
                    return;
                }
                pause = rhythm / 4;
            }
        }
    }
}

async fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(deadline, work).await.ok()
}
