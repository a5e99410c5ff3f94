//! `op verify`: whether the log is what was written.

mod observe;

use std::sync::Arc;

use crate::engine::ledger::ChainReport;
use crate::engine::{Ledger, LedgerError, Query};

/// The query `op.verify`.
#[derive(Debug, Clone, Default)]
pub struct Verify {
    /// The digest of an entry that was the last one at some time, written down elsewhere: it must be there still.
    pub expect_head: Option<String>,
}

impl Query for Verify {
    const NAME: &'static str = "op.verify";
    type Reader = Arc<dyn Ledger>;
    type View = ChainReport;
    type Error = LedgerError;

    async fn observe(&self, ledger: &Arc<dyn Ledger>) -> Result<ChainReport, LedgerError> {
        observe::observe(self, ledger.as_ref()).await
    }
}
