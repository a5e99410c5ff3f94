//! Runs of processes, measured, and how they are told.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One measured run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Wall clock.
    pub seconds: f64,
    /// The most memory that the process held, in MiB.
    pub peak: f64,
}

/// All runs of one contender.
#[derive(Debug)]
pub struct Contender {
    name: String,
    runs: Vec<Run>,
}

impl Contender {
    /// One without runs so far.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), runs: Vec::new() }
    }

    /// Adds a run.
    pub fn add(&mut self, run: Run) {
        self.runs.push(run);
    }

    /// The median of the wall clock, in seconds.
    pub fn median(&self) -> f64 {
        let mut seconds: Vec<f64> = self.runs.iter().map(|run| run.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// One line of the result.
    pub fn print(&self) {
        let each: Vec<String> = self.runs.iter().map(|run| format!("{:.2}", run.seconds)).collect();
        let peak = self.runs.iter().map(|run| run.peak).fold(0.0, f64::max);
        println!("  {:<44} {:>8.2} s   peak {peak:>6.0} MiB   ({})", self.name, self.median(), each.join(", "));
    }
}

/// Runs a command to its end; panics, with what it said, when it fails.
pub fn run(command: &mut Command, folder: &Path) -> Run {
    run_to(command, folder, 0)
}

/// Runs a command that ends with this exit code; panics, with what it said, when it ends otherwise.
pub fn run_to(command: &mut Command, folder: &Path, code: i32) -> Run {
    let said = folder.join("said.txt");
    let out = fs::File::create(&said).expect("a file for what the command says");
    let error = out.try_clone().expect("a file for what the command says");
    let shown = format!("{command:?}");
    let begin = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(out).stderr(error).spawn().expect("the command starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let end = loop {
        // The kernel keeps the high-water mark, so that the last look before the end has it.
        peak = fs::read_to_string(&status).ok().and_then(|text| high_water(&text)).unwrap_or(0).max(peak);
        if let Some(end) = child.try_wait().expect("the command's state") {
            break end;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let seconds = begin.elapsed().as_secs_f64();
    let said = fs::read_to_string(&said).unwrap_or_default();
    assert!(end.code() == Some(code), "{shown} ended with {end}, not {code}:\n{said}");
    Run { seconds, peak: f64::from(peak) / 1024.0 }
}

/// Kibibytes of `VmHWM`.
fn high_water(status: &str) -> Option<u32> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Tells how two contenders compare; only where their results are the same.
pub fn print_ratio(what: &str, mine: f64, theirs: f64, limit: f64, equal: bool) {
    if equal {
        let verdict = if mine <= limit * theirs { "met" } else { "MISSED" };
        println!("  ratio {:.3}, wanted at most {limit:.2}: {verdict}   ({what})", mine / theirs);
    } else {
        println!("  no ratio ({what}): the contents differ");
    }
}

/// Tells how many bytes two contenders wrote.
#[expect(clippy::cast_precision_loss, reason = "a ratio")]
pub fn print_bytes(what: &str, mine: u64, theirs: u64, limit: f64) {
    let ratio = mine as f64 / theirs as f64;
    let verdict = if ratio <= limit { "met" } else { "MISSED" };
    println!("  bytes {ratio:.4}, wanted at most {limit}: {verdict}   ({what}: {mine} / {theirs})");
}

/// The built binary in a folder of its own, with nothing of the environment but a database.
pub fn fixtool(home: &Path, database: Option<&str>, arguments: &[&str]) -> Command {
    fs::create_dir_all(home).expect("a folder to run in");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixtool"));
    command.current_dir(home).env_clear().env("HOME", home).args(arguments);
    if let Some(url) = database {
        command.env("DATABASE_URL", url);
    }
    command
}

/// The version of the built-in pack whose columns the generated files have.
const PACK_VERSION: &str = "1.0.0";

/// The words that make a tenant without limits.
pub fn init_words(tenant: &str) -> Vec<&str> {
    vec!["tenant", "init", tenant, "--tier", "enterprise", "--version", PACK_VERSION, "--yes"]
}

/// What a command prints; panics when it fails.
pub fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the command starts");
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
