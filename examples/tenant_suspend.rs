//! Suspends the tenant `acme`: nothing is written to it until it is resumed.
//!
//! The site is SQLite in `./.fixtool`, as the program uses it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::on_site;
use fixtool::operations::tenant::suspend::{Request, Suspend};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let consent = Consent::given();
    let sink = Arc::new(Recorder::default());

    let request = Request { id: "acme".parse()?, keep_sessions: false };
    let make = |site: &str| Suspend::new(request, site);

    let report = on_site::perform(&options, make, &consent, sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
