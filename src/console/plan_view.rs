//! A plan for people and for programs: every step, what it puts at risk, and what would be lost.

use std::collections::BTreeMap;

use serde::Serialize;

use super::style::{Tone, thousands};
use super::{Page, Table};
use crate::engine::plan::NO_SAFETY_COPY;
use crate::engine::{Action, Effect, Outcome, Plan, Size, Undo, Unit};
use crate::model::size::bytes;

/// More plans than these are told in one line each.
const IN_FULL: usize = 3;
/// More lines than these are counted instead of shown.
const MOST_LINES: usize = 40;

/// A plan as a program reads it.
#[derive(Debug, Clone, Serialize)]
pub struct PlanDocument {
    /// The tenant, or what else it is about.
    pub target: String,
    /// `noun.verb`.
    pub operation: String,
    /// When it was made.
    pub created_at: String,
    /// Whether anything would change.
    pub changes: bool,
    /// The gravest effect of any step.
    pub worst_effect: Effect,
    /// The steps.
    pub steps: Vec<StepDocument>,
    /// Remarks for people.
    pub notes: Vec<String>,
    /// The run that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// What carrying it out would find, as far as reading can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreseen: Option<Outcome>,
}

/// A step as a program reads it.
#[derive(Debug, Clone, Serialize)]
pub struct StepDocument {
    /// Its place, from zero.
    pub step: usize,
    /// Steps of one stage may run side by side.
    pub stage: u32,
    /// One line for people.
    pub description: String,
    /// What it puts at risk.
    pub effect: Effect,
    /// How much there is to do.
    pub size: Size,
    /// How it can be taken back: `nothing`, `inverse`, `safety_copy` or `impossible`.
    pub undo: &'static str,
    /// Why it cannot be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_undoable: Option<String>,
    /// What is lost for good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
}

impl PlanDocument {
    /// From a plan and what was foreseen for it.
    pub fn of<A: Action>(plan: &Plan<A>, foreseen: Option<Outcome>) -> Self {
        let steps = plan.steps.iter().enumerate().map(|(place, step)| {
            let (undo, not_undoable) = match step.action.undo() {
                Undo::Nothing => ("nothing", None),
                Undo::Inverse(_) => ("inverse", None),
                Undo::SafetyCopy { .. } => ("safety_copy", None),
                Undo::Impossible { reason } => ("impossible", Some(reason)),
            };
            StepDocument {
                step: place,
                stage: step.stage,
                description: step.action.describe(),
                effect: step.action.effect(),
                size: step.action.size(),
                undo,
                not_undoable,
                losses: step.action.losses(),
            }
        });
        Self {
            target: plan.target.name.clone(),
            operation: plan.operation.clone(),
            created_at: plan.created_at.clone(),
            changes: !plan.changes_nothing(),
            worst_effect: plan.worst_effect(),
            steps: steps.collect(),
            notes: plan.notes.clone(),
            undoes: plan.undoes.as_ref().map(|undone| undone.run.clone()),
            foreseen,
        }
    }
}

/// Plans for people: few of them in full, many of them in one line each.
pub fn page(plans: &[PlanDocument]) -> Page {
    let mut page = Page::new();
    if plans.len() > IN_FULL {
        many(&mut page, plans);
    } else {
        for plan in plans {
            one(&mut page, plan);
        }
    }
    page
}

fn one(page: &mut Page, plan: &PlanDocument) {
    let operation = spoken(&plan.operation);
    page.heading(&match &plan.undoes {
        Some(run) => format!("Plan: undo {operation} for {} (run {})", plan.target, super::report_view::short(run)),
        None => format!("Plan: {operation} for {}", plan.target),
    });
    if plan.steps.is_empty() {
        page.line("nothing to do");
    } else {
        let mut table = Table::new(&[">#", "effect", "step", ">size"]);
        for step in plan.steps.iter().take(MOST_LINES) {
            table.toned_row([
                (Tone::Plain, (step.step + 1).to_string()),
                (tone(step.effect), step.effect.as_str().to_owned()),
                (Tone::Plain, step.description.clone()),
                (Tone::Plain, size(step.size)),
            ]);
        }
        page.table(table);
        if plan.steps.len() > MOST_LINES {
            page.line(&format!("… and {} more steps; '-o json' lists all", plan.steps.len() - MOST_LINES));
        }
        page.toned_line(tone(plan.worst_effect), &verdict(plan));
    }
    for step in &plan.steps {
        for loss in &step.losses {
            let (tone, words) = fate(step);
            page.toned_line(tone, &format!("{words}: {loss}"));
        }
        if let Some(reason) = &step.not_undoable {
            page.toned_line(Tone::Warn, &format!("step {} cannot be undone: {reason}", step.step + 1));
        }
    }
    remarks(page, plan);
}

fn remarks(page: &mut Page, plan: &PlanDocument) {
    for note in &plan.notes {
        page.toned_line(note_tone(note), &format!("note: {note}"));
    }
    if let Some(foreseen) = &plan.foreseen {
        page.line(&format!("foreseen: {}", counts(&foreseen.counts)));
        for note in &foreseen.notes {
            page.line(&format!("note: {note}"));
        }
    }
}

