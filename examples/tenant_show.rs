//! Shows the tables and quotas of the tenant `acme`.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::backends::site::{SiteOptions, SiteReader};
use fixtool::engine::Query;
use fixtool::operations::tenant::show::Show;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let reader = SiteReader::open(&options).await?;

    // A query gets a session that can only read, so it works for a user who may not write.
    let query = Show { id: "acme".parse()? };
    let view = query.observe(&reader).await?;

    println!("{} lives at {}", view.tenant.id, view.address);
    for table in &view.tables {
        println!("{}: {} rows", table.table, table.rows);
    }
    reader.close().await;
    Ok(())
}
