//! Follows the hash chain from the first entry to the last.

use crate::engine::ledger::ChainReport;
use crate::engine::{Ledger, LedgerError};

pub(super) async fn observe(ledger: &dyn Ledger) -> Result<ChainReport, LedgerError> {
    ledger.verify().await
}
