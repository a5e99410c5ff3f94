//! The meter and the stop of a step, as the snapshots' room knows them.

use std::sync::Arc;

use crate::engine::StepContext;
use crate::snapshots::take::Watch;
use crate::snapshots::watch;

/// Tells the step how far it came, and asks it whether to stop.
pub fn of(step: &StepContext) -> Arc<dyn Watch> {
    let (meter, ending) = (step.clone(), step.clone());
    watch::by(move |bytes| meter.advance(bytes), move || ending.is_cancelled())
}
