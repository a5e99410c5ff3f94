//! Shows the versions and tables of the built-in pack.
//!
//! Later versions are derived: the base model with all migrations up to them.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::engine::Query;
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::show::Show;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let reader = Packs { folder: Path::new(".fixtool/packs").to_owned() };

    // A query gets a session that can only read, so it works for a user who may not write.
    let query = Show { pack: "spotify-ai-agent".to_owned(), ..Show::default() };
    let view = query.observe(&reader).await?;

    println!("{}: {} versions", view.manifest.name, view.releases.len());
    for (name, table) in &view.model.tables {
        println!("{name}: {} columns", table.columns.len());
    }
    Ok(())
}
