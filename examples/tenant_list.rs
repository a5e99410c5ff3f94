//! Lists the tenants of the site in `./.fixtool`.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::backends::site::{SiteOptions, SiteReader};
use fixtool::engine::Query;
use fixtool::operations::tenant::list::List;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let reader = SiteReader::open(&options).await?;

    // A query gets a session that can only read, so it works for a user who may not write.
    let query = List::default();
    let view = query.observe(&reader).await?;

    for tenant in &view.tenants {
        println!("{}  {}  {} {}  {}", tenant.id, tenant.tier, tenant.pack, tenant.version, tenant.status);
    }
    if view.tenants.is_empty() {
        println!("there are no tenants");
    }
    reader.close().await;
    Ok(())
}
