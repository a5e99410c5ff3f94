//! Runs and their steps: what the audit trail amounts to, kept so that it can be asked quickly.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
};
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::chain::sealed;
use super::entity::{run, run_identity, run_step};
use super::erasure::{erase, salt};
use super::{Catalog, CatalogError, chain, incarnations};
use crate::engine::{Outcome, RunFilter, RunRecord, RunStart, RunStatus, RunSummary, StepRecord, clock};

/// One change of a run, which becomes one entry of the audit trail.
pub(super) enum Change {
    Begin(Box<RunStart>),
    StepStarted {
        run: String,
        step: u32,
        label: String,
    },
    StepFinished {
        run: String,
        step: u32,
        outcome: Box<Outcome>,
    },
    StepFailed {
        run: String,
        step: u32,
        code: String,
        message: String,
    },
    End {
        run: String,
        status: RunStatus,
    },
    Resumed {
        run: String,
        actor: String,
    },
    /// What the run says of people is taken away.
    Erased {
        run: String,
    },
}

impl Change {
    pub(super) fn run(&self) -> &str {
        match self {
            Self::Begin(start) => &start.run,
            Self::StepStarted { run, .. }
            | Self::StepFinished { run, .. }
            | Self::StepFailed { run, .. }
            | Self::End { run, .. }
            | Self::Erased { run }
            | Self::Resumed { run, .. } => run,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Begin(_) => "begin",
            Self::StepStarted { .. } => "step_started",
            Self::StepFinished { .. } => "step_finished",
            Self::StepFailed { .. } => "step_failed",
            Self::End { .. } => "end",
            Self::Resumed { .. } => "resumed",
            Self::Erased { .. } => "erased",
        }
    }

    /// Whether the entry must be on the disk before anybody goes on. The steps between may be lost to a power
    /// failure: the tenant's own checkpoint, not the ledger, says how far a step came.
    pub(super) fn must_survive_power_loss(&self) -> bool {
        matches!(self, Self::Begin(_) | Self::End { .. } | Self::Resumed { .. } | Self::Erased { .. })
    }

