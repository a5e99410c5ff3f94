//! The one road that every command takes.
//!
//! ```text
//! operations ─▶ plans ─▶ shown ─▶ (dry run, --plan-out: the end) ─▶ consent ─▶ approved ─▶ writer ─▶ carried out
//! ```
//!
//! Below this folder the words `dry_run` do not occur.

mod carry;
mod consent;
mod plans;
mod road;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::fault::{CommandResult, Ending, Fault};
use super::flags::{FleetFlags, PlanFlags};
use super::session::Session;
use crate::console::Page;
use crate::engine::{Operation, Query, Target};

/// What the user said about how an operation is to be carried out.
#[derive(Debug, Clone)]
pub struct RunFlags {
    /// What happens to the plan.
    pub plan: PlanFlags,
    /// How it spreads over many tenants.
    pub fleet: FleetFlags,
    /// The user said which tenants, be it by id, pattern, tier, label or `--all`: `--yes` counts.
    pub target_named: bool,
}

impl RunFlags {
    /// For a command on the one tenant that was named.
    pub fn on_one(plan: &PlanFlags) -> Self {
        Self { plan: plan.clone(), fleet: FleetFlags::default(), target_named: true }
    }
}

/// How an operation is made again from what a saved plan or the ledger holds.
pub trait Rebuild: Operation + Sized {
    /// The same operation.
    fn rebuild(request: Self::Request, target: Target) -> Self;
}

/// Runs a command that only looks, and shows what it saw: `page` for people, JSON for programs.
pub async fn query<Q: Query>(
    session: &Session,
    query: &Q,
    reader: &Q::Reader,
    page: impl FnOnce(&Q::View) -> Page,
) -> CommandResult
where
    Q::View: Serialize,
{
    let view = query.observe(reader).await.map_err(Fault::from)?;
    session.console.show(Q::NAME, &view, page);
    Ok(Ending::Done)
}
