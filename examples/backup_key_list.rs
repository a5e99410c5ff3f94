//! Lists who can open the backups of all tenants, those that are gone included.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::backends::site::{SiteOptions, SiteReader};
use fixtool::engine::Query;
use fixtool::operations::backup::key_list::KeyList;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let reader = SiteReader::open(&options).await?;

    let view = KeyList::default().observe(&reader).await?;
    for tenant in &view.tenants {
        for one in &tenant.generations {
            let who: Vec<&str> = one.recipients.iter().map(|recipient| recipient.key.as_str()).collect();
            println!("{} {}: {}", tenant.tenant, one.generation, who.join(", "));
        }
    }
    if view.tenants.is_empty() {
        println!("no keys");
    }
    reader.close().await;
    Ok(())
}
