//! Loads a CSV file into a tenant of the site in `./.fixtool`: plan, approval, and only then a writer.
//!
//! cargo run --example data_load -- acme users.csv

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::sync::Arc;

use fixtool::backends::site::{SiteReader, SiteWriter};
use fixtool::engine::{Consent, Environment, Recorder, carry_out, prepare};
use fixtool::operations::data::load::{Load, Request};

#[path = "support/site.rs"]
mod site;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(tenant), Some(file)) = (words.next(), words.next()) else {
        println!("usage: data_load TENANT FILE");
        return Ok(());
    };
    let options = site::options();
    let reader = SiteReader::open(&options).await?;
    let request = Request::of_file(tenant.parse()?, file.into(), reader.state());
    let load = Arc::new(Load::new(request, reader.site_id()));

    let prepared = prepare(load.as_ref(), &reader, reader.catalog()).await?;
    for step in &prepared.plan.steps {
        println!("{step:?}");
    }
    let approved = prepared.plan.approve(&Consent::given(), &prepared.freshness)?;

    let writer = SiteWriter::open(&options).await?;
    let environment: Environment = site::environment(&writer, Arc::new(Recorder::default()));
    let report = carry_out(load, approved, writer.clone(), environment).await?;
    println!("{:?}: {:?}", report.status, report.totals());
    writer.close().await;
    Ok(())
}
