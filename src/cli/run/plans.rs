//! From operations to plans: made now, or taken out of a file.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::Rebuild;
use crate::cli::fault::Fault;
use crate::console::plan_view::PlanDocument;
use crate::engine::plan_file::PlanFile;
use crate::engine::undo::{later_runs, same_tenant, undo_freshness, undo_plan};
use crate::engine::{
    Approved, Consent, Effect, Event, Fingerprint, Freshness, Ledger, Operation, Outcome, Plan, Refusal, RunError,
    RunRecord, RunStatus, Sink, Size, Target, Unit, draft, prepare, refresh, rehearse,
};

/// One target with its plan, or with the reason why there is none.
pub struct Planned<O: Operation> {
    /// The target's name.
    pub target: String,
    /// The operation.
    pub operation: Arc<O>,
    /// Its plan.
    pub made: Result<Made<O>, RunError<O::Error>>,
}

/// A plan with what it rests on.
pub struct Made<O: Operation> {
    /// The plan.
    pub plan: Plan<O::Action>,
    /// How things stood; `None` for a plan from a file, which is held against the present later.
    freshness: Option<Freshness>,
    /// What carrying it out would find.
    foreseen: Option<Outcome>,
}

impl<O: Operation> Planned<O> {
    fn of(operation: Arc<O>, made: Result<Made<O>, RunError<O::Error>>) -> Self {
        Self { target: operation.target().name, operation, made }
    }

    /// For the console.
    pub fn document(&self) -> Option<PlanDocument> {
        self.made.as_ref().ok().map(|made| PlanDocument::of(&made.plan, made.foreseen.clone()))
    }

    /// Its effect and target, for consent.
    pub fn need(&self) -> Option<(Effect, String)> {
        self.made.as_ref().ok().map(|made| (made.plan.worst_effect(), self.target.clone()))
    }

    /// Whether carrying it out would refuse part of the work.
    pub fn foresees_refusals(&self) -> bool {
        self.made.as_ref().is_ok_and(|made| made.foreseen.as_ref().is_some_and(|outcome| outcome.partial))
    }

    /// Holds the plan against the present and the consent. With `again` the present is looked at
    /// once more, because time passed since the plan was made.
    pub async fn approve(self, consent: &Consent, again: bool, reader: &O::Reader, ledger: &dyn Ledger) -> Approval<O> {
        let operation = self.operation;
        let approved = match self.made {
            Err(error) => Err(error),
            Ok(Made { plan, freshness, .. }) => {
                let freshness = match (freshness, &plan.undoes) {
                    (Some(freshness), _) if !again => Ok(freshness),
                    (_, Some(undone)) => fresh_undo(operation.as_ref(), &plan, &undone.run, ledger).await,
                    (_, None) => refresh(operation.as_ref(), &plan, reader, ledger).await,
                };
                freshness.and_then(|freshness| Ok(plan.approve(consent, &freshness)?))
            }
        };
        (operation, approved)
    }
}

/// An operation with its approved plan, or with the reason why there is none.
pub type Approval<O> = (Arc<O>, Result<Approved<<O as Operation>::Action>, RunError<<O as Operation>::Error>>);

/// How things stand for a plan that takes back a run: it is not what an operation would decide now.
async fn fresh_undo<O: Operation>(
    operation: &O,
    plan: &Plan<O::Action>,
    run: &str,
    ledger: &dyn Ledger,
) -> Result<Freshness, RunError<O::Error>> {
    let bug = |message: String| RunError::Bug { run: None, message };
    let record = ledger.run(run).await?.ok_or_else(|| bug(format!("the run {run} is not in the ledger")))?;
    let later = later_runs(ledger, &record).await?;
    let digest = plan.digest().map_err(|error| bug(error.to_string()))?;
    let applied = ledger.applied(&digest).await?;
    Ok(undo_freshness(&record, &later, operation.target(), applied))
}

/// The plan that takes back a run.
pub async fn undoing<O: Rebuild>(record: &RunRecord, site: &str, ledger: &dyn Ledger) -> Result<Planned<O>, Fault> {
    let operation = Arc::new(remade::<O>(record, site)?);
    let made = async {
        same_tenant(ledger, &record.start.run, &record.start.target).await?;
        let later = later_runs(ledger, record).await?;
        let plan = undo_plan::<O::Action>(record, &later)?;
        let freshness = Some(undo_freshness(record, &later, operation.target(), None));
        Ok(Made { plan, freshness, foreseen: None })
    };
    let made = made.await;
    Ok(Planned::of(operation, made))
}

