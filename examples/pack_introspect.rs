//! Plans a pack that describes the structure of the tenant `acme` as it is now.

#![expect(clippy::print_stdout, reason = "an example shows what it plans")]

use std::path::Path;

use fixtool::backends::database::connect::{self, Limits};
use fixtool::engine::{Action, draft};
use fixtool::model::{Namespace, Version};
use fixtool::operations::pack::introspect::{Introspect, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let address = "sqlite:.fixtool/catalog.db".parse()?;
    let reader = connect::reader(&address, &Limits::default()).await?;
    let operation = Introspect::new(Request {
        namespace: Namespace("tenant_acme".to_owned()),
        name: "acme".to_owned(),
        version: Version { major: 1, minor: 0, patch: 0 },
        folder: Path::new("acme-pack").to_owned(),
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
