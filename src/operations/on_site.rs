//! The one road for programs: an operation is planned, approved and carried out on a site.
//!
//! The command line takes the same stations one by one, since it shows the plan and asks in between.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::backends::site::{SiteOptions, SiteReader, SiteWriter};
use crate::engine::{Consent, Environment, Identity, Operation, Report, RetryPolicy, Sink, carry_out, prepare};

/// Plans an operation, approves the plan with the caller's consent, and carries it out.
///
/// `make` is given the site's identity, which plans are bound to. Events go to `sink`; a
/// [`Recorder`](crate::engine::Recorder) keeps them.
///
/// # Errors
/// Whatever the operation, its approval or the site refuses, as a diagnostic with code and help.
pub async fn perform<O>(
    options: &SiteOptions,
    make: impl FnOnce(&str) -> O,
    consent: &Consent,
    sink: Arc<dyn Sink>,
) -> miette::Result<Report>
where
    O: Operation<Reader = SiteReader, Writer = SiteWriter> + 'static,
{
    let reader = SiteReader::open(options).await?;
    let operation = Arc::new(make(reader.site_id()));
    let prepared = prepare(operation.as_ref(), &reader, reader.catalog()).await?;
    let approved = prepared.plan.approve(consent, &prepared.freshness)?;
    reader.close().await;

    let writer = SiteWriter::open(options, None, 1).await?;
    let environment = environment(&writer, sink);
    let report = carry_out(operation, approved, writer.clone(), &environment).await;
    drop(environment);
    writer.close().await;
    Ok(report?)
}

fn environment(writer: &SiteWriter, sink: Arc<dyn Sink>) -> Environment {
    let catalog = Arc::new(writer.catalog().clone());
    Environment {
        ledger: catalog.clone(),
        leases: catalog,
        sink,
        cancel: CancellationToken::new(),
        retry: RetryPolicy::default(),
        concurrency: NonZeroUsize::MIN.saturating_add(3),
        identity: Identity::new("library", "localhost", std::process::id()),
        lease_ttl: Environment::LEASE_TTL,
        parent: None,
    }
}
