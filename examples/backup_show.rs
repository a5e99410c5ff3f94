//! Shows what the newest snapshot of the tenant `acme` holds, table by table.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::backends::site::{SiteOptions, SiteReader};
use fixtool::engine::Query;
use fixtool::operations::backup::show::Show;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let reader = SiteReader::open(&options).await?;

    // A snapshot by the beginning of its id, a tenant, or the path of an archive.
    let view = Show { what: "acme".to_owned() }.observe(&reader).await?;

    println!("{} of {}, taken at {}", view.id, view.tenant, view.told.taken_at);
    for table in &view.tables {
        println!("{}: {} rows in {} parts", table.table, table.rows, table.parts);
    }
    reader.close().await;
    Ok(())
}
