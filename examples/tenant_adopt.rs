//! Takes over a schema or file that exists already as the tenant `acme`.
//!
//! The site is SQLite in `./.fixtool`, as the program uses it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::model::Namespace;
use fixtool::operations::on_site;
use fixtool::operations::tenant::adopt::{Adopt, Request};

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let consent = Consent::given();
    let sink = Arc::new(Recorder::default());

    let request = Request {
        id: "acme".parse()?,
        namespace: Namespace("tenant_old".to_owned()),
        pack: "spotify-ai-agent".to_owned(),
        version: None,
        tier: "enterprise".to_owned(),
        placement: "main".to_owned(),
        labels: std::collections::BTreeMap::new(),
    };
    let make = |site: &str| Adopt::new(request, site);

    let report = on_site::perform(&options, make, &consent, sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
