//! How far a step came: the row that is written in the same transaction as the rows it speaks of.

use serde::{Deserialize, Serialize};

/// The last durable position of one step of one run.
///
/// It is stored in `_fixtool_checkpoint` inside the tenant's own namespace, so that after a
/// `kill -9` no batch is lost or done twice, whatever database the catalog is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The run that the step belongs to.
    pub run: String,
    /// The step's place in the plan, from zero.
    pub step: u32,
    /// Units done, in the step's own unit (records of the source for a load).
    pub position: u64,
    /// Whether the step was completed by the transaction that wrote this row.
    pub finished: bool,
    /// What the step must know to go on: counts so far, the transaction ids it used.
    pub state: serde_json::Value,
}
