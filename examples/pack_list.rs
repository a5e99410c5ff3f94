//! Lists the packs that are built in and those below `./.fixtool/packs`.
//!
//! A folder with the name of a built-in pack is not listed: the built-in one is meant by that name.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::engine::Query;
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::list::List;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let reader = Packs { folder: Path::new(".fixtool/packs").to_owned() };

    // A query gets a session that can only read, so it works for a user who may not write.
    let query = List;
    let view = query.observe(&reader).await?;

    for pack in &view.packs {
        println!("{pack:?}");
    }
    println!("{} packs", view.packs.len());
    Ok(())
}
