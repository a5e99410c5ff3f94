//! Moves the tenant `acme` to the tier `professional`.
//!
//! The site is SQLite in `./.fixtool`, as the program uses it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::on_site;
use fixtool::operations::tenant::set_tier::{Request, SetTier};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let consent = Consent::given();
    let sink = Arc::new(Recorder::default());

    let request = Request { id: "acme".parse()?, tier: "professional".to_owned() };
    let make = |site: &str| SetTier::new(request, site);

    let report = on_site::perform(&options, make, &consent, sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
