//! `fixtool tenant credential list`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::run;
use crate::cli::session::Session;
use crate::console::{Page, Table};
use crate::model::TenantId;
use crate::operations::tenant::credential_list::{CredentialList, View};

const EXAMPLES: &str = "Examples:
  fixtool tenant credential list acme
  fixtool tenant credential list acme -o json
";

/// List which secrets a tenant has, and which its integrations still need
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The tenant
    #[arg(value_name = "ID")]
    id: TenantId,
}

/// Runs it.
pub async fn run(Args { id }: Args, session: &Session) -> CommandResult {
    let reader = session.reader().await?;
    run::query(session, &CredentialList { id }, &reader, page).await
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    if view.credentials.is_empty() {
        page.line(&format!("{} has no credentials", view.tenant));
    } else {
        let mut table = Table::new(&["credential", "generation", "set"]);
        for credential in &view.credentials {
            table.row([credential.name.as_str(), &credential.generation.to_string(), &credential.set_at]);
        }
        page.table(table);
    }
    if !view.missing.is_empty() {
        page.line(&format!("not set: {}", view.missing.join(", ")));
    }
    page
}
