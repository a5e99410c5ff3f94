//! Destroys the key of the tenant `acme`: nothing opens its sealed backups any more.
//!
//! The site is SQLite in `./.fixtool`, as the program uses it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::backup::key_destroy::{KeyDestroy, Request};
use fixtool::operations::on_site;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let consent = Consent::given().confirming(["acme".to_owned()]);
    let sink = Arc::new(Recorder::default());

    let request = Request { id: "acme".parse()? };
    let make = |site: &str| KeyDestroy::new(request, site);

    let report = on_site::perform(&options, make, &consent, sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
