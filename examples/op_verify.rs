//! Proves that the log of the site in `./.fixtool` is what was written.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::sync::Arc;

use fixtool::backends::catalog::Catalog;
use fixtool::backends::database::Access;
use fixtool::backends::database::connect::Limits;
use fixtool::engine::{Ledger, Query};
use fixtool::operations::op::verify::Verify;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let address = "sqlite:.fixtool/catalog.db".parse()?;
    let catalog = Catalog::open(&address, Access::ReadOnly, &Limits::default()).await?;
    let ledger: Arc<dyn Ledger> = Arc::new(catalog.clone());

    let report = Verify::default().observe(&ledger).await?;
    println!("{} entries", report.entries);
    for damage in &report.damage {
        println!("entry {}: {}", damage.entry, damage.what);
    }
    // Kept elsewhere, the head proves later that nothing was cut off.
    if let Some(head) = &report.head {
        println!("head {head}");
    }
    catalog.close().await;
    Ok(())
}
