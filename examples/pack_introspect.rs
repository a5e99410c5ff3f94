//! Shows the pack that a schema would become, and writes nothing: `pack_introspect URL SCHEMA`.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use fixtool::backends::database::address::Address;
use fixtool::backends::database::connect::{self, Limits};
use fixtool::engine::draft;
use fixtool::model::{Namespace, Version};
use fixtool::operations::pack::introspect::{Introspect, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let mut words = std::env::args().skip(1);
    let address: Address = words.next().unwrap_or_else(|| "sqlite:.fixtool".to_owned()).parse()?;
    let schema = words.next().unwrap_or_else(|| "tenant_acme".to_owned());
    let reader = connect::reader(&address, &Limits::default()).await?;
    let request = Request {
        namespace: Namespace(schema),
        name: "example".to_owned(),
        version: Version { major: 1, minor: 0, patch: 0 },
        folder: "packs/example".into(),
    };
    let (_, plan) = draft(&Introspect::new(request), &reader).await?;
    for step in &plan.steps {
        println!("{}:\n{}", step.action.path, step.action.content);
    }
    for note in &plan.notes {
        println!("note: {note}");
    }
    reader.close().await;
    Ok(())
}
