//! A small world with an engine around it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use fixtool::engine::{
    Approved, Consent, Environment, Freshness, Identity, MemoryLeases, MemoryLedger, Operation, Plan, Recorder, Report,
    RetryPolicy, RunError, carry_out, prepare,
};
use tokio_util::sync::CancellationToken;

use super::world::{Change, Wish, World, WorldAction, WorldError};

/// A world with an engine around it.
pub struct Bench {
    pub world: Arc<World>,
    pub ledger: Arc<MemoryLedger>,
    pub leases: Arc<MemoryLeases>,
    pub sink: Arc<Recorder>,
    pub environment: Environment,
}

impl Bench {
    pub fn new() -> Self {
        let (ledger, leases, sink) =
            (Arc::new(MemoryLedger::default()), Arc::new(MemoryLeases::default()), Arc::new(Recorder::default()));
        let environment = Environment {
            ledger: ledger.clone(),
            leases: leases.clone(),
            sink: sink.clone(),
            cancel: CancellationToken::new(),
            retry: RetryPolicy::default(),
            concurrency: NonZeroUsize::new(2).unwrap(),
            identity: Identity::new("ada", "db1", 7),
            lease_ttl: Environment::LEASE_TTL,
            parent: None,
        };
        Self { world: Arc::default(), ledger, leases, sink, environment }
    }

    /// Somebody else at work on the same world, with a cancel token of their own.
    pub fn somebody_else(&self) -> Environment {
        let cancel = CancellationToken::new();
        Environment { identity: Identity::new("bob", "db2", 8), cancel, ..self.environment.clone() }
    }

    pub async fn plan(&self, operation: &Change) -> (Plan<WorldAction>, Freshness) {
        let prepared = prepare(operation, &self.world, self.ledger.as_ref()).await.unwrap();
        (prepared.plan, prepared.freshness)
    }

    pub async fn approve(&self, operation: &Change) -> Approved<WorldAction> {
        let (plan, freshness) = self.plan(operation).await;
        plan.approve(&everything(), &freshness).unwrap()
    }

    /// The whole road: observe, decide, approve, carry out.
    pub async fn run(&self, operation: &Arc<Change>) -> Result<Report, RunError<WorldError>> {
        run_in(&self.environment, &self.world, operation).await
    }

    pub async fn resume(&self, operation: &Arc<Change>, run: &str) -> Result<Report, RunError<WorldError>> {
        resume_in(&self.environment, &self.world, operation, run).await
    }

    /// Rows of each table, as expected of an undisturbed run.
    pub fn has_rows(&self, expected: &[(&str, u64)]) -> bool {
        let expected: BTreeMap<String, u64> = expected.iter().map(|(t, r)| ((*t).to_owned(), *r)).collect();
        self.world.rows() == expected
    }
}

/// Consent to whatever happens to acme.
pub fn everything() -> Consent {
    Consent::yes(true).confirming(["acme"])
}

/// The operation on acme.
pub fn acme(wish: Wish) -> Arc<Change> {
    change("acme", wish)
}

/// The operation on any target.
pub fn change(target: &str, wish: Wish) -> Arc<Change> {
    Arc::new(Change { target: target.into(), site: "here".into(), wish })
}

pub async fn run_in(
    environment: &Environment,
    world: &Arc<World>,
    operation: &Arc<Change>,
) -> Result<Report, RunError<WorldError>> {
    let prepared = prepare(operation.as_ref(), world, environment.ledger.as_ref()).await?;
    let approved = prepared.plan.approve(&everything(), &prepared.freshness)?;
    carry_out(operation.clone(), approved, world.clone(), environment).await
}

pub async fn resume_in(
    environment: &Environment,
    world: &Arc<World>,
    operation: &Arc<Change>,
    run: &str,
) -> Result<Report, RunError<WorldError>> {
    let record = environment.ledger.run(run).await?.unwrap();
    let approved = Approved::resume(&record, Change::NAME, &operation.target())?;
    carry_out(operation.clone(), approved, world.clone(), environment).await
}
