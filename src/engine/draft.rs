//! From an operation to its plan: reads only. No function in here has a writer.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::plan::Draft;
use super::{Fingerprint, Freshness, Ledger, Operation, Outcome, Plan, RunError, Sink, StepContext};
use super::{clock, ledger};

/// A plan with what it rests on.
#[derive(Debug)]
pub struct Prepared<O: Operation> {
    /// What was seen.
    pub snapshot: O::Snapshot,
    /// The plan.
    pub plan: Plan<O::Action>,
    /// How things stood, for [`Plan::approve`].
    pub freshness: Freshness,
}

/// Observes and decides. The plan is all there is: nothing was changed.
pub async fn draft<O: Operation>(
    operation: &O,
    reader: &O::Reader,
) -> Result<(O::Snapshot, Plan<O::Action>), RunError<O::Error>> {
    let created_at = clock::now();
    let snapshot = operation.observe(reader).await.map_err(RunError::Operation)?;
    let mut decided = operation.decide(&snapshot).map_err(RunError::Operation)?;
    decided.steps.sort_by_key(|step| step.stage);
    let plan = complete(operation, &snapshot, decided, created_at)?;
    Ok((snapshot, plan))
}

/// Observes and decides for a plan that is to be carried out at once: the ledger is asked before,
/// so that a run that slips in between is noticed.
pub async fn prepare<O: Operation>(
    operation: &O,
    reader: &O::Reader,
    ledger: &dyn Ledger,
) -> Result<Prepared<O>, RunError<O::Error>> {
    let name = operation.target().name;
    let latest_run = ledger::latest_run(ledger, &name).await?;
    let standing = ledger.standing(&name).await?;
    let (snapshot, mut plan) = draft(operation, reader).await?;
    plan.means.clone_from(&standing);
    let freshness = Freshness { standing, ..Freshness::of(operation, &snapshot, latest_run) };
    Ok(Prepared { snapshot, plan, freshness })
}

/// Observes again, for a plan that was made earlier: from a file, or before a long look at it.
pub async fn refresh<O: Operation>(
    operation: &O,
    plan: &Plan<O::Action>,
    reader: &O::Reader,
    ledger: &dyn Ledger,
) -> Result<Freshness, RunError<O::Error>> {
    let name = operation.target().name;
    let latest_run = ledger::latest_run(ledger, &name).await?;
    let standing = ledger.standing(&name).await?;
    // Before anything of the tenant is looked at: what is wrong with another one says nothing of this plan.
    plan.means(standing.as_ref())?;
    let digest = plan.digest().map_err(|e| bug::<O>(&e))?;
    let applied_by = ledger.applied(&digest).await?;
    let snapshot = operation.observe(reader).await.map_err(RunError::Operation)?;
    Ok(Freshness { applied_by, standing, ..Freshness::of(operation, &snapshot, latest_run) })
}

/// Foresees what the steps would find, reading only, for a user who wants to see the plan and no
/// more. `None` when the plan says it all.
pub async fn rehearse<O: Operation>(
    operation: &O,
    snapshot: &O::Snapshot,
    reader: &O::Reader,
    sink: Arc<dyn Sink>,
    cancel: CancellationToken,
) -> Result<Option<Outcome>, RunError<O::Error>> {
    let context = StepContext::new("", &operation.target().name, 0, cancel, sink);
    operation.rehearse(snapshot, reader, &context).await.map_err(RunError::Operation)
}

fn complete<O: Operation>(
    operation: &O,
    snapshot: &O::Snapshot,
    decided: Draft<O::Action>,
    created_at: String,
) -> Result<Plan<O::Action>, RunError<O::Error>> {
    Ok(Plan {
        operation: O::NAME.to_owned(),
        target: operation.target(),
        fingerprint: snapshot.fingerprint(),
        created_at,
        nonce: clock::nonce(),
        request: serde_json::to_value(operation.request()).map_err(|e| bug::<O>(&e))?,
        steps: decided.steps,
        notes: decided.notes,
        means: None,
        undoes: None,
    })
}

fn bug<O: Operation>(error: &serde_json::Error) -> RunError<O::Error> {
    RunError::Bug { run: None, message: format!("the plan of {} cannot be written as JSON: {error}", O::NAME) }
}
