//! `fixtool man`: man pages, made from the same definition as the help.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;

use super::{Cli, CommandResult, Ending};
use crate::config::ConfigError;
use crate::console::Console;

const EXAMPLES: &str = "Examples:
  fixtool man > fixtool.1
  fixtool man --directory ~/.local/share/man/man1
";

/// Print the man page, or write one page for every command
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Write 'fixtool.1', 'fixtool-config.1', 'fixtool-config-show.1', … into this directory
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> CommandResult {
    let mut command = Cli::command();
    command.build();
    match &args.directory {
        None => console.result_bytes(&page(command).map_err(|error| unwritable(Path::new("-"), &error))?),
        Some(directory) => {
            std::fs::create_dir_all(directory).map_err(|error| unwritable(directory, &error))?;
            let count = write_all(&command, directory)?;
            console.note(&format!("wrote {count} pages into {}", directory.display()));
        }
    }
    Ok(Ending::Done)
}

fn write_all(command: &clap::Command, directory: &Path) -> Result<usize, ConfigError> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let path = directory.join(format!("{name}.1"));
    let written = page(command.clone().name(name.clone())).and_then(|page| std::fs::write(&path, page));
    written.map_err(|error| unwritable(&path, &error))?;
    let mut count = 1;
    for child in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        count += write_all(child, directory)?;
    }
    Ok(count)
}

fn page(command: clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}

fn unwritable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::Unwritable { path: path.to_owned(), reason: error.to_string() }
}
