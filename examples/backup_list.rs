//! Lists the snapshots of all tenants, those that are gone included.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::backends::site::{SiteOptions, SiteReader};
use fixtool::engine::Query;
use fixtool::operations::backup::list::List;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let reader = SiteReader::open(&options).await?;

    let view = List::default().observe(&reader).await?;
    for snapshot in &view.snapshots {
        // Without a key, what a sealed snapshot holds stays unknown; that it exists does not.
        let rows = snapshot.told.as_ref().map_or_else(|| "sealed".to_owned(), |told| format!("{} rows", told.rows));
        println!("{} {}: {rows}", snapshot.tenant, snapshot.id);
    }
    if view.snapshots.is_empty() {
        println!("no snapshots");
    }
    reader.close().await;
    Ok(())
}
