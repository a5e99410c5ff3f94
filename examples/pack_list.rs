//! Lists the packs that tenants can be made from.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use fixtool::engine::Query;
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::list::List;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let packs = Packs { folder: "packs".into() };
    let view = List.observe(&packs).await?;
    for pack in &view.packs {
        let versions: Vec<String> = pack.versions.iter().map(ToString::to_string).collect();
        println!("{}: {} tables in {}, {}", pack.name, pack.tables, versions.join(", "), pack.origin);
        if let Some(problem) = &pack.problem {
            println!("  {problem}");
        }
    }
    Ok(())
}
