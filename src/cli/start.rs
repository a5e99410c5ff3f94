//! From the process's arguments to its exit code.

use std::io::IsTerminal;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches};
use futures_util::FutureExt;

use super::fault::Fault;
use super::session::Site;
use super::usage::{check_plan, of_clap};
use super::{Cli, CommandResult, GlobalFlags, Session, exit_code};
use crate::backends::database::postgres::watch;
use crate::backends::site::SiteError;
use crate::config::{Environment, Output, Overrides, Settings};
use crate::console::gate::Gate;
use crate::console::logging::{self, LogLook};
use crate::console::{Console, Format, Look, ProgressStyle, Stream, Tone, panic};
use crate::engine::{Identity, Signals};

/// The exit code of a bug.
const BUG: u8 = 70;

/// Runs fixtool with the process's own arguments and environment.
pub fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    ExitCode::from(run(&words, Environment::capture()))
}

fn run(words: &[String], environment: Environment) -> u8 {
    let early = GlobalFlags {
        output: early(words, "--output", Some("-o")),
        color: early(words, "--color", None),
        ..GlobalFlags::default()
    };
    let console = console(&early, None, &environment);
    panic::install_hook(console.gate().clone());
    match parse(words, &console) {
        Ok(Some(cli)) => go(cli, environment),
        Ok(None) => 0,
        Err(fault) => fail(&console, &fault),
    }
}

fn fail(console: &Console, fault: &Fault) -> u8 {
    let code = exit_code::of_kind(fault.kind());
    console.failure(fault.failure(), code);
    code
}

/// A flag's value before the command line was understood, so that even its errors come in the
/// form that was asked for.
fn early(words: &[String], long: &str, short: Option<&str>) -> Option<String> {
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == long || short.is_some_and(|short| word == short) {
            return words.next().cloned();
        }
        if let Some(value) = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
            return Some(value.to_owned());
        }
        if let Some(value) = short.and_then(|short| word.strip_prefix(short)).filter(|value| !value.is_empty()) {
            return Some(value.trim_start_matches('=').to_owned());
        }
    }
    None
}

/// `None` when a text that was asked for, such as `--help`, was printed instead.
fn parse(words: &[String], console: &Console) -> Result<Option<Cli>, Fault> {
    let colour = if console.look.out.colour { ColorChoice::Always } else { ColorChoice::Never };
    let mut command = Cli::command().color(colour);
    let understood = command.try_get_matches_from_mut(words).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    match understood {
        Ok((matches, cli)) => {
            check_plan(&command, &matches)?;
            Ok(Some(cli))
        }
        Err(error)
            if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && words.len() < 2 =>
        {
            console.result(&Cli::command().color(colour).render_help().to_string());
            Ok(None)
        }
        Err(error) if !error.use_stderr() && console.look.out.colour => {
            console.result(&error.render().ansi().to_string());
            Ok(None)
        }
        Err(error) => {
            console.result(&of_clap(&error, words)?);
            Ok(None)
        }
    }
}

fn go(cli: Cli, environment: Environment) -> u8 {
    let Cli { command, global } = cli;
    let loaded = Settings::load(&environment, &overrides(&global));
    let loaded = match loaded {
        // A broken file must not stand in the way of the commands that help to mend it.
        Err(_) if command.needs_no_settings() => Settings::defaults(&environment),
        other => other,
    };
    let (settings, resolved) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return fail(&console(&global, None, &environment), &Fault::from(error)),
    };
    let console = console(&global, Some(&settings.output), &environment);
    panic::install_hook(console.gate().clone());
    if let Err(error) = start_log(&global, &settings.output, &console) {
        return fail(&console, &Fault::from(error));
    }
    for problem in &resolved.problems {
        tracing::warn!("{problem}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.line(Tone::Bad, &format!("the runtime cannot be started: {error}"));
            return BUG;
        }
    };
    // On a thread that waits for the network itself: another one would have to wake this one at every answer.
    let work = runtime.spawn(async move {
        let signals = listen(&console);
        let identity = Identity::new(&environment.user(), &environment.host(), std::process::id());
        let site = Site::default();
        let session = Session { settings, resolved, environment, console, signals, identity, site };
        let work = AssertUnwindSafe(Box::pin(command.run(&session))).catch_unwind();
        let mut silence = Box::pin(watch::silence());
        tokio::select! {
            ended = work => {
                tokio::select! {
                    () = session.close() => {}
                    // Nobody is there to say goodbye to.
                    _ = &mut silence => {}
                }
                ended.map_or(BUG, |result| finish(result, &session))
            }
            silence = &mut silence => {
                let code = fail(&session.console, &Fault::from(SiteError::from(silence)));
                session.console.line(Tone::Warn, "what was not committed is rolled back by the database");
                code
            }
            signal = session.signals.aborted() => {
                session.console.line(Tone::Warn, "aborted; what was not committed is rolled back by the database");
                exit_code::of_signal(signal)
            }
        }
    });
    let code = runtime.block_on(work).unwrap_or(BUG);
    // Threads that wait for a file or a terminal must not hold up the end.
    runtime.shutdown_background();
    code
}

