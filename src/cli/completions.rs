//! `fixtool completions SHELL`: a script that completes commands and flags.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use crate::console::Console;

const EXAMPLES: &str = "Examples:
  fixtool completions bash > ~/.local/share/bash-completion/completions/fixtool
  fixtool completions zsh > ~/.zfunc/_fixtool
  fixtool completions fish > ~/.config/fish/completions/fixtool.fish
";

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fixtool", &mut script);
    console.result_bytes(&script);
}
