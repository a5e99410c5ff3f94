//! Follows the hash chain from the first entry to the last.

use super::Verify;
use crate::engine::ledger::{ChainDamage, ChainReport};
use crate::engine::{Ledger, LedgerError};

pub(super) async fn observe(verify: &Verify, ledger: &dyn Ledger) -> Result<ChainReport, LedgerError> {
    let mut report = ledger.verify().await?;
    let Some(expected) = &verify.expect_head else { return Ok(report) };
    // The whole chain was proved, so an entry that has this digest stands where it stood.
    if ledger.entry_of(expected).await?.is_none() {
        let what = format!("no entry has the expected digest {expected}: the end was cut off, or it is another log");
        report.damage.push(ChainDamage { entry: report.entries + 1, run: None, what });
    }
    Ok(report)
}