    /// Why the change may not be made, if so.
    pub(super) async fn refusal(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<Option<CatalogError>, CatalogError> {
        match self {
            Self::Begin(start) => {
                let earlier = run::Entity::find()
                    .select_only()
                    .column(run::Column::Run)
                    .filter(run::Column::PlanDigest.eq(start.plan_digest.as_str()))
                    .order_by_asc(run::Column::StartedAt)
                    .into_tuple::<String>()
                    .one(transaction)
                    .await?;
                Ok(earlier.map(|run| CatalogError::PlanApplied { run }))
            }
            Self::Erased { run } => {
                let row = run::Entity::find_by_id(run.as_str()).one(transaction).await?;
                let running = row.is_some_and(|row| row.status == "running");
                Ok(running.then(|| CatalogError::Busy(format!("run {run} has not ended"))))
            }
            Self::Resumed { run, .. } => {
                let refuse =
                    |reason: &str| Some(CatalogError::NotResumable { run: run.clone(), reason: reason.to_owned() });
                let Some(row) = run::Entity::find_by_id(run.as_str()).one(transaction).await? else {
                    return Ok(refuse("there is no such run"));
                };
                if row.plan == "null" {
                    return Ok(refuse("its plan was erased"));
                }
                if row.undone_by.is_some() {
                    return Ok(refuse("it was undone"));
                }
                Ok(if ended_well(&row.status) { refuse("it ended well") } else { None })
            }
            _ => Ok(None),
        }
    }

    /// Makes the change and returns the body of its entry.
    pub(super) async fn apply(&self, transaction: &DatabaseTransaction, at: &str) -> Result<Value, CatalogError> {
        match self {
            Self::Begin(start) => begin(transaction, start, at).await,
            Self::StepStarted { run, step, label } => step_started(transaction, (run, *step, label), at).await,
            Self::StepFinished { run, step, outcome } => step_finished(transaction, (run, *step, outcome), at).await,
            Self::StepFailed { run, step, code, message } => {
                let failed = run::Entity::update_many()
                    .col_expr(run::Column::FailureCode, Expr::value(code.as_str()))
                    .col_expr(run::Column::FailureMessage, Expr::value(message.as_str()))
                    .filter(run::Column::Run.eq(run.as_str()))
                    .filter(run::Column::FailureCode.is_null());
                if failed.exec(transaction).await?.rows_affected == 0 {
                    // Either it failed before, or there is no such run.
                    let row = run::Entity::find_by_id(run.as_str()).one(transaction).await?;
                    known(run, u64::from(row.is_some()))?;
                }
                let salt = salt(transaction, run).await?;
                Ok(json!({ "step": step, "code": code, "message": sealed(salt.as_deref(), &json!(message)) }))
            }
            Self::Erased { run } => erase(transaction, run).await,
            Self::End { run, status } => end(transaction, run, *status, at).await,
            Self::Resumed { run, actor } => {
                let again = run::Entity::update_many()
                    .col_expr(run::Column::Status, Expr::value(word(RunStatus::Running)?))
                    .col_expr(run::Column::EndedAt, Expr::value(Option::<String>::None))
                    .col_expr(run::Column::FailureCode, Expr::value(Option::<String>::None))
                    .col_expr(run::Column::FailureMessage, Expr::value(Option::<String>::None))
                    .filter(run::Column::Run.eq(run.as_str()));
                known(run, again.exec(transaction).await?.rows_affected)?;
                Ok(json!({ "actor": actor }))
            }
        }
    }
}

pub(super) fn known(run: &str, rows: u64) -> Result<(), CatalogError> {
    if rows == 0 { Err(CatalogError::Missing(format!("run {run}"))) } else { Ok(()) }
}

async fn begin(transaction: &DatabaseTransaction, start: &RunStart, at: &str) -> Result<Value, CatalogError> {
    let row = run::Model {
        run: start.run.clone(),
        parent: start.parent.clone(),
        follows: start.follows.clone(),
        operation: start.operation.clone(),
        target: start.target.clone(),
        plan_digest: start.plan_digest.clone(),
        plan: start.plan.to_string(),
        actor: start.actor.clone(),
        status: word(RunStatus::Running)?,
        started_at: at.to_owned(),
        ended_at: None,
        failure_code: None,
        failure_message: None,
        undone_by: None,
    };
    let incarnation = incarnations::of_begin(transaction, start).await?;
    let identity = run_identity::Model { run: start.run.clone(), incarnation, salt: clock::nonce() };
    let body = chain::begin_body(&row, Some(&identity));
    run::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(transaction).await?;
    run_identity::Entity::insert(identity.into_active_model().reset_all()).exec_without_returning(transaction).await?;
    Ok(body)
}

async fn step_started(
    transaction: &DatabaseTransaction,
    (run, step, label): (&str, u32, &str),
    at: &str,
) -> Result<Value, CatalogError> {
    let row = run_step::Model {
        run: run.to_owned(),
        step: i64::from(step),
        label: label.to_owned(),
        started_at: at.to_owned(),
        ended_at: None,
        outcome: None,
    };
    // A step that is tried again keeps its row.
    let again = OnConflict::columns([run_step::Column::Run, run_step::Column::Step])
        .update_columns([run_step::Column::Label, run_step::Column::StartedAt])
        .to_owned();
    let row = row.into_active_model().reset_all();
    run_step::Entity::insert(row).on_conflict(again).exec_without_returning(transaction).await?;
    let salt = salt(transaction, run).await?;
    Ok(json!({ "step": step, "label": sealed(salt.as_deref(), &json!(label)) }))
}

async fn step_finished(
    transaction: &DatabaseTransaction,
    (run, step, outcome): (&str, u32, &Outcome),
    at: &str,
) -> Result<Value, CatalogError> {
    let text = serde_json::to_string(outcome).map_err(|error| CatalogError::Damaged(error.to_string()))?;
    let finished = run_step::Entity::update_many()
        .col_expr(run_step::Column::EndedAt, Expr::value(at))
        .col_expr(run_step::Column::Outcome, Expr::value(text))
        .filter(run_step::Column::Run.eq(run))
        .filter(run_step::Column::Step.eq(i64::from(step)));
    known(&format!("{run} with step {step}"), finished.exec(transaction).await?.rows_affected)?;
    let salt = salt(transaction, run).await?;
    Ok(json!({ "step": step, "outcome": sealed(salt.as_deref(), &json!(outcome)) }))
}

async fn end(transaction: &DatabaseTransaction, run: &str, status: RunStatus, at: &str) -> Result<Value, CatalogError> {
    let status = word(status)?;
    let ended = run::Entity::update_many()
        .col_expr(run::Column::Status, Expr::value(status.as_str()))
        .col_expr(run::Column::EndedAt, Expr::value(at))
        .filter(run::Column::Run.eq(run));
    known(run, ended.exec(transaction).await?.rows_affected)?;
    let row = run::Entity::find_by_id(run).one(transaction).await?;
    if let Some(follows) = row.and_then(|row| row.follows).filter(|_| matches!(status.as_str(), "done" | "partial")) {
        let undone = run::Entity::update_many()
            .col_expr(run::Column::UndoneBy, Expr::value(run))
            .filter(run::Column::Run.eq(follows));
        undone.exec(transaction).await?;
    }
    Ok(json!({ "status": status }))
}

/// Whether a run with this status has nothing left to do.
fn ended_well(status: &str) -> bool {
    matches!(status, "done" | "nothing_to_do" | "partial")
}

/// A status as it is stored: the word of its JSON form.
fn word(status: RunStatus) -> Result<String, CatalogError> {
    let text = serde_json::to_value(status).ok().and_then(|value| value.as_str().map(ToOwned::to_owned));
    text.ok_or_else(|| CatalogError::Damaged("a status without a word".to_owned()))
}

fn status_of(row: &run::Model) -> Result<RunStatus, CatalogError> {
    serde_json::from_value(json!(row.status))
        .map_err(|_| CatalogError::Damaged(format!("run {}: unknown status", row.run)))
}

fn record(row: run::Model, steps: Vec<run_step::Model>) -> Result<RunRecord, CatalogError> {
    let damaged = |what: &str| CatalogError::Damaged(format!("run {}: {what}", row.run));
    let status = status_of(&row)?;
    let plan = serde_json::from_str(&row.plan).map_err(|_| damaged("its plan is not JSON"))?;
    let mut told = Vec::with_capacity(steps.len());
    for step in steps {
        let outcome = step.outcome.as_deref().map(serde_json::from_str).transpose();
        told.push(StepRecord {
            step: u32::try_from(step.step).map_err(|_| damaged("a step's place is out of range"))?,
            label: step.label,
            started_at: step.started_at,
            ended_at: step.ended_at,
            outcome: outcome.map_err(|_| damaged("an outcome is not JSON"))?,
        });
    }
    Ok(RunRecord {
        start: RunStart {
            run: row.run,
            parent: row.parent,
            follows: row.follows,
            operation: row.operation,
            target: row.target,
            plan_digest: row.plan_digest,
            plan,
            actor: row.actor,
        },
        started_at: row.started_at,
        ended_at: row.ended_at,
        status,
        steps: told,
        failure: row.failure_code.map(|code| (code, row.failure_message.unwrap_or_default())),
        undone_by: row.undone_by,
    })
}

fn summary(row: run::Model) -> Result<RunSummary, CatalogError> {
    Ok(RunSummary {
        status: status_of(&row)?,
        run: row.run,
        parent: row.parent,
        follows: row.follows,
        operation: row.operation,
        target: row.target,
        actor: row.actor,
        started_at: row.started_at,
        ended_at: row.ended_at,
        undone_by: row.undone_by,
    })
}

impl Catalog {
    /// Runs, the newest first. Their plans may be large and are not read.
    pub(super) async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(Vec::new()) };
        let wanted = <run::Column as sea_orm::Iterable>::iter().filter(|c| !matches!(c, run::Column::Plan));
        let mut query = run::Entity::find()
            .select_only()
            .columns(wanted)
            .column_as(Expr::value(""), "plan")
            .order_by_desc(run::Column::StartedAt)
            .order_by_desc(run::Column::Run)
            .limit(filter.limit.map(u64::from));
        let equal = [
            (run::Column::Target, &filter.target),
            (run::Column::Operation, &filter.operation),
            (run::Column::Parent, &filter.parent),
        ];
        for (column, value) in equal {
            if let Some(value) = value {
                query = query.filter(column.eq(value.as_str()));
            }
        }
        if filter.top {
            query = query.filter(run::Column::Parent.is_null());
        }
        if let Some(status) = filter.status {
            query = query.filter(run::Column::Status.eq(word(status)?));
        }
        if let Some(before) = &filter.before {
            let Some(before) = run::Entity::find_by_id(before.as_str()).one(&read).await? else {
                return Ok(Vec::new());
            };
            let at_once = Condition::all()
                .add(run::Column::StartedAt.eq(before.started_at.as_str()))
                .add(run::Column::Run.lt(before.run.as_str()));
            let earlier = run::Column::StartedAt.lt(before.started_at.as_str());
            query = query.filter(Condition::any().add(earlier).add(at_once));
        }
        query.all(&read).await?.into_iter().map(summary).collect()
    }

    /// The run that carried out the plan of this digest first.
    pub(super) async fn run_of_plan(&self, plan_digest: &str) -> Result<Option<String>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        let query = run::Entity::find().filter(run::Column::PlanDigest.eq(plan_digest));
        let row = query.order_by_asc(run::Column::StartedAt).one(&read).await?;
        Ok(row.map(|row| row.run))
    }

    /// One run by its id or a unique beginning of it, with its plan.
    pub(super) async fn run_by_prefix(&self, id: &str) -> Result<Option<RunRecord>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Ok(None);
        }
        let mut found = run::Entity::find().filter(run::Column::Run.starts_with(id)).limit(2).all(&read).await?;
        if found.len() > 1 {
            // A whole id is never ambiguous, even if another begins with it.
            found.retain(|row| row.run == id);
            if found.is_empty() {
                return Err(CatalogError::AmbiguousRun { prefix: id.to_owned() });
            }
        }
        let Some(row) = found.pop() else { return Ok(None) };
        let steps = run_step::Entity::find().filter(run_step::Column::Run.eq(row.run.as_str()));
        let steps = steps.order_by_asc(run_step::Column::Step).all(&read).await?;
        Ok(Some(record(row, steps)?))
    }
}
