//! Seals a webhook secret of the tenant `acme`.
//!
//! The site is SQLite in `./.fixtool`, as the program uses it when nothing is configured.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::path::Path;
use std::sync::Arc;

use fixtool::backends::site::SiteOptions;
use fixtool::engine::{Consent, Recorder};
use fixtool::operations::on_site;
use fixtool::operations::tenant::credential::{CredentialRequest, SecretBytes};
use fixtool::operations::tenant::credential_set::CredentialSet;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let options = SiteOptions::in_folder(Path::new(".fixtool"))?;
    let consent = Consent::given();
    let sink = Arc::new(Recorder::default());

    let secret = SecretBytes::new(b"correct horse battery staple".to_vec())?;
    let request = CredentialRequest {
        id: "acme".parse()?,
        integration: "webhook".to_owned(),
        name: "secret".to_owned(),
        file: None,
    };
    let make = |site: &str| CredentialSet::new(request, site, Some(secret));

    let report = on_site::perform(&options, make, &consent, sink).await?;
    println!("{} of {}: {:?}", report.operation, report.target, report.status);
    for step in &report.steps {
        println!("  {}", step.label);
    }
    Ok(())
}
