//! Makes the tenant `acme` with first data and an administrator.
//!
//! The site is SQLite in `./.fixtool`, as the program uses it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::on_site;
use fixtool::operations::tenant::init::{Init, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let consent = Consent::given();
    let sink = Arc::new(Recorder::default());

    let request = Request {
        id: "acme".parse()?,
        pack: "spotify-ai-agent".to_owned(),
        version: None,
        tier: "enterprise".to_owned(),
        placement: "main".to_owned(),
        labels: [("region".to_owned(), "eu".to_owned())].into(),
        admin_email: Some("ada@example.com".to_owned()),
        initialize_data: true,
    };
    let make = |site: &str| Init::new(request, site);

    let report = on_site::perform(&options, make, &consent, sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
