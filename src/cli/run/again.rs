//! Going on with a run of the ledger, and taking one back: the same road from its middle.

use std::collections::HashMap;

use super::carry::{self, Approvals};
use super::plans::{self, Planned};
use super::{OnSite, RunFlags, readable, road, writable};
use crate::cli::fault::{CommandResult, Ending, Fault};
use crate::cli::session::Session;
use crate::engine::fleet::{FleetOrder, FleetRecord, Past};
use crate::engine::{Approved, Ledger, RunFilter, RunRecord, Target};

/// Goes on with a run that was interrupted, that failed, or whose process died. A run over many
/// tenants goes on with those that were interrupted or never begun; when there are none, or with
/// `failed`, it tries the failed ones again.
pub async fn resume<O: OnSite>(session: &Session, record: &RunRecord, flags: &RunFlags, failed: bool) -> CommandResult {
    let reader = session.reader().await?;
    let catalog = reader.catalog().clone();
    let children = children(&catalog, record).await?;
    let options = carry::options(&flags.fleet, session.settings.concurrency)?;
    let Some(fleet) = FleetRecord::of(record, &children) else {
        let operation = plans::remade::<O>(record, reader.site_id())?;
        plans::unbegun(&operation, record, &reader, &catalog).await?;
        let approved = Approved::resume(record, O::NAME, &operation.target());
        let approvals = vec![(operation.into(), approved.map_err(Into::into))];
        let order = carry::order(&approvals);
        return road::arrive(session, order, approvals, &options, |runs| writable(session, runs)).await;
    };
    let unfinished = fleet.unfinished();
    let order = if failed || unfinished.is_empty() { fleet.failed() } else { unfinished };
    if order.is_empty() {
        session.console.note("nothing to go on with: every tenant of this run is done");
        return Ok(Ending::Done);
    }
    let Some(approvals) = fleet_approvals::<O>(session, flags, &order, &fleet).await? else {
        return Ok(Ending::Interrupted);
    };
    road::arrive(session, order, approvals, &options, |runs| writable(session, runs)).await
}

/// Takes back what a run did; of a run over many tenants, what it did in each.
pub async fn undo<O: OnSite>(session: &Session, record: &RunRecord, flags: &RunFlags) -> CommandResult {
    let reader = session.reader().await?;
    let catalog = reader.catalog().clone();
    let children = children(&catalog, record).await?;
    let mut planned = Vec::new();
    if FleetRecord::of(record, &children).is_some() {
        for child in children.iter().filter(|child| child.undone_by.is_none() && child.follows.is_none()) {
            if let Some(record) = catalog.run(&child.run).await? {
                planned.push(plans::undoing::<O>(&record, reader.site_id(), &catalog).await?);
            }
        }
    } else {
        planned.push(plans::undoing::<O>(record, reader.site_id(), &catalog).await?);
    }
    road::from_plans(session, flags, planned, readable(reader), |runs| writable(session, runs)).await
}

async fn children(ledger: &dyn Ledger, record: &RunRecord) -> Result<Vec<crate::engine::RunSummary>, Fault> {
    let filter = RunFilter { parent: Some(record.start.run.clone()), ..RunFilter::default() };
    Ok(ledger.runs(&filter).await?)
}

/// Runs that began go on as they were approved; tenants that were never begun are planned anew.
async fn fleet_approvals<O: OnSite>(
    session: &Session,
    flags: &RunFlags,
    order: &FleetOrder,
    fleet: &FleetRecord,
) -> Result<Option<Approvals<O>>, Fault> {
    let reader = session.reader().await?;
    let catalog = reader.catalog().clone();
    let past: HashMap<&str, &Past> = fleet.targets.iter().map(|(name, past)| (name.as_str(), past)).collect();
    let (mut approvals, mut fresh): (Approvals<O>, Vec<O>) = (Vec::new(), Vec::new());
    for name in order.targets() {
        let run = match past.get(name) {
            Some(Past::Failed(Some(run)) | Past::Interrupted(run)) => catalog.run(run).await?,
            _ => None,
        };
        let target = Target { name: name.to_owned(), site: reader.site_id().to_owned() };
        match run {
            Some(record) => {
                let operation = plans::remade::<O>(&record, reader.site_id())?;
                let approved = Approved::resume(&record, O::NAME, &target);
                approvals.push((operation.into(), approved.map_err(Into::into)));
            }
            None => fresh.push(O::rebuild(plans::request_of::<O>(fleet.request.clone(), name)?, target)),
        }
    }
    if !fresh.is_empty() {
        let readable = readable(reader);
        let concurrency = usize::try_from(session.settings.concurrency).unwrap_or(1);
        let planned: Vec<Planned<O>> =
            plans::prepared(fresh, &readable.reader, readable.ledger.as_ref(), concurrency).await;
        match road::agree(session, flags, planned, &readable).await? {
            Some(agreed) => approvals.extend(agreed),
            None => return Ok(None),
        }
    }
    Ok(Some(approvals))
}
