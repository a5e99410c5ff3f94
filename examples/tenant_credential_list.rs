//! Lists the credentials of the tenant `acme`, without their secrets.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::backends::site::{SiteOptions, SiteReader};
use fixtool::engine::Query;
use fixtool::operations::tenant::credential_list::CredentialList;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let reader = SiteReader::open(&options).await?;

    // A query gets a session that can only read, so it works for a user who may not write.
    let query = CredentialList { id: "acme".parse()? };
    let view = query.observe(&reader).await?;

    for credential in &view.credentials {
        println!("{credential:?}");
    }
    for name in &view.missing {
        println!("missing: {name}");
    }
    reader.close().await;
    Ok(())
}
