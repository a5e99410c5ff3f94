//! The meter and the stop of a step, as the snapshots' room knows them.

use crate::engine::StepContext;
use crate::snapshots::take::Watch;

impl Watch for StepContext {
    fn advance(&self, amount: u64) {
        Self::advance(self, amount);
    }

    fn stopped(&self) -> bool {
        self.is_cancelled()
    }
}
