//! The binary: hands the process over to `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    fixtool::cli::main()
}
