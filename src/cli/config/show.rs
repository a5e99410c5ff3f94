//! `fixtool config show`: every setting, with its origin when asked.

use serde::Serialize;

use crate::cli::{CommandResult, Ending, Session};
use crate::config::{Origin, Resolution, Resolved};
use crate::console::{Page, Table, Tone};

const EXAMPLES: &str = "Examples:
  fixtool config show
  fixtool config show --origin
  fixtool config show database.url -o json
";

/// Print the settings as they stand; secrets are masked
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// One setting, or a table of settings such as 'database'
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Also say where each value was set and what it overrides
    #[arg(long)]
    origin: bool,
}

#[derive(Serialize)]
struct View {
    settings: Vec<Setting>,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Setting {
    name: String,
    value: String,
    origin: String,
    is_default: bool,
    overrides: Vec<Overridden>,
}

#[derive(Serialize)]
struct Overridden {
    value: String,
    origin: String,
}

/// Runs the command.
pub fn run(args: &Args, session: &Session) -> CommandResult {
    let view = view(&session.resolved, args.name.as_deref())?;
    session.console.show("config.show", &view, |view| page(view, args.origin));
    Ok(Ending::Done)
}

fn view(resolved: &Resolved, name: Option<&str>) -> Result<View, UnknownSetting> {
    let wanted = |value: &&Resolution| match name {
        Some(name) => value.name == name || value.name.starts_with(&format!("{name}.")),
        None => true,
    };
    let settings: Vec<Setting> = resolved.values.iter().filter(wanted).map(setting).collect();
    match name {
        Some(name) if settings.is_empty() => Err(UnknownSetting::new(name, resolved)),
        _ => Ok(View { settings, problems: resolved.problems.clone() }),
    }
}

fn setting(value: &Resolution) -> Setting {
    let overrides = value.overrides_shown().into_iter();
    Setting {
        name: value.name.clone(),
        value: value.shown(),
        origin: value.origin.to_string(),
        is_default: value.origin == Origin::Default,
        overrides: overrides.map(|(value, origin)| Overridden { value, origin: origin.to_string() }).collect(),
    }
}

fn page(view: &View, origin: bool) -> Page {
    let mut page = Page::new();
    let mut table =
        Table::new(if origin { &["setting", "value", "origin", "overrides"] } else { &["setting", "value"] });
    for setting in &view.settings {
        let tone = if setting.is_default { Tone::Dim } else { Tone::Plain };
        let value = if setting.value.is_empty() { "-" } else { &setting.value };
        let mut row = vec![(Tone::Plain, setting.name.clone()), (tone, value.to_owned())];
        if origin {
            let overrides = setting.overrides.iter().map(|o| format!("{} ({})", o.value, o.origin));
            row.push((tone, setting.origin.clone()));
            row.push((Tone::Dim, overrides.collect::<Vec<_>>().join(", ")));
        }
        table.toned_row(row);
    }
    page.table(table);
    for problem in &view.problems {
        page.toned_line(Tone::Warn, &format!("warning: {problem}"));
    }
    page
}

/// A setting was asked for that there is not.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("there is no setting '{name}'")]
#[diagnostic(code(fixtool::config::show::unknown))]
pub struct UnknownSetting {
    name: String,
    #[help]
    help: String,
}

impl UnknownSetting {
    fn new(name: &str, resolved: &Resolved) -> Self {
        let names: Vec<&str> = resolved.values.iter().map(|value| value.name.as_str()).collect();
        let help = match crate::cli::usage::closest(name, &names) {
            Some(close) => format!("did you mean '{close}'? Type 'fixtool config show {close}'"),
            None => "'fixtool config show' lists every setting".to_owned(),
        };
        Self { name: name.to_owned(), help }
    }
}

impl crate::engine::Failure for UnknownSetting {
    fn kind(&self) -> crate::engine::FailureKind {
        crate::engine::FailureKind::Usage
    }
}
