//! Each rule as a function from text to what breaks it, and each tried on text that does.

use super::source::{named, tokens};

/// Rooms, and what each may import besides itself. `backends` and `operations` are taken apart
/// further in [`may_import`].
const TABLE: [(&str, &[&str]); 9] = [
    ("model", &[]),
    ("engine", &[]),
    ("backends", &["model"]),
    ("formats", &["model"]),
    ("rules", &["model"]),
    ("snapshots", &["model", "backends", "formats"]),
    ("operations", &["model", "engine", "backends", "formats", "rules", "snapshots"]),
    ("console", &["engine", "model"]),
    ("config", &["model"]),
];

/// The backends that implement the engine's traits.
const IMPLEMENTS_ENGINE: [&str; 2] = ["catalog", "site"];

/// Names that tell nobody what is inside.
const EMPTY_NAMES: [&str; 8] = ["core", "common", "utils", "util", "helpers", "helper", "types", "misc"];

/// The module of a file below `src`: `src/engine/plan.rs` is `["engine", "plan"]`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

fn part(path: &[String], at: usize) -> &str {
    path.get(at).map_or("", String::as_str)
}

fn may_import(from: &[String], to: &[String]) -> bool {
    let (room, target) = (part(from, 0), part(to, 0));
    // The crate's root and the command line may know everything.
    if matches!(room, "" | "main" | "cli") {
        return true;
    }
    if room == "operations" && target == "operations" {
        // What holds all nouns knows them; a noun knows itself alone.
        return from.len() == 1 || to.len() == 1 || part(from, 1) == part(to, 1);
    }
    if room == target {
        return true;
    }
    if room == "backends" && target == "engine" {
        return IMPLEMENTS_ENGINE.contains(&part(from, 1));
    }
    TABLE.iter().any(|(name, allowed)| *name == room && allowed.contains(&target))
}

/// Imports that the table does not allow.
pub fn imports(path: &str, source: &str) -> Vec<String> {
    let module = module_of(path);
    let mut broken: Vec<String> = named(source, &module)
        .into_iter()
        .filter(|named| !may_import(&module, &named.path))
        .map(|named| format!("{path}:{}: {} may not name {}", named.line, module.join("::"), named.path.join("::")))
        .collect();
    let room = part(&module, 0);
    if !matches!(room, "" | "main" | "cli") && !TABLE.iter().any(|(name, _)| *name == room) {
        broken.push(format!("{path}: the room {room} is not in the table"));
    }
    broken
}

/// Files that do not begin with module docs.
pub fn module_docs(path: &str, source: &str) -> Vec<String> {
    let first = source.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let documented = first.strip_prefix("//!").is_some_and(|text| text.trim().len() > 10);
    if documented { Vec::new() } else { vec![path.to_owned()] }
}

/// Files of more than 400 lines.
pub fn length(path: &str, source: &str) -> Vec<String> {
    let lines = source.lines().count();
    if lines > 400 { vec![format!("{path}: {lines} lines")] } else { Vec::new() }
}

/// Uses of the words `dry_run` in code or strings outside the command line.
pub fn dry_run(path: &str, source: &str) -> Vec<String> {
    if path.starts_with("src/cli/") {
        return Vec::new();
    }
    let found = tokens(source).into_iter().filter(|token| token.text.contains("dry_run"));
    found.map(|token| format!("{path}:{}: {}", token.line, token.text)).collect()
}

/// Lints that are put aside with `allow`, or without a reason.
pub fn lints(path: &str, source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut broken = Vec::new();
    for at in 0..tokens.len() {
        let open = if word(at + 1) == "!" { at + 2 } else { at + 1 };
        if word(at) != "#" || word(open) != "[" {
            continue;
        }
        let inside: Vec<&str> = (open + 1..tokens.len()).map(word).take_while(|&word| word != "]").collect();
        let put_aside = inside.first().is_some_and(|&first| matches!(first, "allow" | "expect"));
        if put_aside && (inside[0] == "allow" || !inside.contains(&"reason")) {
            broken.push(format!("{path}:{}: {}", tokens[at].line, inside.join("")));
        }
    }
    broken
}

/// Parts of a path that tell nothing.
pub fn name(path: &str) -> Vec<String> {
    let parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    parts.filter(|part| EMPTY_NAMES.contains(part)).map(|part| format!("{path}: {part}")).collect()
}

/// `(noun, verb)` of every verb folder among these paths.
fn verb_folders(paths: &[String]) -> std::collections::BTreeSet<(String, String)> {
    paths
        .iter()
        .filter_map(|path| {
            let parts: Vec<&str> = path.strip_prefix("src/operations/")?.split('/').collect();
            // A folder that shares its name with the start of verbs holds what those verbs share.
            let shared = |noun: &str, name: &str| {
                let start = format!("src/operations/{noun}/{name}_");
                paths.iter().any(|other| other.starts_with(&start))
            };
            (parts.len() >= 3 && !shared(parts[0], parts[1])).then(|| (parts[0].to_owned(), parts[1].to_owned()))
        })
        .collect()
}

