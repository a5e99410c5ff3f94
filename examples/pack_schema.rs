//! Prints the JSON schema of `pack.yaml`, for an editor.
//!
//! `File::ALL` names the other kinds of files.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;

use fixtool::engine::Query;
use fixtool::model::pack::schema::File;
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::schema::Schema;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let reader = Packs { folder: Path::new(".fixtool/packs").to_owned() };

    // A query gets a session that can only read, so it works for a user who may not write.
    let query = Schema { file: File::Pack };
    let view = query.observe(&reader).await?;

    // An editor completes and checks the file with it.
    println!("{view:#}");
    assert!(view.is_object(), "a schema is an object");
    Ok(())
}
