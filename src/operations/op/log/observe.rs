//! Reads a page of the log.

use super::{LogError, LogView, Request};
use crate::engine::{Ledger, RunFilter};
use crate::operations::op::find;

pub(super) async fn observe(request: &Request, ledger: &dyn Ledger) -> Result<LogView, LogError> {
    let filter = RunFilter {
        target: request.target.clone(),
        operation: request.operation.as_deref().map(recorded),
        parent: full(ledger, request.parts_of.as_deref()).await?,
        status: request.status,
        before: full(ledger, request.before.as_deref()).await?,
        // What was done to one tenant is wanted whether it was done alone or with others.
        top: !request.with_parts && request.parts_of.is_none() && request.target.is_none(),
        limit: Some(request.limit.saturating_add(1)),
    };
    let mut runs = ledger.runs(&filter).await?;
    let most = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let more = runs.len() > most;
    runs.truncate(most);
    Ok(LogView { runs, more })
}

/// `data load`, as it is typed, is `data.load` in the ledger.
fn recorded(operation: &str) -> String {
    operation.split_whitespace().collect::<Vec<_>>().join(".")
}

async fn full(ledger: &dyn Ledger, run: Option<&str>) -> Result<Option<String>, LogError> {
    match run {
        Some(run) => Ok(Some(find(ledger, Some(run)).await?.start.run)),
        None => Ok(None),
    }
}
