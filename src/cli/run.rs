//! The one road that every command takes.

use serde::Serialize;

use super::{CommandResult, Ending, Fault, Session};
use crate::console::Page;
use crate::engine::Query;

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
