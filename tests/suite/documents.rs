//! What the documents tell a user to type is typed.

mod tour;

use std::fs;
use std::path::Path;

use crate::support::site::files_below;
use crate::support::{Site, on_both_engines, words};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a document")
}

/// Every line that a document shows in a block of shell, as `(document, line)`.
fn shell_lines() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = files_below(&root.join("docs"));
    documents.push(root.join("README.md"));
    let mut lines = Vec::new();
    for document in documents.iter().filter(|path| path.extension().is_some_and(|ext| ext == "md")) {
        let text = fs::read_to_string(document).expect("a document");
        let mut inside = false;
        for line in text.lines() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                inside = !inside && matches!(language, "sh" | "console");
            } else if inside {
                let line = line.trim().trim_start_matches("$ ");
                lines.push((document.display().to_string(), line.to_owned()));
            }
        }
    }
    lines
}

/// The part of a shell line that begins with `fixtool` and ends before a pipe, a redirection or a comment.
fn own_words(line: &str) -> Option<Vec<String>> {
    let start = line.split(" | ").find(|part| part.trim_start().starts_with("fixtool "))?;
    let end = [" < ", " > ", " 2>", " && ", " # ", "   #"].iter().filter_map(|mark| start.find(mark)).min();
    let own = end.map_or(start, |end| &start[..end]);
    Some(own.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect())
}

#[test]
fn every_line_of_the_documents_is_understood() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (document, line) in shell_lines() {
        let Some(words) = own_words(&line) else { continue };
        seen += 1;
        if let Err(error) = fixtool::cli::command().try_get_matches_from(&words) {
            use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
            if !matches!(error.kind(), DisplayHelp | DisplayVersion) {
                let told = error.to_string();
                wrong.push(format!("{document}: {line}\n    {}", told.lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(seen > 20, "{seen} lines were found");
    assert!(wrong.is_empty(), "these lines are not understood:\n{}", wrong.join("\n"));
}

/// `(old, new, since)` of each row.
fn old_lines() -> Vec<(String, String, String)> {
    read("docs/from-the-python-scripts.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> =
                line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
            (cells[0].to_owned(), cells[1].to_owned(), cells[2].trim_end_matches('|').trim().to_owned())
        })
        .collect()
}

/// The lines of the table run one after the other on one site, as an administrator moves over.
fn every_line_of_the_table_of_old_lines_runs(site: &Site) {
    words::fixtures_of_the_newest(site, "fixtures");
    words::seal_backups(site);
    let lines = old_lines();
    let now: Vec<_> = lines.iter().filter(|(_, _, since)| since == "now").collect();
    assert!(now.len() >= 3 && lines.len() > 10, "{lines:?}");
    for (_, new, _) in &now {
        // The archive's name tells the time at which it was made.
        let archive = files_below(&site.path("backups")).pop().map(|path| path.display().to_string());
        site.line(&new.replace("FILE", archive.as_deref().unwrap_or("FILE"))).code(0);
    }
    assert_eq!(site.count("beta", "users"), site.count("acme", "users"), "beta was restored from acme's archive");
    assert!(site.count("acme", "users") > 100 && site.count("acme", "content_generated") > 0);
    assert!(!site.has_namespace("trial"), "the demo leaves nothing behind");
}

/// The old names of flags are understood where they differ.
fn the_old_names_of_flags_are_understood(site: &Site) {
    words::fixtures_of_the_newest(site, "fixtures");
    for line in [
        "fixtool tenant init --tenant-id acme --tier enterprise --initialize-data --admin-email ada@example.com",
        "fixtool data load --tenant-id acme --data-types users,ai_sessions,content --source-path ./fixtures --batch-size 100 \
         --validate-data",
    ] {
        site.line(line).code(0);
    }
    assert!(site.count("acme", "users") > 100);
}

on_both_engines!(every_line_of_the_table_of_old_lines_runs, the_old_names_of_flags_are_understood);
