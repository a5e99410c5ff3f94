//! What the commands about keys share: what they look at, and the two things that they do.
//!
//! A change of administrators is a plan of small steps: at most one new generation, and one step for each older
//! generation that is sealed for others. Each can be made again, so a run that was stopped goes on.

mod action;
mod observe;

pub use action::Action;
pub use observe::{Generation, Snapshot};

pub(super) use action::perform;
pub(super) use observe::observe;
