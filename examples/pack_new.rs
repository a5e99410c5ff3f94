//! Plans a new pack in `./my-pack`, a copy of the built-in one.

#![expect(clippy::print_stdout, reason = "an example shows what it plans")]

use std::path::Path;

use fixtool::engine::{Action, draft};
use fixtool::operations::pack::Packs;
use fixtool::operations::pack::new::{New, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let reader = Packs { folder: Path::new(".fixtool/packs").to_owned() };
    let operation = New::of(Request {
        name: "my-pack".to_owned(),
        folder: Some(Path::new("my-pack").to_owned()),
        from: Some("spotify-ai-agent".to_owned()),
    });

    // Observed and decided, and no more: nothing is written before a plan is approved.
    let (_, plan) = draft(&operation, &reader).await?;
    for step in &plan.steps {
        println!("{}", step.action.describe());
    }
    for note in &plan.notes {
        println!("note: {note}");
    }
    Ok(())
}
