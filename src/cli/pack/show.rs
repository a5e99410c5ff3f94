//! `fixtool pack show`: what the user may type.

use crate::cli::{CommandResult, Session, run};
use crate::console::{Page, Table};
use crate::model::Version;
use crate::model::pack::builtin;
use crate::operations::pack::show::{Show, View};

const EXAMPLES: &str = "Examples:
  fixtool pack show
  fixtool pack show spotify-ai-agent --version 1.0.0
  fixtool pack show spotify-ai-agent --table users
  fixtool pack show ./packs/mine -o json
";

/// Show what a pack says: tiers, roles, versions, tables
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// The pack's name, or its folder
    #[arg(value_name = "PACK", default_value = builtin::DEFAULT)]
    pack: String,
    /// Show the tables of this version; of the newest by default
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    /// Show the columns of this table or data type
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
}

/// Runs the command.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let columns = args.table.is_some();
    let query = Show { pack: args.pack, version: args.version, table: args.table };
    run::query(session, &query, &super::packs(session), |view| if columns { table(view) } else { page(view) }).await
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    let manifest = &view.manifest;
    page.heading(&format!("{} ({})", manifest.title, manifest.name));
    if let Some(description) = &manifest.description {
        page.line(description);
    }
    tiers(view, &mut page);
    page.heading("Roles");
    page.facts(manifest.roles.iter().map(|(name, role)| (name, role.permissions.join(", "))));
    page.heading("Integrations");
    page.facts(manifest.integrations.iter().map(|(name, of)| (name, format!("needs {}", of.credentials.join(", ")))));
    page.heading("Versions");
    let mut versions = Table::new(&["version", "tables", "steps", "first data", "brings"]);
    for release in &view.releases {
        versions.row([
            release.version.to_string(),
            release.tables.to_string(),
            release.steps.to_string(),
            release.first_data.join(" "),
            release.title.clone().unwrap_or_else(|| "the base".to_owned()),
        ]);
    }
    page.table(versions);
    page.heading(&format!("Tables of {}", view.version));
    let mut tables = Table::new(&["table", "loaded as", "columns", "points at", "holds"]);
    for (name, table) in &view.model.tables {
        let mut targets: Vec<String> = table.all_foreign_keys().into_iter().map(|key| key.table).collect();
        targets.dedup();
        tables.row([
            name.as_str(),
            &table.data_types.join(" "),
            &table.columns.len().to_string(),
            &targets.join(" "),
            table.comment.as_deref().unwrap_or_default(),
        ]);
    }
    page.table(tables);
    page
}

fn tiers(view: &View, page: &mut Page) {
    let manifest = &view.manifest;
    if manifest.tiers.is_empty() {
        return;
    }
    page.heading("Tiers");
    let mut titles = vec![""];
    titles.extend(manifest.tiers.keys().map(String::as_str));
    let mut table = Table::new(&titles);
    for (name, quota) in &manifest.quotas {
        let limits =
            manifest.tiers.values().map(|tier| tier.quotas.get(name).map(ToString::to_string).unwrap_or_default());
        table.row([quota.title.clone()].into_iter().chain(limits));
    }
    let policies = manifest.tiers.values().map(|tier| &tier.policy);
    let yes = |flag: bool| (if flag { "yes" } else { "no" }).to_owned();
    let mut row = |title: &str, cells: Vec<String>| table.row([title.to_owned()].into_iter().chain(cells));
    row("Backups kept, days", policies.clone().map(|policy| policy.backup_retention_days.to_string()).collect());
    row("Second factor required", policies.clone().map(|policy| yes(policy.mfa_required)).collect());
    row("Audit log", policies.map(|policy| yes(policy.audit_logging)).collect());
    page.table(table);
}

fn table(view: &View) -> Page {
    let mut page = Page::new();
    for (name, table) in &view.model.tables {
        page.heading(&format!("{name} in {} {}", view.manifest.name, view.version));
        let mut columns = Table::new(&["column", "type", "required", "default", "unique", "points at"]);
        for (column, definition) in &table.columns {
            let key = table.primary_key.contains(column);
            let yes = |flag: bool| if flag { "yes" } else { "" };
            columns.row([
                column.as_str(),
                &definition.logical.to_string(),
                yes(definition.required || key),
                definition.default.as_deref().unwrap_or_default(),
                yes(definition.unique || table.primary_key == [column.as_str()]),
                definition.references.as_deref().unwrap_or_default(),
            ]);
        }
        page.table(columns);
        let keys = |keys: &[Vec<String>]| keys.iter().map(|key| key.join(", ")).collect::<Vec<_>>().join("; ");
        let facts = [
            ("primary key", table.primary_key.join(", ")),
            ("unique together", keys(&table.unique)),
            ("indexes", keys(&table.index)),
            ("loaded as", table.data_types.join(", ")),
        ];
        page.facts(facts.into_iter().filter(|(_, value)| !value.is_empty()));
    }
    page
}