/// Listens for Ctrl-C and SIGTERM; where no handler can be installed, they end the process as ever.
fn listen(console: &Console) -> Signals {
    let sink = console.remarks();
    Signals::listen(sink.clone()).unwrap_or_else(|error| {
        tracing::warn!(%error, "signals cannot be caught");
        Signals::new(sink)
    })
}

fn finish(result: CommandResult, session: &Session) -> u8 {
    match result {
        Ok(ending) => exit_code::of_ending(ending, session.signals.received()),
        Err(fault) => fail(&session.console, &fault),
    }
}

fn start_log(global: &GlobalFlags, output: &Output, console: &Console) -> Result<(), crate::config::ConfigError> {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => output.log_level.as_str(),
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let file = (output.log_file != Path::new("")).then_some(output.log_file.as_path());
    let look = LogLook { level, json: output.log_format == "json", file, colour: console.look.err.colour };
    logging::start(look, console.gate()).map_err(|error| crate::config::ConfigError::Unwritable {
        path: output.log_file.clone(),
        reason: error.to_string(),
    })
}

fn overrides(global: &GlobalFlags) -> Overrides {
    let path = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
    let values = [
        ("database.url", "--database-url", global.database_url.clone()),
        ("redis.url", "--redis-url", global.redis_url.clone()),
        ("output.format", "--output", global.output.clone()),
        ("output.progress", "--progress", global.progress.clone()),
        ("output.color", "--color", global.color.clone()),
        ("log.format", "--log-format", global.log_format.clone()),
        ("log.file", "--log-file", global.log_file.as_ref().map(path)),
    ];
    let values = values.into_iter().filter_map(|(name, flag, value)| Some((name, flag, value?))).collect();
    Overrides { file: global.config.clone(), values }
}

/// The console, from what was settled, or from the flags alone while nothing is settled yet.
fn console(global: &GlobalFlags, output: Option<&Output>, environment: &Environment) -> Console {
    let settled = |flag: &Option<String>, of: fn(&Output) -> &String| {
        flag.clone().or_else(|| output.map(|o| of(o).clone())).unwrap_or_default()
    };
    let format = match settled(&global.output, |o| &o.format).as_str() {
        "json" => Format::Json,
        "ndjson" => Format::Ndjson,
        _ => Format::Table,
    };
    let color = settled(&global.color, |o| &o.color);
    let stream = |terminal: bool| Stream {
        terminal,
        colour: match color.as_str() {
            "always" => true,
            "never" => false,
            _ => terminal && !environment.forbids_colour(),
        },
        width: terminal.then(|| console_width(environment)),
    };
    let (out, err) = (stream(std::io::stdout().is_terminal()), stream(std::io::stderr().is_terminal()));
    let dumb = environment.get("TERM") == Some("dumb");
    let progress = match settled(&global.progress, |o| &o.progress).as_str() {
        style if global.quiet || style == "none" => ProgressStyle::None,
        "bar" if err.terminal => ProgressStyle::Bars,
        // Bars and a talkative log get into each other's way on one terminal.
        "auto" | "" if err.terminal && !dumb && global.verbose == 0 => ProgressStyle::Bars,
        _ => ProgressStyle::Plain,
    };
    let may_ask = std::io::stdin().is_terminal() && err.terminal;
    let look = Look { format, quiet: global.quiet, out, err, progress, may_ask };
    Console::new(look, Gate::standard(progress == ProgressStyle::Bars))
}

fn console_width(environment: &Environment) -> u16 {
    let columns = environment.get("COLUMNS").and_then(|text| text.parse().ok());
    let columns = columns.or_else(crate::console::table::terminal_width).unwrap_or(100);
    columns.clamp(40, 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_errors_is_known_before_anything_else() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for text in [
            "fixtool x -o json",
            "fixtool -ojson x",
            "fixtool --output=json",
            "fixtool --output json",
            "fixtool -o=json",
        ] {
            assert_eq!(early(&words(text), "--output", Some("-o")).as_deref(), Some("json"), "{text}");
        }
        assert_eq!(early(&words("fixtool x -- -o json"), "--output", Some("-o")), None);
    }
}
