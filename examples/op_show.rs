//! Shows the newest run on the site in `./.fixtool`: its steps, and what can be done with it.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::sync::Arc;

use fixtool::backends::catalog::Catalog;
use fixtool::backends::database::Access;
use fixtool::backends::database::connect::Limits;
use fixtool::engine::{Ledger, Query};
use fixtool::operations::op::FindError;
use fixtool::operations::op::show::Show;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let address = "sqlite:.fixtool/catalog.db".parse()?;
    let catalog = Catalog::open(&address, Access::ReadOnly, &Limits::default()).await?;
    let ledger: Arc<dyn Ledger> = Arc::new(catalog.clone());

    // `None` is the newest run; the beginning of an id is enough to name another.
    match (Show { run: None }).observe(&ledger).await {
        Ok(view) => {
            println!("{} for {}: {}", view.operation, view.target, view.status.as_str());
            for step in &view.steps {
                println!("  {}: {:?} {:?}", step.label, step.state, step.counts);
            }
            view.next.iter().for_each(|command| println!("next: {command}"));
        }
        Err(FindError::Nothing) => println!("nothing was run"),
        Err(error) => return Err(error.into()),
    }
    catalog.close().await;
    Ok(())
}
