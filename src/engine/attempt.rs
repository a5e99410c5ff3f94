//! One step, tried until it goes through or fails for good.

use tokio::time::Instant;

use super::retry::RetryPolicy;
use super::{Failure, Operation, Outcome, StepContext};

/// Carries out one action. A failure that passes is tried again after a while; the operation goes
/// on from its checkpoint. Tries are counted anew whenever the step came further than before.
pub(super) async fn attempt<O: Operation>(
    operation: &O,
    action: &O::Action,
    writer: &O::Writer,
    context: &StepContext,
    retry: RetryPolicy,
) -> Result<Outcome, O::Error> {
    let mut tries = 0;
    let mut failing_since = None;
    let mut furthest = 0;
    loop {
        let error = match operation.perform(action, writer, context).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        if context.done() > furthest {
            furthest = context.done();
            tries = 0;
            failing_since = None;
        }
        tries += 1;
        let since_first = failing_since.get_or_insert_with(Instant::now).elapsed();
        if !error.is_transient() || retry.is_spent(tries, since_first) {
            return Err(error);
        }
        let wait = retry.wait(tries);
        context.retried(tries, wait, &error);
        if context.cancel.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return Ok(Outcome { interrupted: true, ..Outcome::default() });
        }
    }
}
