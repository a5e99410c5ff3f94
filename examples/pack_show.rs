//! Shows what the built-in pack says: its tiers, and the tables of one version.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use fixtool::engine::Query;
use fixtool::model::pack::builtin;
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::show::Show;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let packs = Packs { folder: "packs".into() };
    let version = "1.0.0".parse().map_err(|error| miette::miette!("{error}"))?;
    let show = Show { pack: builtin::DEFAULT.to_owned(), version: Some(version), table: None };
    let view = show.observe(&packs).await?;
    for (name, tier) in &view.manifest.tiers {
        let limits: Vec<String> = tier.quotas.iter().map(|(quota, limit)| format!("{quota} {limit}")).collect();
        println!("{name}: {}", limits.join(", "));
    }
    for (name, table) in &view.model.tables {
        println!("{name}: {} columns", table.columns.len());
    }
    Ok(())
}
