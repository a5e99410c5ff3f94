//! Backs up the tenant `acme` of the site in `./.fixtool`, sealed if that is configured.
//!
//! The repository lies in `./.fixtool/backups`, as the program has it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::backup::create::{Create, Request};
use fixtool::operations::on_site;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let sink = Arc::new(Recorder::default());

    let request = Request::whole("acme".parse()?);
    let make = |site: &str| Create::new(request, site);

    // A backup adds to the repository and touches nothing of the tenant, so it needs no consent.
    let report = on_site::perform(&options, make, &Consent::none(), sink).await?;
    for step in &report.steps {
        let notes = step.outcome.iter().flat_map(|outcome| &outcome.notes);
        println!("{} {}", step.label, notes.cloned().collect::<String>());
    }
    Ok(())
}
