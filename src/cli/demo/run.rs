//! `fixtool demo run`: what the user may type.

use clap::ValueEnum;
use serde::Serialize;

use super::error::DemoError;
use super::records;
use super::scene::Scene;
use super::script::{Line, Names};
use crate::cli::fault::{CommandResult, Ending, Fault};
use crate::cli::{Session, exit_code};
use crate::console::{Page, Table, Tone};
use crate::engine::{Ledger, Query, RunFilter};
use crate::model::TenantId;
use crate::model::pack::builtin;
use crate::model::sample::Sample;
use crate::operations::backup::list::List;
use crate::snapshots::manifest::Kind;

const EXAMPLES: &str = "Examples:
  fixtool demo run complete-workflow
  fixtool demo run complete-workflow --records 100000 --seed 7
  fixtool demo run complete-workflow --dry-run
";

/// Run a scenario: every line that it prints is a command that it really carries out
///
/// It works on the configured database, or, when none is configured, on SQLite in a temporary folder. It makes a tenant
/// of its own and leaves nothing of it behind, also when it fails or is stopped.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Which scenario
    #[arg(value_name = "SCENARIO", value_enum)]
    scenario: Scenario,
    /// The tenant to make; one that exists is never touched
    #[arg(short, long, value_name = "ID", alias = "tenant-id")]
    tenant: Option<TenantId>,
    /// How many records to make up, over all tables
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    records: u32,
    /// The same seed makes the same records
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many tenants, for scenarios that make several
    #[arg(long, value_name = "N", default_value_t = 3, hide_short_help = true)]
    tenant_count: u32,
    /// Only print the commands
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Accepted for scripts: the demonstration asks nothing, since it touches only what it made
    #[arg(short, long, hide = true)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Make a tenant, load records, back up, change, restore, compare, undo, drop
    CompleteWorkflow,
    /// Not available yet
    PerformanceBenchmark,
    /// Not available yet
    IntegrationTests,
    /// Not available yet
    FullDemo,
}

impl Scenario {
    fn name(self) -> &'static str {
        match self {
            Self::CompleteWorkflow => "complete-workflow",
            Self::PerformanceBenchmark => "performance-benchmark",
            Self::IntegrationTests => "integration-tests",
            Self::FullDemo => "full-demo",
        }
    }
}

#[derive(Debug, Serialize)]
struct View {
    scenario: &'static str,
    tenant: String,
    records: u64,
    /// `temporary` or `configured`.
    database: &'static str,
    steps: Vec<Step>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Step {
    command: String,
    seconds: f64,
}

/// Runs the command.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    if args.scenario != Scenario::CompleteWorkflow {
        return Err(DemoError::NotYet { scenario: args.scenario.name() }.into());
    }
    let tenant = match &args.tenant {
        Some(tenant) => tenant.clone(),
        None => format!("demo-{:08x}", fastrand::u32(..)).parse()?,
    };
    if args.dry_run {
        return Ok(tell(&args, &tenant, session));
    }
    let copy: TenantId = copy_of(&tenant).parse()?;
    let mut scene = Scene::set(session, [tenant.clone(), copy]).await?;
    let database = if scene.own_database() { "temporary" } else { "configured" };
    let played = play(&args, &tenant, &mut scene).await;
    let steps: Vec<Step> = scene
        .done
        .iter()
        .map(|done| Step { command: done.command.clone(), seconds: done.time.as_secs_f64() })
        .collect();
    let struck = scene.strike().await;
    let records = match played {
        Ok(records) => records,
        Err(ended) => {
            if let Err(fault) = struck {
                session.console.failure(fault.failure(), exit_code::of_kind(fault.kind()));
            }
            return ended;
        }
    };
    struck?;
    let seconds = steps.iter().map(|step| step.seconds).sum();
    let view = View { scenario: args.scenario.name(), tenant: tenant.to_string(), records, database, steps, seconds };
    session.console.show("demo.run", &view, page);
    Ok(Ending::Done)
}

fn tell(args: &Args, tenant: &TenantId, session: &Session) -> Ending {
    let copy = copy_of(tenant);
    let names = Names { tenant: tenant.as_str(), copy: &copy, folder: "DIR", run: "RUN", snapshot: "SNAPSHOT" };
    let steps: Vec<Step> = names
        .whole()
        .iter()
        .map(|words| Step { command: format!("fixtool {}", words.join(" ")), seconds: 0.0 })
        .collect();
    let (scenario, tenant) = (args.scenario.name(), tenant.to_string());
    let view = View { scenario, tenant, records: args.records.into(), database: "not opened", steps, seconds: 0.0 };
    session.console.show("demo.run", &view, |view| {
        let mut page = Page::new();
        for step in &view.steps {
            page.line(&step.command);
        }
        page.line("dry run: nothing was carried out");
        page
    });
    Ending::Done
}

