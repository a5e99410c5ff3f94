//! A hermetic place to run the built binary in: own folder, home, temporary folder and variables.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use regex::Regex;
use tempfile::TempDir;

/// A folder of its own in which the binary runs without anything of the machine's environment.
#[derive(Debug)]
pub struct TestEnvironment {
    folder: TempDir,
    variables: Vec<(String, String)>,
    runs: AtomicU32,
}

impl TestEnvironment {
    /// Makes the folders. Nothing is configured: `fixtool` falls back to SQLite in `./.fixtool/`.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("fixtool-test-").tempdir().expect("a temporary folder");
        for name in ["work", "home", "tmp", "runs"] {
            fs::create_dir(folder.path().join(name)).expect("a folder of the environment");
        }
        Self { folder, variables: Vec::new(), runs: AtomicU32::new(0) }
    }

    /// Sets a variable for every run from now on.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Takes a variable away again.
    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// The folder in which the binary runs.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The user's home folder.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A path below the working folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.work().join(name)
    }

    /// Writes a file below the working folder, with its parents.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders of the file");
        fs::write(&path, contents).expect("the file");
        path
    }

    /// Reads a file below the working folder as text.
    pub fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    /// The binary, ready to run here; for what [`TestEnvironment::fixtool`] cannot do.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fixtool"));
        command
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.home())
            .env("TMPDIR", self.folder.path().join("tmp"))
            .env("PATH", super::optional_variable("PATH").unwrap_or_default())
            .env("USER", "tester")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        // Without it the binary's own lines would be missing in the coverage.
        if let Some(profile) = super::optional_variable("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary to its end.
    pub fn fixtool<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.spawn(arguments).wait()
    }

    /// Runs a line as it stands in the documentation: `fixtool tenant init acme --tier starter`.
    /// Words are parted by blanks; single and double quotes hold words together.
    pub fn line(&self, line: &str) -> Output {
        let mut words = words(line).into_iter();
        assert_eq!(words.next().as_deref(), Some("fixtool"), "a line starts with the program's name: {line}");
        self.fixtool(words)
    }

    /// Runs the binary to its end with something on standard input.
    pub fn fixtool_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: impl AsRef<[u8]>,
    ) -> Output {
        let file = self.folder.path().join("runs").join(format!("{}.in", self.runs.fetch_add(1, Ordering::Relaxed)));
        fs::write(&file, input).expect("the input");
        let mut command = self.command();
        command.args(arguments).stdin(File::open(&file).expect("the input"));
        self.start(command).wait()
    }

    /// Starts the binary and lets it run.
    pub fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        let mut command = self.command();
        command.args(arguments);
        self.start(command)
    }

    /// Starts a prepared command. Its output goes to files, so that no full pipe can stop it.
    pub fn start(&self, mut command: Command) -> Running {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let stdout = self.folder.path().join("runs").join(format!("{run}.out"));
        let stderr = self.folder.path().join("runs").join(format!("{run}.err"));
        command.stdout(File::create(&stdout).expect("a file for standard output"));
        command.stderr(File::create(&stderr).expect("a file for standard error"));
        let shown = shown(&command);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot run {shown}: {error}"));
        Running { child, stdout, stderr, shown, started: Instant::now() }
    }

    /// The text with everything replaced that differs from run to run: paths, ids of runs, times
    /// and durations.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.replace(&self.work().display().to_string(), "[WORK]");
        text = text.replace(&self.folder.path().display().to_string(), "[FOLDER]");
        for (pattern, replacement) in [
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", "[TIME]"),
            (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[UUID]"),
            (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
            (r"\b[0-9a-f]{32}\b", "[RUN]"),
            (r"\b[\d,.]+ ?(rows|records)/s\b", "[RATE]"),
            (r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s|min|seconds?|minutes?)\b", "[DURATION]"),
            (r"(?m)[ \t]+$", ""),
        ] {
            text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into_owned();
        }
        text
    }
}

fn shown(command: &Command) -> String {
    let mut text = String::from("fixtool");
    for argument in command.get_args() {
        let _ = write!(text, " {}", argument.to_string_lossy());
    }
    text
}

/// Parts a line at blanks, as a shell does with plain words and quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(mark), _) if letter == mark => quote = None,
            (None, '\'' | '"') => (quote, open) = (Some(letter), true),
            (None, _) if letter.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            _ => word.push(letter),
        }
    }
    assert!(quote.is_none(), "an open quote in: {line}");
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// A binary that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    shown: String,
    started: Instant,
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child's state").is_some()
    }

    /// Sends a signal by name: `INT`, `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.expect("kill").success(), "the signal {name} reaches {}", self.shown);
    }

    /// Lets it run for a while and then ends it as a power cut does. True when it was still running.
    pub fn kill_after(mut self, delay: Duration) -> bool {
        let end = self.started + delay;
        while Instant::now() < end {
            if self.has_ended() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1).min(end.saturating_duration_since(Instant::now())));
        }
        let alive = !self.has_ended();
        self.child.kill().expect("kill -9");
        self.child.wait().expect("the end");
        alive
    }

    /// Waits until standard error holds a text; panics when the program ends or a minute passes before.
    pub fn wait_for_stderr(&mut self, text: &str) {
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            let ended = self.has_ended();
            let so_far = lossy(&self.stderr);
            if so_far.contains(text) {
                return;
            }
            assert!(!ended && Instant::now() < until, "'{text}' never came from {}:\n{so_far}", self.shown);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it handles SIGTERM, which would end it at once before.
    pub fn wait_for_handler(&mut self) {
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim();
            if u64::from_str_radix(caught, 16).is_ok_and(|signals| signals & (1 << 14) != 0) {
                return;
            }
            assert!(!self.has_ended() && Instant::now() < until, "{} handles no signal", self.shown);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end. A run of more than five minutes is a failure.
    pub fn wait(mut self) -> Output {
        let until = self.started + Duration::from_mins(5);
        let mut pause = Duration::from_millis(1);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child's state") {
                break status;
            }
            if Instant::now() > until {
                self.child.kill().expect("kill -9");
                self.child.wait().expect("the end");
                panic!("{} does not end; so far it said:\n{}", self.shown, lossy(&self.stderr));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        Output {
            code: status.code().unwrap_or_else(|| 128 + signal.unwrap_or_default()),
            stdout: lossy(&self.stdout),
            stderr: lossy(&self.stderr),
            took: self.started.elapsed(),
            shown: self.shown,
        }
    }
}

fn lossy(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("captured output")).into_owned()
}

/// What a run of the binary gave.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code; 128 and the signal's number when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Wall clock time.
    pub took: Duration,
    shown: String,
}

impl Output {
    /// Panics, showing both streams, unless the exit code is this one and nothing panicked.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert!(!self.stderr.contains("panicked at"), "a panic:\n{self}");
        assert_eq!(self.code, expected, "exit code of:\n{self}");
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}):\n{self}"))
    }

    /// The JSON object of an error on standard error: the last line that is one.
    #[track_caller]
    pub fn error_json(&self) -> serde_json::Value {
        if let Ok(whole) = serde_json::from_str(&self.stderr) {
            return whole;
        }
        self.stderr
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str(line).ok().filter(serde_json::Value::is_object))
            .unwrap_or_else(|| panic!("no JSON error on standard error:\n{self}"))
    }

    /// Panics unless both texts are somewhere in standard error.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "standard error does not say '{text}':\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(out, "$ {}", self.shown)?;
        writeln!(out, "-- exit code {}\n-- standard output\n{}", self.code, self.stdout)?;
        write!(out, "-- standard error\n{}", self.stderr)
    }
}
