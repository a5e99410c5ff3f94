//! `fixtool config init`: writes a file with every setting, commented out.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::{CommandResult, Ending, Session};
use crate::config::{ConfigError, starter_file};
use crate::console::Page;

const EXAMPLES: &str = "Examples:
  fixtool config init
  fixtool config init --file /etc/fixtool/fixtool.toml
";

/// Write a configuration file with every setting at its default, commented out
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Where; a file that exists is never overwritten
    #[arg(long, value_name = "FILE", default_value = "fixtool.toml")]
    file: PathBuf,
}

#[derive(Serialize)]
struct View {
    path: String,
}

/// Runs the command.
pub fn run(args: &Args, session: &Session) -> CommandResult {
    let path = &args.file;
    let failed = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => ConfigError::Exists { path: path.clone() },
        _ => ConfigError::Unwritable { path: path.clone(), reason: error.to_string() },
    };
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    }
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| failed(&error))?;
    file.write_all(starter_file().as_bytes()).map_err(|error| failed(&error))?;
    session.console.show("config.init", &View { path: path.display().to_string() }, |view| {
        let mut page = Page::new();
        page.line(&format!("wrote {}; every setting is at its default until you remove a '#'", view.path));
        page
    });
    Ok(Ending::Done)
}
