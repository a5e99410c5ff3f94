//! Restores the newest snapshot of the tenant `acme` as another tenant, `acme-copy`.
//!
//! The snapshot is brought into a namespace of its own and compared there, row by row, before it is registered.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::backup::restore::{Request, Restore};
use fixtool::operations::on_site;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let sink = Arc::new(Recorder::default());

    // A tenant's name means its newest snapshot; an id of a snapshot or an archive's path would do as well.
    let request = Request::new("acme".to_owned(), "acme-copy".parse()?, None);
    let make = |site: &str| Restore::new(request, site);

    let report = on_site::perform(&options, make, &Consent::given(), sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
