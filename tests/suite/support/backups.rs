//! What tests of backups do again and again: a tenant with children, its contents, its snapshots.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Engine, Output, Site, words};

/// Tables with their rows.
pub type Contents = Vec<(String, Vec<Vec<String>>)>;

/// A tenant with users, sessions of these users, and content of these sessions.
pub fn tenant(site: &Site, tenant: &str) {
    words::init(site, tenant);
    words::fixtures(site, "seed");
    run(site, &format!("data load seed --tenant {tenant} --data-types users,ai_sessions,content --yes")).code(0);
}

/// Runs a line of which the program's name is left out.
pub fn run(site: &Site, line: &str) -> Output {
    site.line(&format!("fixtool {line}"))
}

/// Every table of a tenant with its rows, in an order of its own.
pub fn contents(site: &Site, tenant: &str) -> Contents {
    let sql = match site.engine() {
        Engine::Postgres => "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1",
        Engine::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1",
    };
    let tables = site.query(tenant, sql).into_iter().map(|row| row[0].clone());
    let kept = |name: &String| {
        !["_fixtool_checkpoint", "_fixtool_undo"].contains(&name.as_str()) && !name.starts_with("sqlite_")
    };
    tables
        .filter(kept)
        .map(|table| {
            let mut rows = site.query(tenant, &format!("SELECT * FROM {table}"));
            rows.sort();
            (table, rows)
        })
        .collect()
}

/// Panics, naming the tables, unless both are the same.
#[track_caller]
pub fn assert_same(found: &[(String, Vec<Vec<String>>)], wanted: &[(String, Vec<Vec<String>>)]) {
    assert_eq!(found.len(), wanted.len(), "tables");
    for ((name, found), (other, wanted)) in found.iter().zip(wanted) {
        assert_eq!(name, other);
        let stray = |some: &[Vec<String>], all: &[Vec<String>]| some.iter().find(|row| !all.contains(row)).cloned();
        assert!(
            found == wanted,
            "{name}: {} rows in place of {}; too much: {:?}; lost: {:?}",
            found.len(),
            wanted.len(),
            stray(found, wanted),
            stray(wanted, found)
        );
    }
}

/// Makes a backup with these words more, and gives the id of its snapshot.
pub fn create(site: &Site, tenant: &str, more: &str) -> String {
    let id = snapshot(&run(site, &format!("backup create --tenant {tenant} -o json {more}")).code(0));
    // Ids begin with a second: the next snapshot shall come after this one.
    std::thread::sleep(std::time::Duration::from_millis(1_010));
    id
}

/// The id of the snapshot that a run of `backup create` made.
pub fn snapshot(made: &Output) -> String {
    note(made, "snapshot ").unwrap_or_else(|| panic!("no snapshot is named:\n{made}"))
}

/// The archive that a run of `backup create` made.
pub fn archive(made: &Output) -> PathBuf {
    note(made, "it lies in ").unwrap_or_else(|| panic!("no archive is named:\n{made}")).into()
}

/// What follows these words in a note of the result.
fn note(output: &Output, start: &str) -> Option<String> {
    texts(&output.json()).into_iter().find_map(|text| text.strip_prefix(start).map(str::to_owned))
}

/// Every text of a document.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::Object(all) => all.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// A count over all steps of a run's result.
pub fn counted(output: &Output, name: &str) -> u64 {
    output.json()["totals"][name].as_u64().unwrap_or_else(|| panic!("nothing counted as {name}:\n{output}"))
}

/// The ids of the snapshots of a tenant, oldest first.
pub fn listed(site: &Site, tenant: &str) -> Vec<String> {
    let list = run(site, &format!("backup list --tenant {tenant} -o json")).code(0).json();
    let snapshots = list["snapshots"].as_array().expect("snapshots");
    snapshots.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
}

/// The folder of the repository.
pub fn repository(site: &Site) -> PathBuf {
    site.path(".fixtool/backups")
}

/// The files of the repository's parts.
pub fn parts(site: &Site) -> Vec<PathBuf> {
    super::site::files_below(&repository(site).join("parts"))
}

/// The namespaces of restores and drills, which belong to no tenant.
pub fn namespaces_beside(site: &Site) -> Vec<String> {
    match site.engine() {
        Engine::Postgres => {
            let sql = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'fixtool\\_%' ORDER BY 1";
            site.database().query(sql).into_iter().map(|row| row[0].clone()).collect()
        }
        Engine::Sqlite => super::site::files_below(&site.path(".fixtool"))
            .iter()
            .filter_map(|file| file.file_name()?.to_str().map(str::to_owned))
            .filter(|name| name.starts_with("fixtool_") && Path::new(name).extension().is_some_and(|end| end == "db"))
            .collect(),
    }
}

/// A command whose files cannot grow beyond some KiB: what a full disk looks like to a writer.
pub fn starved(site: &Site, blocks: u32, line: &str) -> Output {
    let fixtool = site.command();
    let mut command = Command::new("bash");
    command.current_dir(site.work()).env_clear();
    command.envs(fixtool.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {line}");
    command.arg("-c").arg(script).arg(fixtool.get_program());
    site.start(command).wait()
}

/// The safety copies that are listed: whose they are, their rows, their tables where these are not all.
pub fn safety_copies(site: &Site) -> Vec<(String, u64, Option<Vec<String>>)> {
    let list = run(site, "backup list -o json").code(0).json();
    let safety = |one: &&Value| one["told"]["safety_copy"] == true;
    let told = |one: &Value| {
        let tables = one["told"]["only_tables"].as_array();
        let tables = tables.map(|all| all.iter().map(|name| name.as_str().expect("a name").to_owned()).collect());
        (one["tenant"].as_str().expect("a tenant").to_owned(), one["told"]["rows"].as_u64().expect("rows"), tables)
    };
    list["snapshots"].as_array().expect("snapshots").iter().filter(safety).map(told).collect()
}
