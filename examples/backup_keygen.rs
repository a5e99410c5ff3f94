//! Makes a key for backups in `./backup-key.txt`, without a site: the ledger is kept in memory.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::num::NonZeroUsize;
use std::sync::Arc;

use fixtool::engine::{Consent, Environment, Identity, MemoryLeases, MemoryLedger, Recorder, RetryPolicy};
use fixtool::engine::{carry_out, prepare};
use fixtool::operations::backup::keygen::{Keygen, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let ledger = Arc::new(MemoryLedger::default());
    let keygen = Keygen::of(Request { path: "backup-key.txt".into() });
    let prepared = prepare(&keygen, &(), ledger.as_ref()).await?;
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
    let report = carry_out(Arc::new(keygen), approved, (), &environment).await?;
    for step in &report.steps {
        // The public half, which goes into backup.recipients.
        for note in step.outcome.iter().flat_map(|outcome| &outcome.notes) {
            println!("{}: {note}", step.label);
        }
    }
    Ok(())
}
