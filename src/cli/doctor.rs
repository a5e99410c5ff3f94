//! `fixtool doctor`: what the user may type.

use serde::Serialize;

use super::{CommandResult, Ending, Session};
use crate::config::Origin;
use crate::config::keys::Secrecy;
use crate::config::secret::has_password;
use crate::console::{Page, Table, Tone};
use crate::engine::Query;
use crate::operations::doctor::{CHECKS, Doctor, Finding, Health, View};

const EXAMPLES: &str = "Examples:
  fixtool doctor
  fixtool doctor -o json
  fixtool doctor --list-checks
";

/// Check configuration, databases, catalog, cache, keys and packs, and name the cure of what fails
///
/// It reads only. Exit code 10 when a check failed; warnings alone are no failure.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// List the checks and make none
    #[arg(long)]
    list_checks: bool,
}

#[derive(Serialize)]
struct List {
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    check: &'static str,
    title: &'static str,
}

/// Runs the command.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    if args.list_checks {
        let checks = CHECKS.iter().map(|(check, title)| Check { check, title }).collect();
        session.console.show("doctor.checks", &List { checks }, |list| {
            let mut page = Page::new();
            page.facts(list.checks.iter().map(|check| (check.check, check.title)));
            page
        });
        return Ok(Ending::Done);
    }
    let doctor = Doctor { problems: session.resolved.problems.clone(), files: files(session) };
    let view = doctor.observe(&session.site_options()?).await?;
    session.console.show(Doctor::NAME, &view, page);
    Ok(if view.health == Health::Failed { Ending::Findings } else { Ending::Done })
}

/// The configuration files, and whether they hold a password.
fn files(session: &Session) -> Vec<(std::path::PathBuf, bool)> {
    let there = session.resolved.sources.iter().filter(|source| source.exists);
    there
        .map(|source| {
            let holds = session.resolved.values.iter().any(|value| {
                let here = matches!(&value.origin, Origin::File(path, _) if *path == source.path);
                let secret = match value.secrecy {
                    Secrecy::Open => false,
                    Secrecy::Address => has_password(&value.value),
                    Secrecy::Secret => !value.value.is_empty(),
                };
                here && secret
            });
            (source.path.clone(), holds)
        })
        .collect()
}

fn page(view: &View) -> Page {
    let mut page = Page::new();
    let mut table = Table::new(&["check", "result", "what was seen"]);
    for finding in &view.checks {
        let (tone, word) = told(finding.health);
        table.toned_row([(Tone::Plain, name(finding)), (tone, word.to_owned()), (Tone::Plain, finding.detail.clone())]);
    }
    page.table(table);
    let grave = view.checks.iter().filter(|finding| finding.health > Health::Skipped);
    for finding in grave {
        let (tone, _) = told(finding.health);
        page.toned_line(tone, &format!("\n{}: {}", name(finding), finding.detail));
        if let Some(cure) = &finding.cure {
            page.line(&format!("  cure: {cure}"));
        }
    }
    let count = |health: Health| view.checks.iter().filter(|finding| finding.health == health).count();
    let (warnings, failures) = (count(Health::Warning), count(Health::Failed));
    let (tone, _) = told(view.health);
    page.toned_line(tone, &format!("\n{} checks, {warnings} warnings, {failures} failed", view.checks.len()));
    page
}

fn name(finding: &Finding) -> String {
    match &finding.subject {
        Some(subject) => format!("{} ({subject})", finding.check),
        None => finding.check.to_owned(),
    }
}

fn told(health: Health) -> (Tone, &'static str) {
    match health {
        Health::Good => (Tone::Good, "ok"),
        Health::Skipped => (Tone::Dim, "skipped"),
        Health::Warning => (Tone::Warn, "warning"),
        Health::Failed => (Tone::Bad, "failed"),
    }
}
