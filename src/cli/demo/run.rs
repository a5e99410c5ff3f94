//! `fixtool demo run`: what the user may type.

use clap::ValueEnum;
use serde::Serialize;

use super::error::DemoError;
use super::records;
use super::scene::Scene;
use crate::cli::fault::{CommandResult, Ending, Fault};
use crate::cli::{Session, exit_code};
use crate::console::{Page, Table, Tone};
use crate::engine::{Ledger, RunFilter};
use crate::model::TenantId;
use crate::model::pack::builtin;
use crate::model::sample::Sample;

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
    /// Make a tenant, load records, look, undo, drop
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
    let mut scene = Scene::set(session, tenant.clone()).await?;
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

/// The commands, with the places that only the run itself can fill.
fn lines(tenant: &str, files: &str, run: &str) -> [Vec<String>; 5] {
    let line = |text: String| text.split(' ').map(str::to_owned).collect();
    [
        line(format!("tenant init {tenant} --tier enterprise --yes")),
        ["data", "load", files, "--tenant", tenant, "--yes"].map(str::to_owned).into(),
        line(format!("tenant show {tenant}")),
        line(format!("op undo {run} --yes --confirm {tenant}")),
        line(format!("tenant drop {tenant} --confirm {tenant}")),
    ]
}

fn tell(args: &Args, tenant: &TenantId, session: &Session) -> Ending {
    let steps: Vec<Step> = lines(tenant.as_str(), "DIR", "RUN")
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
    let files = scene.folder().join("records");
    let records = make_up(args, &files).map_err(Err)?;
    let files = files.display().to_string();
    let [init, load, show, _, drop] = lines(tenant.as_str(), &files, "");
    for words in [&init, &load, &show] {
        say(scene, words).await?;
    }
    let run = load_of(scene, tenant).await.map_err(Err)?;
    let [_, _, _, undo, _] = lines(tenant.as_str(), &files, &run);
    for words in [&undo, &show, &drop] {
        say(scene, words).await?;
    }
    Ok(records)
}

async fn say(scene: &mut Scene, words: &[String]) -> Result<(), CommandResult> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    scene.perform(&words).await
}

fn make_up(args: &Args, folder: &std::path::Path) -> Result<u64, Fault> {
    let failed = |reason: String| DemoError::Files { path: folder.to_owned(), reason };
    std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
    let pack = match builtin::pack(builtin::DEFAULT) {
        Some(Ok(pack)) => pack,
        Some(Err(error)) => return Err(crate::backends::packs::PackSourceError::from(error).into()),
        None => return Err(failed("the built-in pack is missing".to_owned()).into()),
    };
    let Some(release) = pack.releases.last() else { return Ok(0) };
    let sample = Sample::of_total(&release.model, args.seed, args.records.into()).map_err(DemoError::from)?;
    Ok(records::write(&release.model, &sample, folder)?)
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
