//! Gives the tenant `acme` a new key, for whom the configuration names.
//!
//! The site is SQLite in `./.fixtool`, as the program uses it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::backup::key_rotate::{KeyRotate, Request};
use fixtool::operations::on_site;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let mut options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    options.backups.identities = vec!["backup-key.txt".into()];
    options.backups.recipients = vec!["age1rxr4lhsuspzh92np74hpue3zq63kzfejhc3hpqwtclwzg7vpdpwqse2z8d".to_owned()];
    let consent = Consent::given();
    let sink = Arc::new(Recorder::default());

    let request = Request { id: "acme".parse()? };
    let make = |site: &str| KeyRotate::new(request, site);

    let report = on_site::perform(&options, make, &consent, sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
