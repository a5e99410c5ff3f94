//! The command lines that many tests type, in one place.

use std::path::Path;

use super::{Output, Site, generate};

/// The version of the built-in pack whose columns the generated files have.
pub const PACK_VERSION: &str = "1.0.0";

/// A CSV of this many users.
pub fn users(rows: u64) -> String {
    generate::users_csv(rows, 1)
}

/// Makes an empty tenant without limits.
pub fn init(site: &Site, tenant: &str) {
    site.fixtool(["tenant", "init", tenant, "--tier", "enterprise", "--version", PACK_VERSION, "--yes"]).code(0);
}

/// The words of a load, with consent.
pub fn load_words<'a>(file: &'a Path, tenant: &'a str, data_type: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let file = file.to_str().expect("a path in UTF-8");
    let mut words = vec!["data", "load", file, "--tenant", tenant, "--data-types", data_type, "--yes"];
    words.extend(more);
    words
}

/// Loads a file.
pub fn load(site: &Site, file: &Path, tenant: &str, data_type: &str) -> Output {
    site.fixtool(load_words(file, tenant, data_type, &[]))
}

/// Loads a file and sets bad records aside into `rejects.ndjson`; what it holds, a line each.
pub fn load_rejecting(site: &Site, file: &Path, tenant: &str, data_type: &str) -> (Output, Vec<serde_json::Value>) {
    let rejects = site.path("rejects.ndjson");
    let _ = std::fs::remove_file(&rejects);
    let to = rejects.to_str().expect("a path in UTF-8");
    let output = site.fixtool(load_words(file, tenant, data_type, &["--on-error", "reject", "--rejects", to]));
    let lines = std::fs::read_to_string(&rejects).unwrap_or_default();
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("a rejects line is JSON")).collect();
    (output, lines)
}

/// The newest run of the log: its id.
pub fn newest_run(site: &Site) -> Option<String> {
    let log = site.fixtool(["op", "log", "--output", "json"]).code(0).json();
    let runs = log.get("runs").and_then(serde_json::Value::as_array).expect("the log has runs");
    runs.first().and_then(|run| run.get("run")).and_then(serde_json::Value::as_str).map(str::to_owned)
}
