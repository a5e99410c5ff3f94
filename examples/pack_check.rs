//! Checks a pack, by name or folder, down to its last record of first data.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use fixtool::engine::Query;
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::check::Check;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let pack = std::env::args().nth(1).unwrap_or_else(|| "spotify-ai-agent".to_owned());
    let packs = Packs { folder: "packs".into() };
    // A pack with mistakes is an error that names each of them with file, line and column.
    let view = Check { pack }.observe(&packs).await?;
    for checked in &view.versions {
        println!(
            "{} {}: {} tables, {} steps, {} records of first data",
            view.pack, checked.version, checked.tables, checked.steps, checked.records
        );
    }
    for note in &view.notes {
        println!("note: {note}");
    }
    Ok(())
}
