//! The operation log: [`Ledger`] on the catalog.

use async_trait::async_trait;

use super::Catalog;
use super::runs::Change;
use crate::engine::ledger::{ChainReport, Standing};
use crate::engine::{Ledger, LedgerError, Outcome, RunFilter, RunRecord, RunStart, RunStatus, RunSummary};

#[async_trait]
impl Ledger for Catalog {
    async fn begin(&self, start: &RunStart) -> Result<(), LedgerError> {
        Ok(self.appender()?.append(Change::Begin(Box::new(start.clone()))).await?)
    }

    async fn resumed(&self, run: &str, actor: &str) -> Result<(), LedgerError> {
        Ok(self.appender()?.append(Change::Resumed { run: run.to_owned(), actor: actor.to_owned() }).await?)
    }

    async fn step_started(&self, run: &str, step: u32, label: &str) -> Result<(), LedgerError> {
        let change = Change::StepStarted { run: run.to_owned(), step, label: label.to_owned() };
        Ok(self.appender()?.append(change).await?)
    }

    async fn step_finished(&self, run: &str, step: u32, outcome: &Outcome) -> Result<(), LedgerError> {
        let change = Change::StepFinished { run: run.to_owned(), step, outcome: Box::new(outcome.clone()) };
        Ok(self.appender()?.append(change).await?)
    }

    async fn step_failed(&self, run: &str, step: u32, code: &str, message: &str) -> Result<(), LedgerError> {
        let (code, message) = (code.to_owned(), message.to_owned());
        Ok(self.appender()?.append(Change::StepFailed { run: run.to_owned(), step, code, message }).await?)
    }

    async fn end(&self, run: &str, status: RunStatus) -> Result<(), LedgerError> {
        Ok(self.appender()?.append(Change::End { run: run.to_owned(), status }).await?)
    }

    async fn applied(&self, plan_digest: &str) -> Result<Option<String>, LedgerError> {
        Ok(self.run_of_plan(plan_digest).await?)
    }

    async fn run(&self, id: &str) -> Result<Option<RunRecord>, LedgerError> {
        Ok(self.run_by_prefix(id).await?)
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, LedgerError> {
        Ok(self.list_runs(filter).await?)
    }

    async fn standing(&self, target: &str) -> Result<Option<Standing>, LedgerError> {
        Ok(self.standing_of(target).await?)
    }

    async fn is_another(&self, run: &str) -> Result<bool, LedgerError> {
        Ok(self.is_another_tenant(run).await?)
    }

    async fn verify(&self) -> Result<ChainReport, LedgerError> {
        Ok(self.prove().await?)
    }

    async fn entry_of(&self, digest: &str) -> Result<Option<u64>, LedgerError> {
        Ok(self.place_of(digest).await?)
    }
}
