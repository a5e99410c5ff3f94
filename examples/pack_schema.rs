//! Prints the JSON schema of `model.yaml`, with which an editor completes and checks the file.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use fixtool::engine::Query;
use fixtool::model::pack::schema::File;
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::schema::Schema;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let packs = Packs { folder: "packs".into() };
    let schema = Schema { file: File::Model }.observe(&packs).await?;
    println!("{schema:#}");
    Ok(())
}
