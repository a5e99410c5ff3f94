//! Lists what was run on the site in `./.fixtool`, the newest first.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::sync::Arc;

use fixtool::backends::catalog::Catalog;
use fixtool::backends::database::Access;
use fixtool::backends::database::connect::Limits;
use fixtool::engine::{Ledger, Query};
use fixtool::operations::op::log::{Log, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let address = "sqlite:.fixtool/catalog.db".parse()?;
    // A catalog that is opened for reading is never made: where there is none, nothing was run.
    let catalog = Catalog::open(&address, Access::ReadOnly, &Limits::default()).await?;
    let ledger: Arc<dyn Ledger> = Arc::new(catalog.clone());

    let log = Log { request: Request { limit: 10, ..Request::default() } };
    let view = log.observe(&ledger).await?;
    for run in &view.runs {
        println!("{}  {}  {} for {}: {}", run.run, run.started_at, run.operation, run.target, run.status.as_str());
    }
    if view.runs.is_empty() {
        println!("nothing was run");
    }
    catalog.close().await;
    Ok(())
}