/// Refuses a run that means another tenant, and one that began no step yet and would decide otherwise now.
pub async fn unbegun<O: Rebuild>(
    operation: &O,
    record: &RunRecord,
    reader: &O::Reader,
    ledger: &dyn Ledger,
) -> Result<(), Fault> {
    same_tenant::<O::Error>(ledger, &record.start.run, &record.start.target).await.map_err(Fault::from)?;
    let is_own = record.start.follows.is_none() && record.status != RunStatus::Done;
    let planned = record.start.plan.get("fingerprint").and_then(serde_json::Value::as_str);
    let Some(planned) = planned.filter(|_| is_own && record.steps.is_empty()) else { return Ok(()) };
    if operation.observe(reader).await.map_err(Fault::from)?.fingerprint() == planned {
        return Ok(());
    }
    let created_at = record.start.plan.get("created_at").and_then(serde_json::Value::as_str).unwrap_or_default();
    Err(Refusal::Stale { target: record.start.target.clone(), created_at: created_at.to_owned() }.into())
}

/// The operation of a run in the ledger.
pub fn remade<O: Rebuild>(record: &RunRecord, site: &str) -> Result<O, Refusal> {
    let target = Target { name: record.start.target.clone(), site: site.to_owned() };
    let request = record.start.plan.get("request").cloned().unwrap_or_default();
    request_of::<O>(request, &target.name).map(|request| O::rebuild(request, target))
}

/// A request as it was saved.
pub fn request_of<O: Rebuild>(request: serde_json::Value, target: &str) -> Result<O::Request, Refusal> {
    let unreadable =
        |error: serde_json::Error| Refusal::Unreadable { target: target.to_owned(), reason: error.to_string() };
    serde_json::from_value(request).map_err(unreadable)
}

/// Makes plans that are to be carried out at once, several targets side by side.
pub async fn prepared<O: Operation>(
    operations: Vec<O>,
    reader: &O::Reader,
    ledger: &dyn Ledger,
    concurrency: usize,
) -> Vec<Planned<O>> {
    let plans = stream::iter(operations).map(|operation| async move {
        let made = prepare(&operation, reader, ledger).await;
        let made = made.map(|p| Made { plan: p.plan, freshness: Some(p.freshness), foreseen: None });
        Planned::of(Arc::new(operation), made)
    });
    plans.buffered(concurrency).collect().await
}

/// Makes plans that are only to be seen, and foresees what carrying them out would find.
pub async fn foreseen<O: Operation>(
    operations: Vec<O>,
    reader: &O::Reader,
    (sink, cancel): (Arc<dyn Sink>, CancellationToken),
    concurrency: usize,
) -> Vec<Planned<O>> {
    let plans = stream::iter(operations).map(|operation| {
        let (sink, cancel) = (sink.clone(), cancel.clone());
        async move {
            let made = foresee(&operation, reader, sink, cancel).await;
            Planned::of(Arc::new(operation), made)
        }
    });
    plans.buffered(concurrency).collect().await
}

async fn foresee<O: Operation>(
    operation: &O,
    reader: &O::Reader,
    sink: Arc<dyn Sink>,
    cancel: CancellationToken,
) -> Result<Made<O>, RunError<O::Error>> {
    let (snapshot, plan) = draft(operation, reader).await?;
    let target = operation.target().name;
    let size = Size { amount: None, unit: Unit::Rows };
    sink.emit(&Event::StepStarted {
        target: target.clone(),
        step: 0,
        label: "foresee the result".to_owned(),
        effect: Effect::Reads,
        size,
    });
    let foreseen = rehearse(operation, &snapshot, reader, sink.clone(), cancel).await;
    let outcome = foreseen.as_ref().ok().and_then(Clone::clone).unwrap_or_default();
    sink.emit(&Event::StepFinished { target, step: 0, outcome });
    Ok(Made { plan, freshness: None, foreseen: foreseen? })
}

/// Takes plans out of a file; each operation is made again from what its plan says was meant.
pub fn saved<O: Rebuild>(path: &Path, site: &str) -> Result<Vec<Planned<O>>, Fault> {
    let file = PlanFile::load(path)?;
    if let Some(planned) = file.operation().filter(|name| *name != O::NAME) {
        return Err(Refusal::OtherOperation { planned: planned.to_owned(), actual: O::NAME.to_owned() }.into());
    }
    let mut planned = Vec::new();
    for plan in file.plans::<O::Action>()? {
        let request = request_of::<O>(plan.request.clone(), &plan.target.name)?;
        // On the site of this session: a plan that was made for another one is refused.
        let here = Target { site: site.to_owned(), ..plan.target.clone() };
        let operation = Arc::new(O::rebuild(request, here));
        planned.push(Planned::of(operation, Ok(Made { plan, freshness: None, foreseen: None })));
    }
    Ok(planned)
}

/// Saves plans; those that could not be made are the caller's to tell.
pub fn save<O: Operation>(planned: &[Planned<O>], path: &Path) -> Result<(), Fault> {
    let plans: Vec<Plan<O::Action>> = planned.iter().filter_map(|p| Some(p.made.as_ref().ok()?.plan.clone())).collect();
    Ok(PlanFile::of(&plans)?.save(path)?)
}
