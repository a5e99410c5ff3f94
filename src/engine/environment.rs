//! What runs are carried out with.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::clock::Identity;
use super::{Leases, Ledger, RetryPolicy, Sink};

/// What runs are carried out with. Cloning shares everything.
#[derive(Clone)]
pub struct Environment {
    /// The log of operations.
    pub ledger: Arc<dyn Ledger>,
    /// The leases on targets.
    pub leases: Arc<dyn Leases>,
    /// Where events go.
    pub sink: Arc<dyn Sink>,
    /// Set when the user wants to stop.
    pub cancel: CancellationToken,
    /// How failures that pass are tried again.
    pub retry: RetryPolicy,
    /// How many steps of one stage run side by side.
    pub concurrency: NonZeroUsize,
    /// Who does it.
    pub identity: Identity,
    /// How long a lease lasts without a heartbeat.
    pub lease_ttl: Duration,
    /// The fleet run that the run is a part of.
    pub parent: Option<String>,
}

impl Environment {
    /// How long a lease lasts unless settled otherwise: long enough for a slow network, short
    /// enough that the work of a machine that died can be taken over soon.
    pub const LEASE_TTL: Duration = Duration::from_secs(30);
}
