//! `op log`: what was run, the newest first.

mod error;
mod observe;

use std::sync::Arc;

use serde::Serialize;

pub use error::LogError;

use crate::engine::{Ledger, Query, RunStatus, RunSummary};

/// What the user wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Only runs on this tenant.
    pub target: Option<String>,
    /// Only runs of this operation, `data.load` or as typed: `data load`.
    pub operation: Option<String>,
    /// Only runs that stand like this.
    pub status: Option<RunStatus>,
    /// Only the parts of this run over many tenants, by its id or the beginning of it.
    pub parts_of: Option<String>,
    /// Parts of runs over many tenants as well as the runs themselves.
    pub with_parts: bool,
    /// Only runs that began before this one, by its id or the beginning of it.
    pub before: Option<String>,
    /// At most so many.
    pub limit: u32,
}

impl Default for Request {
    /// The last twenty.
    fn default() -> Self {
        Self { target: None, operation: None, status: None, parts_of: None, with_parts: false, before: None, limit: 20 }
    }
}

/// What was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogView {
    /// The runs, the newest first.
    pub runs: Vec<RunSummary>,
    /// Whether there are older ones.
    pub more: bool,
}

/// The query `op.log`.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// What the user wants to see.
    pub request: Request,
}

impl Query for Log {
    const NAME: &'static str = "op.log";
    type Reader = Arc<dyn Ledger>;
    type View = LogView;
    type Error = LogError;

    async fn observe(&self, ledger: &Arc<dyn Ledger>) -> Result<LogView, LogError> {
        observe::observe(&self.request, ledger.as_ref()).await
    }
}
