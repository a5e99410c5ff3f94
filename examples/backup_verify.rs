//! Reads every byte of the newest snapshot of the tenant `acme`, and keeps the result in the repository.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::backup::verify::{Request, Verify};
use fixtool::operations::on_site;
use fixtool::snapshots::verified::Level;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let sink = Arc::new(Recorder::default());

    let request =
        Request { id: "acme".parse()?, snapshot: None, archive: None, newest: true, level: Level::Data, max_age: None };
    let make = |site: &str| Verify::new(request, site);

    // Damage is an error, with each damaged part in its message.
    let report = on_site::perform(&options, make, &Consent::none(), sink).await?;
    for step in &report.steps {
        println!("{}: all is well", step.label);
    }
    Ok(())
}
