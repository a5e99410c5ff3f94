//! The meter and the stop of a step, as the snapshots' room knows them.

use std::sync::Arc;

use crate::engine::StepContext;
use crate::snapshots::take::Watch;

struct OfStep(StepContext);

impl Watch for OfStep {
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }

    fn stopped(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Tells the step how far it came, and asks it whether to stop.
pub fn of(step: &StepContext) -> Arc<dyn Watch> {
    Arc::new(OfStep(step.clone()))
}
