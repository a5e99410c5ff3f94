//! Begins a pack in `./packs/example`: observe, decide, approve, carry out, without a catalog.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::num::NonZeroUsize;
use std::sync::Arc;

use fixtool::engine::{Consent, Environment, Identity, MemoryLeases, MemoryLedger, Recorder, RetryPolicy};
use fixtool::engine::{carry_out, prepare};
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::new::{New, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let ledger = Arc::new(MemoryLedger::default());
    let new = New::of(Request { name: "example".to_owned(), folder: None, from: None });
    let prepared = prepare(&new, &Packs { folder: "packs".into() }, ledger.as_ref()).await?;
    // A plan that only adds needs no consent.
    let approved = prepared.plan.approve(&Consent::none(), &prepared.freshness)?;
    let environment = Environment {
        ledger,
        leases: Arc::new(MemoryLeases::default()),
        sink: Arc::new(Recorder::default()),
        cancel: tokio_util::sync::CancellationToken::default(),
        retry: RetryPolicy::default(),
        concurrency: NonZeroUsize::MIN,
        identity: Identity::new("example", "localhost", std::process::id()),
        lease_ttl: Environment::LEASE_TTL,
        parent: None,
    };
    let report = carry_out(Arc::new(new), approved, (), &environment).await?;
    for step in &report.steps {
        println!("{}", step.label);
    }
    Ok(())
}