fn many(page: &mut Page, plans: &[PlanDocument]) {
    let operation = plans.first().map_or_else(String::new, |plan| spoken(&plan.operation));
    page.heading(&format!("Plan: {operation} for {} tenants", thousands(count(plans.len()))));
    let mut table = Table::new(&["tenant", ">steps", "effect", ">size"]);
    for plan in plans.iter().take(MOST_LINES) {
        table.toned_row([
            (Tone::Plain, plan.target.clone()),
            (Tone::Plain, plan.steps.len().to_string()),
            (tone(plan.worst_effect), plan.worst_effect.as_str().to_owned()),
            (Tone::Plain, totals(&plan.steps).join(", ")),
        ]);
    }
    page.table(table);
    if plans.len() > MOST_LINES {
        page.line(&format!("… and {} more; '-o json' lists all", thousands(count(plans.len() - MOST_LINES))));
    }
    for effect in [Effect::Adds, Effect::Changes, Effect::Destroys] {
        let affected = plans.iter().filter(|plan| plan.worst_effect == effect).count();
        if affected > 0 {
            page.toned_line(tone(effect), &format!("{}: {} tenants", effect.as_str(), thousands(count(affected))));
        }
    }
    let steps = plans.iter().flat_map(|plan| plan.steps.iter().map(move |step| (plan, step)));
    let losses = steps.flat_map(|(plan, step)| step.losses.iter().map(move |loss| (plan, step, loss)));
    for (plan, step, loss) in losses.take(MOST_LINES) {
        let (tone, words) = fate(step);
        page.toned_line(tone, &format!("{words} in {}: {loss}", plan.target));
    }
    let mut notes: BTreeMap<&str, usize> = BTreeMap::new();
    for note in plans.iter().flat_map(|plan| &plan.notes) {
        *notes.entry(note).or_default() += 1;
    }
    for (note, times) in notes.into_iter().take(MOST_LINES) {
        let text = if times > 1 { format!("note: {note} ({times} times)") } else { format!("note: {note}") };
        page.toned_line(note_tone(note), &text);
    }
}

/// What becomes of what a step removes.
fn fate(step: &StepDocument) -> (Tone, &'static str) {
    if step.undo == "safety_copy" { (Tone::Warn, "kept in the safety copy") } else { (Tone::Bad, "lost for good") }
}

fn note_tone(note: &str) -> Tone {
    if note.starts_with(NO_SAFETY_COPY) { Tone::Bad } else { Tone::Plain }
}

fn verdict(plan: &PlanDocument) -> String {
    let steps = plan.steps.len();
    let total = totals(&plan.steps);
    let total = if total.is_empty() { String::new() } else { format!(", {}", total.join(", ")) };
    let worst = match plan.worst_effect {
        Effect::Reads => "it only reads",
        Effect::Adds => "it adds what was not there",
        Effect::Changes => "it changes what is there",
        Effect::Destroys => "it DESTROYS what is there",
    };
    format!("{steps} {}{total}; {worst}", if steps == 1 { "step" } else { "steps" })
}

fn totals(steps: &[StepDocument]) -> Vec<String> {
    [Unit::Rows, Unit::Bytes]
        .into_iter()
        .filter_map(|unit| {
            let sizes = steps.iter().filter(|step| step.size.unit == unit);
            let amount = sizes.filter_map(|step| step.size.amount).fold(0_u64, u64::saturating_add);
            (amount > 0).then(|| size(Size { amount: Some(amount), unit }))
        })
        .collect()
}

/// The colour of an effect.
pub fn tone(effect: Effect) -> Tone {
    match effect {
        Effect::Reads => Tone::Plain,
        Effect::Adds => Tone::Good,
        Effect::Changes => Tone::Warn,
        Effect::Destroys => Tone::Bad,
    }
}

/// A size as people read it; `?` when nobody can know before.
pub fn size(size: Size) -> String {
    match (size.amount, size.unit) {
        (None, _) => "?".to_owned(),
        (Some(1), Unit::Rows) => "1 row".to_owned(),
        (Some(amount), Unit::Rows) => format!("{} rows", thousands(amount)),
        (Some(amount), Unit::Bytes) => bytes(amount),
        (Some(amount), Unit::Items) => thousands(amount),
    }
}

/// Counts in words: `1,204 inserted, 3 rejected`.
pub fn counts(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return "nothing".to_owned();
    }
    counts
        .iter()
        .map(|(name, amount)| format!("{} {}", thousands(*amount), what(name, *amount)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What is counted, as one says it of so many: `parts_written` of one is `part written`.
fn what(name: &str, amount: u64) -> String {
    const THINGS: [&str; 11] = [
        "bytes",
        "credentials",
        "files",
        "folders",
        "generations",
        "keys",
        "namespaces",
        "objects",
        "parts",
        "rows",
        "tables",
    ];
    let word = |word: &str| match word.strip_suffix('s') {
        Some(one) if amount == 1 && THINGS.contains(&word) => one.to_owned(),
        _ => word.to_owned(),
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

/// `data.load` as it is typed: `data load`.
pub fn spoken(operation: &str) -> String {
    operation.replace('.', " ")
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_told_as_one() {
        let told = |name: &str, amount| counts(&BTreeMap::from([(name.to_owned(), amount)]));
        assert_eq!(told("parts_written", 1), "1 part written");
        assert_eq!(told("parts_written", 1_000), "1,000 parts written");
        assert_eq!(told("cache_keys_invalidated", 1), "1 cache key invalidated");
        assert_eq!(told("inserted", 1), "1 inserted");
    }
}