/// Verbs whose folders lack one of their files: every verb has `mod.rs` and `observe.rs`, and one
/// that changes something has `plan.rs`, `apply.rs` and `error.rs`. Verbs that fail for the same reasons share the
/// `error.rs` of their noun.
pub fn verbs(paths: &[String]) -> Vec<String> {
    let mut broken = Vec::new();
    for (noun, verb) in verb_folders(paths) {
        let shared = format!("src/operations/{noun}/error.rs");
        let has = |file: &str| {
            paths.contains(&format!("src/operations/{noun}/{verb}/{file}"))
                || (file == "error.rs" && paths.contains(&shared))
        };
        let acts = ["plan.rs", "apply.rs"].iter().any(|file| has(file));
        let wanted: &[&str] =
            if acts { &["mod.rs", "observe.rs", "plan.rs", "apply.rs", "error.rs"] } else { &["mod.rs", "observe.rs"] };
        broken.extend(
            wanted
                .iter()
                .filter(|file| !has(file))
                .map(|file| format!("{noun} {verb} lacks src/operations/{noun}/{verb}/{file}")),
        );
    }
    broken
}

/// Verbs without a file of the command line or without an example.
pub fn mirrors(paths: &[String]) -> Vec<String> {
    let mut broken = Vec::new();
    for (noun, verb) in verb_folders(paths) {
        // `tenant credential set` is typed as three words and has a folder of the second.
        let command =
            [format!("src/cli/{noun}/{verb}.rs"), format!("src/cli/{noun}/{}.rs", verb.replacen('_', "/", 1))];
        let example = format!("examples/{noun}_{verb}.rs");
        if !command.iter().any(|file| paths.contains(file)) {
            broken.push(format!("{noun} {verb} lacks {}", command[0]));
        }
        if !paths.contains(&example) {
            broken.push(format!("{noun} {verb} lacks {example}"));
        }
    }
    broken
}

/// Examples that are too short or too long.
pub fn example(path: &str, source: &str) -> Vec<String> {
    let lines = source.lines().count();
    if (25..=45).contains(&lines) { Vec::new() } else { vec![format!("{path}: {lines} lines")] }
}

/// Where the module `name` that a file declares may lie.
pub fn module_files(file: &str, name: &str) -> [String; 2] {
    let (folder, last) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = last.trim_end_matches(".rs");
    let folder = if matches!(stem, "mod" | "lib" | "main") { folder.to_owned() } else { format!("{folder}/{stem}") };
    [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
}

/// Paths of this repository that a document names, in links and in backticks, and that are not there.
pub fn paths(document: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut broken = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut candidates: Vec<String> = Vec::new();
        for (at, piece) in line.split('`').enumerate() {
            let rooted = ["src/", "tests/", "docs/", "examples/", "benches/", "migrations/", ".ci/"];
            if at % 2 == 1 && rooted.iter().any(|start| piece.starts_with(start)) {
                candidates.push(piece.split([' ', ':', '#']).next().unwrap_or(piece).to_owned());
            }
        }
        for piece in line.split("](").skip(1) {
            let target = piece.split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && document.strip_suffix(".md").is_some() {
                candidates.push(if folder.is_empty() { target.to_owned() } else { format!("{folder}/{target}") });
            }
        }
        let placeholder = |path: &str| path.contains(['<', '>', '*', '…', '{']);
        broken.extend(
            candidates
                .into_iter()
                .filter(|path| !placeholder(path) && !exists(path))
                .map(|path| format!("{document}:{}: {path}", number + 1)),
        );
    }
    broken
}

/// Operators and types that a statement for PostgreSQL names without their schema: whoever may make others of the name could
/// offer one that fits better. Statements that must not know where they run, the catalog's, are not looked at.
pub fn unqualified(path: &str, source: &str) -> Vec<String> {
    const OPERATORS: [&str; 9] = ["=", "<>", "!=", "<=", ">=", "<", ">", "||", "IN"];
    const BEFORE: [&str; 9] = ["SET", "USING", "WHERE", "ON", "AND", "OR", "FROM", "HAVING", "WHEN"];
    let mut found = Vec::new();
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    for token in tokens(code).iter().filter(|token| token.text.contains('"')) {
        let sql: String = token.text.trim_matches('"').split('\'').step_by(2).collect::<Vec<_>>().join("L");
        let words: Vec<&str> = sql.split_ascii_whitespace().filter(|word| *word != "\\").collect();
        if !words.iter().any(|word| ["SELECT", "UPDATE", "DELETE", "INSERT", "WHERE", "JOIN"].contains(word)) {
            continue;
        }
        for (at, word) in words.iter().enumerate() {
            let clause = words[..at].iter().rfind(|word| BEFORE.contains(word));
            let assigns = *word == "=" && clause.is_some_and(|clause| matches!(*clause, "SET" | "USING"));
            let listed = *word != "IN" || words.get(at + 1).is_some_and(|next| next.starts_with('('));
            let bare = word.split("::").skip(1).any(|kind| !kind.starts_with("pg_catalog.") && !kind.starts_with('{'));
            if bare || OPERATORS.contains(word) && listed && !assigns {
                found.push(format!(
                    "{path}:{}: {}",
                    token.line,
                    words[at.saturating_sub(1)..].iter().take(3).copied().collect::<Vec<_>>().join(" ")
                ));
            }
        }
    }
    found
}
