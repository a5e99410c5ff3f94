//! The rules of the house, as tests: who may import whom, how long a file may be, where things lie.
//!
//! The rules are functions of text, so that each of them is tried on text that breaks it.

mod rules;
mod source;
mod tried;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::site::files_below;

/// What may lie at the top of the repository.
const TOP: [&str; 15] = [
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "benches",
    "clippy.toml",
    "docs",
    "examples",
    "migrations",
    "rustfmt.toml",
    "src",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of a folder of the repository, as paths from its root with `/`.
fn files(folder: &str) -> Vec<String> {
    let folder = root().join(folder);
    files_below(&folder)
        .into_iter()
        .map(|file| file.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned())
        .collect()
}

fn rust_files(folders: &[&str]) -> Vec<(String, String)> {
    let rust = folders.iter().flat_map(|folder| files(folder)).filter(|path| ends_with(path, "rs"));
    rust.map(|path| (path.clone(), read(&path))).collect()
}

fn ends_with(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

#[track_caller]
fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

fn over_all(folders: &[&str], rule: impl Fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let files = rust_files(folders);
    assert!(!files.is_empty(), "{folders:?} hold Rust files");
    files.iter().flat_map(|(path, source)| rule(path, source)).collect()
}

#[test]
fn each_room_imports_only_what_it_may() {
    assert_none("the import table of docs/architecture.md", &over_all(&["src"], rules::imports));
}

#[test]
fn every_file_says_what_it_is() {
    let all = ["src", "tests", "examples", "benches", "migrations"];
    assert_none("a file begins with //! docs", &over_all(&all, rules::module_docs));
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let all = ["src", "tests", "examples", "benches", "migrations"];
    assert_none("at most 400 lines a file", &over_all(&all, rules::length));
}

#[test]
fn dry_run_is_unknown_below_the_command_line() {
    assert_none("a dry run is a function that is not called", &over_all(&["src"], rules::dry_run));
}

#[test]
fn a_lint_is_put_aside_with_a_reason_only() {
    assert_none("#[expect(lint, reason = \"…\")]", &over_all(&["src"], rules::lints));
}

#[test]
fn statements_name_operators_and_types_in_full() {
    let folder = ["src/backends/database/postgres"];
    assert_none("say OPERATOR(pg_catalog.…) and pg_catalog.TYPE", &over_all(&folder, rules::unqualified));
}

#[test]
fn folders_and_files_have_names_that_tell_something() {
    let all = ["src", "tests", "examples", "benches", "migrations", "docs"];
    let broken: Vec<_> = all.iter().flat_map(|folder| files(folder)).flat_map(|path| rules::name(&path)).collect();
    assert_none("no such name", &broken);
}

#[test]
fn every_verb_has_its_files() {
    assert_none("the files of a verb", &rules::verbs(&files("src")));
}

#[test]
fn every_verb_has_its_command_and_its_example() {
    let mut all = files("src");
    all.extend(files("examples"));
    assert_none("names mirror each other", &rules::mirrors(&all));
}

#[test]
fn examples_are_short_enough_to_read_and_long_enough_to_run() {
    assert_none("25 to 45 lines an example", &over_all(&["examples"], rules::example));
}

#[test]
fn the_top_of_the_repository_holds_what_is_known() {
    let known: BTreeSet<&str> = TOP.into_iter().chain(["tests", ".git", "target", ".fixtool"]).collect();
    let found = fs::read_dir(root()).expect("the root").map(|entry| entry.expect("an entry").file_name());
    let strangers: Vec<String> =
        found.map(|name| name.to_string_lossy().into_owned()).filter(|name| !known.contains(name.as_str())).collect();
    assert_none("a new file at the top needs a reason", &strangers);
    let missing: Vec<String> = TOP.iter().filter(|name| !root().join(name).exists()).map(ToString::to_string).collect();
    assert_none("missing at the top", &missing);
}

#[test]
fn no_file_is_forgotten_by_its_parent() {
    for (folder, start) in [("src", "src/lib.rs"), ("tests/suite", "tests/suite/main.rs")] {
        let mut reached = BTreeSet::from([String::from("src/main.rs")]);
        let mut open = vec![start.to_owned()];
        while let Some(file) = open.pop() {
            for name in source::declared(&read(&file)) {
                open.extend(rules::module_files(&file, &name).into_iter().filter(|path| root().join(path).exists()));
            }
            reached.insert(file);
        }
        let orphans: Vec<String> =
            files(folder).into_iter().filter(|path| ends_with(path, "rs") && !reached.contains(path)).collect();
        assert_none("no `mod` names this file, so it is never compiled", &orphans);
    }
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let mut documents = files("docs");
    documents.extend(["README.md", "CHANGELOG.md", "src/lib.rs"].map(String::from));
    documents.retain(|path| ends_with(path, "md") || ends_with(path, "rs"));
    let exists = |path: &str| root().join(path).exists();
    let broken: Vec<_> =
        documents.iter().flat_map(|path| rules::paths(path, &read(path), exists)).collect::<Vec<String>>();
    assert_none("a document names what is not there", &broken);
    assert!(documents.len() > 3, "there are documents: {documents:?}");
}

#[test]
fn scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    let scripts: Vec<PathBuf> = [".ci/run", "tests/with-services.sh"].iter().map(|path| root().join(path)).collect();
    for script in scripts {
        let mode = fs::metadata(&script).expect("the script").permissions().mode();
        assert!(mode & 0o111 != 0, "{} is executable", script.display());
    }
}
