//! Copies the tenant `acme` into a new one, `acme-tests`, with personal data masked.
//!
//! All rows are of one moment, and go from database to database without touching the disk in between.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::on_site;
use fixtool::operations::tenant::clone::{CloneTenant, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let sink = Arc::new(Recorder::default());

    let (id, to) = ("acme".parse()?, "acme-tests".parse()?);
    let request = Request { id, to, placement: None, tier: None, mask_pii: true };
    let make = |site: &str| CloneTenant::new(request, site);

    let report = on_site::perform(&options, make, &Consent::given(), sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
