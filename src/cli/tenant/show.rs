//! `fixtool tenant show`: what the user may type.

use crate::cli::fault::CommandResult;
use crate::cli::run;
use crate::cli::session::Session;
use crate::console::{Page, Table};
use crate::model::TenantId;
use crate::model::size::bytes;
use crate::operations::tenant::show::{Show, View};

const EXAMPLES: &str = "Examples:
  fixtool tenant show acme
  fixtool tenant show acme -o json
";

/// Show everything about a tenant: tables, quotas, roles, credentials, last runs
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
    run::query(session, &Show { id }, &reader, page).await
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    page.facts(facts(view));
    if !view.tables.is_empty() {
        page.heading("Tables");
        let mut table = Table::new(&["table", "rows", "size"]);
        for found in &view.tables {
            table.row([found.table.as_str(), &found.rows.to_string(), &size(found.bytes)]);
        }
        page.table(table);
    }
    if !view.usage.is_empty() {
        page.heading("Quotas");
        page.facts(view.usage.iter().map(|quota| {
            let limit = quota.limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
            (quota.quota.as_str(), format!("{} of {limit}", quota.used))
        }));
    }
    if !view.credentials.is_empty() {
        page.heading("Credentials");
        page.facts(view.credentials.iter().map(|c| (c.name.as_str(), format!("sealed, generation {}", c.generation))));
    }
    if !view.runs.is_empty() {
        page.heading("Last runs");
        let mut table = Table::new(&["run", "operation", "status", "began"]);
        for run in &view.runs {
            let short: String = run.run.chars().take(16).collect();
            table.row([short.as_str(), &run.operation, run.status.as_str(), &run.started_at]);
        }
        page.table(table);
    }
    page
}

fn facts(view: &View) -> Vec<(&'static str, String)> {
    let tenant = &view.tenant;
    let mut facts = vec![
        ("tenant", tenant.id.to_string()),
        ("status", tenant.status.to_string()),
        ("tier", tenant.tier.clone()),
        ("pack", format!("{} {}", tenant.pack, tenant.version)),
        ("namespace", format!("{} in {}", tenant.namespace, view.address)),
    ];
    if !view.exists {
        facts.push(("missing", "its namespace is not there".to_owned()));
    }
    if tenant.adopted {
        facts.push(("adopted", "yes".to_owned()));
    }
    if let Some(email) = &tenant.admin_email {
        facts.push(("administrator", email.clone()));
    }
    if !tenant.labels.is_empty() {
        let labels: Vec<String> = tenant.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        facts.push(("labels", labels.join(" ")));
    }
    if let Some(roles) = &view.roles {
        facts.push(("database roles", format!("{}, {}, {}", roles.owner, roles.read_write, roles.read_only)));
    }
    if let Some(holder) = &view.held_by {
        facts.push(("at work", format!("{} ({}), run {}", holder.operation, holder.holder, holder.run)));
    }
    facts.push(("registered", tenant.created_at.clone()));
    facts
}

fn size(amount: u64) -> String {
    if amount == 0 { "-".to_owned() } else { bytes(amount) }
}
