//! Taking a load back.

use super::apply::Applying;
use super::error::LoadError;
use crate::backends::database::load::{UnloadSpec, Unloaded};
use crate::engine::{Failure, FailureKind, Ledger, LedgerError, Outcome, RunFilter};

/// Why a load cannot be taken back.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum UnloadError {
    /// The ledger could not be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] LedgerError),

    /// Nobody can tell which rows are the load's.
    #[error("the undo record of what run {run} loaded into '{table}' is gone, so its rows stay")]
    #[diagnostic(
        code(fixtool::data::load::no_undo_record),
        help(
            "a tenant that was dropped comes back without the undo records of what was loaded before; restore it from a snapshot made before the load ('fixtool backup list'), or delete the rows by hand"
        )
    )]
    NoRecord {
        /// The run that loaded.
        run: String,
        /// The table.
        table: String,
    },
}

impl Failure for UnloadError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Ledger(error) => error.kind(),
            Self::NoRecord { .. } => FailureKind::Refused,
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_transient())
    }
}

impl Applying<'_> {
    /// Takes the rows of one table back.
    pub(super) async fn unload(&self, table: &str, swept: &[String]) -> Result<Outcome, LoadError> {
        let Some((run, step)) = self.context.undoes.clone() else {
            return Err(LoadError::Bug { message: "a load is taken back only by 'op undo'".to_owned() });
        };
        let spec = UnloadSpec {
            namespace: self.tenant.namespace.clone(),
            table: table.to_owned(),
            definition: self.table(table)?.clone(),
            run: run.clone(),
            step,
        };
        let done = match self.database.unload(&spec).await? {
            Some(done) => done,
            None if self.wrote(&run, step).await? => {
                return Err(UnloadError::NoRecord { run, table: table.to_owned() }.into());
            }
            None => Unloaded::default(),
        };
        let mut outcome = Outcome::default().with("removed", done.removed).with("restored", done.restored);
        if done.kept > 0 {
            outcome.count("kept", done.kept);
            outcome.notes.push(format!("{} rows of {table} were changed since the load and stay", done.kept));
        }
        self.bring_swept((table, swept), &run, &mut outcome).await?;
        Ok(outcome)
    }

    /// Whether a step that left no record wrote rows all the same.
    async fn wrote(&self, run: &str, step: u32) -> Result<bool, UnloadError> {
        let ledger = self.site.catalog();
        let Some(record) = ledger.run(run).await? else { return Ok(true) };
        let ended = record.steps.iter().find(|one| one.step == step).and_then(|one| one.outcome.as_ref());
        if let Some(outcome) = ended {
            let changes = ["inserted", "updated", "deleted"];
            return Ok(changes.iter().any(|name| outcome.counts.get(*name).is_some_and(|amount| *amount > 0)));
        }
        // A step that did not end may have written batches; its record went when the tenant was dropped.
        let drops = RunFilter {
            target: Some(record.start.target),
            operation: Some("tenant.drop".to_owned()),
            ..RunFilter::default()
        };
        let drops = ledger.runs(&drops).await?;
        Ok(drops.iter().any(|drop| drop.run > record.start.run && drop.undone_by.is_some()))
    }
}
