//! Removes the snapshots of the tenant `acme` that are neither the newest three nor younger than a week.
//!
//! The site is SQLite in `./.fixtool`, as the program uses it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::backup::prune::{Prune, Request};
use fixtool::operations::on_site;
use fixtool::snapshots::retention::Policy;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let consent = Consent::given().confirming(["acme".to_owned()]);
    let sink = Arc::new(Recorder::default());

    let week = Duration::from_hours(7 * 24);
    let policy = Policy { last: 3, within: Some(week), ..Policy::default() };
    let request = Request { id: "acme".parse()?, policy: Some(policy) };
    let make = |site: &str| Prune::new(request, site);

    let report = on_site::perform(&options, make, &consent, sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
