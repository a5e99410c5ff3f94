//! `fixtool op show`: what the user may type.

use std::collections::BTreeMap;

use super::moment;
use crate::cli::fault::CommandResult;
use crate::cli::run;
use crate::cli::session::Session;
use crate::console::report_view::{short, status};
use crate::console::{Page, Table, Tone, plan_view, style};
use crate::operations::op::show::{Show, ShowView, StepState, StepView};

/// More lines than these are counted instead of shown.
const MOST_LINES: usize = 100;

const EXAMPLES: &str = "Examples:
  fixtool op show
  fixtool op show 019aaf3b1c2e7d41
  fixtool op show -o json
";

/// Show one run: what was meant, what was done, and what can be done with it
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Id of the run or the beginning of it; the newest run by default
    #[arg(value_name = "RUN")]
    run: Option<String>,
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    run::query(session, &Show { run: args.run }, &super::ledger(session).await?, page).await
}

pub(super) fn page(view: &ShowView) -> Page {
    let mut page = Page::new();
    let (tone, word) = status(view.status);
    let what = match &view.follows {
        Some(undone) => format!("undo of {}", short(undone)),
        None => plan_view::spoken(&view.operation),
    };
    page.heading(&format!("{what} for {}", view.target));
    page.toned_line(tone, word);
    page.facts(facts(view));
    for note in &view.notes {
        page.line(&format!("note: {note}"));
    }
    steps(&mut page, view);
    targets(&mut page, view);
    if let Some(failure) = &view.failure {
        page.toned_line(Tone::Bad, &format!("{}: {}", failure.code, failure.message));
    }
    for command in &view.next {
        page.toned_line(Tone::Dim, &format!("next: {command}"));
    }
    page
}

fn facts(view: &ShowView) -> Vec<(&'static str, String)> {
    let mut facts = vec![("run", view.run.clone()), ("by", view.actor.clone()), ("began", moment(&view.started_at))];
    let ended = view.ended_at.as_deref().map_or_else(|| "not yet, or its process died".to_owned(), moment);
    facts.push(("ended", ended));
    let further = [("part of", &view.parent), ("undoes", &view.follows), ("undone by", &view.undone_by)];
    facts.extend(further.into_iter().filter_map(|(name, run)| Some((name, run.clone()?))));
    facts.push(("plan", short(&view.plan_digest).to_owned()));
    facts
}

fn steps(page: &mut Page, view: &ShowView) {
    if !view.steps.is_empty() {
        let mut table = Table::new(&["step", "state", "result", ">time"]);
        for step in view.steps.iter().take(MOST_LINES) {
            let (tone, state) = match step.state {
                StepState::Done => (Tone::Good, "done"),
                StepState::Partial => (Tone::Warn, "in part"),
                StepState::Unfinished => (Tone::Warn, "not finished"),
            };
            let counts = if step.counts.is_empty() { String::new() } else { plan_view::counts(&step.counts) };
            let row = [step.label.clone(), state.to_owned(), counts, time(step)];
            let tones = [Tone::Plain, tone, Tone::Plain, Tone::Plain];
            table.toned_row(tones.into_iter().zip(row));
        }
        page.table(table);
        more(page, view.steps.len());
    }
    if view.not_begun > 0 && view.targets.is_empty() {
        let steps = if view.not_begun == 1 { "step" } else { "steps" };
        page.toned_line(Tone::Warn, &format!("{} more {steps} never began", view.not_begun));
    }
    for note in view.steps.iter().flat_map(|step| &step.notes).take(MOST_LINES) {
        page.line(&format!("note: {note}"));
    }
}

fn targets(page: &mut Page, view: &ShowView) {
    if view.targets.is_empty() {
        return;
    }
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for target in &view.targets {
        *states.entry(target.state).or_default() += 1;
    }
    let states: Vec<String> =
        states.iter().map(|(state, n)| format!("{} {}", style::thousands(*n), state.replace('_', " "))).collect();
    page.line(&format!("tenants: {}", states.join(", ")));
    let left: Vec<_> = view.targets.iter().filter(|target| target.state != "finished").collect();
    if left.is_empty() {
        return;
    }
    let mut table = Table::new(&["tenant", "state", "run"]);
    for target in left.iter().take(MOST_LINES) {
        let run = target.run.as_deref().map_or("-", short);
        table.row([target.target.as_str(), &target.state.replace('_', " "), run]);
    }
    page.table(table);
    more(page, left.len());
}

fn more(page: &mut Page, all: usize) {
    if all > MOST_LINES {
        page.line(&format!("… and {} more; '-o json' lists all", all - MOST_LINES));
    }
}

fn time(step: &StepView) -> String {
    let moments = (step.started_at.parse::<jiff::Timestamp>(), step.ended_at.as_deref().map(str::parse));
    let (Ok(began), Some(Ok(ended))) = moments else { return String::new() };
    let elapsed = jiff::Timestamp::duration_since(ended, began).as_millis();
    style::span(u64::try_from(elapsed).unwrap_or(0))
}
