//! The one road that every command takes.
//!
//! ```text
//! operations ─▶ plans ─▶ shown ─▶ (dry run, --plan-out: the end) ─▶ consent ─▶ approved ─▶ writer ─▶ carried out
//! ```
//!
//! A command makes operations of its flags, and that is all it does: `operation` shows their plans,
//! asks, and carries them out. `query` is for a command that only looks. `again` resumes and undoes.

mod again;
mod carry;
mod consent;
mod plans;
mod road;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Serialize;

use super::fault::{CommandResult, Ending, Fault};
use super::flags::{FleetFlags, PlanFlags};
use super::session::Session;
use crate::backends::site::{SiteReader, SiteWriter};
use crate::console::Page;
use crate::engine::{MemoryLeases, MemoryLedger, Operation, Query, Target};
use road::{Readable, Source, Writable};

pub use again::{resume, undo};

/// What the user said about how an operation is to be carried out.
#[derive(Debug, Clone)]
pub struct RunFlags {
    /// What happens to the plan.
    pub plan: PlanFlags,
    /// How it spreads over many tenants.
    pub fleet: FleetFlags,
    /// The user said which tenants, be it by id, pattern, tier, label or `--all`: `--yes` counts.
    pub target_named: bool,
}

impl RunFlags {
    /// For a command on the one tenant that was named.
    pub fn on_one(plan: &PlanFlags) -> Self {
        Self { plan: plan.clone(), fleet: FleetFlags::default(), target_named: true }
    }
}

/// How an operation is made again from what a saved plan or the ledger holds.
pub trait Rebuild: Operation + Sized {
    /// The same operation on this target. In a run over many tenants all have one request, so it
    /// is the target that says which tenant is meant.
    fn rebuild(request: Self::Request, target: Target) -> Self;
}

/// An operation on tenants of the site.
pub trait OnSite: Rebuild + Operation<Reader = SiteReader, Writer = SiteWriter> + 'static {}

impl<O: Rebuild + Operation<Reader = SiteReader, Writer = SiteWriter> + 'static> OnSite for O {}

/// Runs a command that writes: plans, consent, writer, report. `operations` makes one operation a
/// target of what was typed; it is not called when a saved plan says everything.
pub async fn operation<O, F>(session: &Session, flags: &RunFlags, operations: F) -> CommandResult
where
    O: OnSite,
    F: AsyncFnOnce(&SiteReader) -> Result<Vec<O>, Fault>,
{
    let reader = session.reader().await?;
    let source = match &flags.plan.plan {
        Some(path) => Source::Saved(path.clone(), reader.site_id().to_owned()),
        None => Source::Operations(operations(&reader).await?),
    };
    road::travel(session, flags, source, readable(reader), |runs| writable(session, runs)).await
}

fn readable(reader: SiteReader) -> Readable<SiteReader> {
    let ledger = Arc::new(reader.catalog().clone());
    Readable { reader: Arc::new(reader), ledger }
}

async fn writable(session: &Session, runs: usize) -> Result<Writable<SiteWriter>, Fault> {
    let writer = session.writer(runs).await?;
    let catalog = Arc::new(writer.catalog().clone());
    Ok(Writable { writer, ledger: catalog.clone(), leases: catalog, recorded: true })
}

/// Runs a command that writes plain files and touches no tenant: the same road, without the catalog,
/// so that it works before there is one and on a machine that cannot reach it.
pub async fn on_files<O>(session: &Session, flags: &RunFlags, reader: O::Reader, operation: O) -> CommandResult
where
    O: Rebuild + Operation<Writer = ()> + 'static,
{
    let ledger = Arc::new(MemoryLedger::default());
    let source = match &flags.plan.plan {
        Some(path) => Source::Saved(path.clone(), operation.target().site),
        None => Source::Operations(vec![operation]),
    };
    let readable = Readable { reader: Arc::new(reader), ledger: ledger.clone() };
    let open =
        async |_| Ok(Writable { writer: (), ledger, leases: Arc::new(MemoryLeases::default()), recorded: false });
    road::travel(session, flags, source, readable, open).await
}

/// Runs a command that only looks, and shows what it saw: `page` for people, JSON for programs.
pub async fn query<Q: Query>(
    session: &Session,
    query: &Q,
    reader: &Q::Reader,
    page: impl FnOnce(&Q::View) -> Page,
) -> CommandResult
where
    Q::View: Serialize,
{
    let view = query.observe(reader).await.map_err(Fault::from)?;
    session.console.show(Q::NAME, &view, page);
    Ok(Ending::Done)
}
