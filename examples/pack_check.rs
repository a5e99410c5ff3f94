//! Checks the built-in pack down to its first data.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::engine::Query;
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::check::Check;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let reader = Packs { folder: Path::new(".fixtool/packs").to_owned() };

    // A query gets a session that can only read, so it works for a user who may not write.
    let query = Check { pack: "spotify-ai-agent".to_owned() };
    let view = query.observe(&reader).await?;

    println!("{} is right, digest {}", view.pack, view.digest);
    for version in &view.versions {
        println!("{}: {} tables, {} records", version.version, version.tables, version.records);
    }
    Ok(())
}