/// Everything between raising and striking the stage; answers with the number of records.
async fn play(args: &Args, tenant: &TenantId, scene: &mut Scene) -> Result<u64, CommandResult> {
    let folder = scene.folder().to_owned();
    let records = make_up(args, &folder).map_err(Err)?;
    let (folder, copy) = (folder.display().to_string(), copy_of(tenant));
    let names = Names { tenant: tenant.as_str(), copy: &copy, folder: &folder, run: "", snapshot: "" };
    all(scene, &names.first_act()).await?;
    scene.seal_backups().await.map_err(Err)?;
    all(scene, &names.second_act()).await?;
    let run = load_of(scene, tenant).await.map_err(Err)?;
    let snapshot = increment_of(scene, tenant).await.map_err(Err)?;
    all(scene, &Names { run: &run, snapshot: &snapshot, ..names }.last_act()).await?;
    Ok(records)
}

/// The tenant that is restored.
fn copy_of(tenant: &TenantId) -> String {
    format!("{tenant}-copy")
}

async fn all(scene: &mut Scene, lines: &[Line]) -> Result<(), CommandResult> {
    for words in lines {
        say(scene, words).await?;
    }
    Ok(())
}

async fn say(scene: &mut Scene, words: &[String]) -> Result<(), CommandResult> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    scene.perform(&words).await
}

/// Files of records, those of the last table in a folder of their own: they are loaded later.
fn make_up(args: &Args, folder: &std::path::Path) -> Result<u64, Fault> {
    let failed = |reason: String| DemoError::Files { path: folder.to_owned(), reason };
    let (first, later) = (folder.join("records"), folder.join("later"));
    for path in [&first, &later] {
        std::fs::create_dir_all(path).map_err(|error| failed(error.to_string()))?;
    }
    let pack = match builtin::pack(builtin::DEFAULT) {
        Some(Ok(pack)) => pack,
        Some(Err(error)) => return Err(crate::backends::packs::PackSourceError::from(error).into()),
        None => return Err(failed("the built-in pack is missing".to_owned()).into()),
    };
    let Some(release) = pack.releases.last() else { return Ok(0) };
    let sample = Sample::of_total(&release.model, args.seed, args.records.into()).map_err(DemoError::from)?;
    let total = records::write(&release.model, &sample, &first)?;
    if let Some(last) = release.model.tables.keys().next_back() {
        for file in ["csv", "ndjson"].map(|ending| format!("{last}.{ending}")) {
            if first.join(&file).exists() {
                std::fs::rename(first.join(&file), later.join(&file)).map_err(|error| failed(error.to_string()))?;
            }
        }
    }
    Ok(total)
}

/// The run that loaded, to be undone.
async fn load_of(scene: &Scene, tenant: &TenantId) -> Result<String, Fault> {
    let filter = RunFilter {
        target: Some(tenant.to_string()),
        operation: Some("data.load".to_owned()),
        limit: Some(1),
        ..RunFilter::default()
    };
    let runs = scene.session().reader().await?.catalog().runs(&filter).await?;
    let run = runs.into_iter().next().map(|run| run.run);
    run.ok_or_else(|| DemoError::Step { command: "fixtool op log".to_owned() }.into())
}

/// The increment, by its id: the one before it may be of the same second.
async fn increment_of(scene: &Scene, tenant: &TenantId) -> Result<String, Fault> {
    let list = List { tenants: vec![tenant.to_string()] };
    let view = list.observe(&scene.session().reader().await?).await?;
    let increment =
        view.snapshots.into_iter().find(|one| one.told.as_ref().is_some_and(|told| told.kind == Kind::Incremental));
    increment.map(|one| one.id).ok_or_else(|| DemoError::Step { command: "fixtool backup list".to_owned() }.into())
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    page.heading(&format!("{}: {} records, {} commands", view.scenario, view.records, view.steps.len()));
    let mut table = Table::new(&["command", ">time"]);
    for step in &view.steps {
        table.row([step.command.clone(), format!("{:.2} s", step.seconds)]);
    }
    page.table(table);
    page.toned_line(Tone::Good, &format!("done in {:.2} s; nothing is left behind", view.seconds));
    page
}
