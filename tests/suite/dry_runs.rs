//! A dry run leaves everything byte for byte as it was, and works for a user who may only read.

use crate::support::{Engine, Site, on_both_engines, words};

/// One line for every command that writes.
const LINES: [&str; 22] = [
    "tenant init beta --tier starter --initialize-data --admin-email ada@example.com",
    "tenant set-tier acme starter",
    "tenant suspend acme",
    "tenant rename acme omega",
    "tenant clone acme beta",
    "tenant clone acme beta --mask-pii --tier professional",
    "tenant drop acme",
    "data load users.csv --tenant acme --data-types users --on-conflict overwrite",
    "data load users.csv --tenant acme --data-types users --mode incremental",
    "data load users.csv --tenant acme --data-types users --mode incremental --delete-missing",
    "data load bad.csv --tenant acme --data-types users --on-error reject",
    "data load users.csv --tenant * --data-types users --on-conflict skip",
    "op undo RUN",
    "tenant adopt gamma --namespace tenant_acme --pack spotify-ai-agent",
    "tenant credential set acme spotify client_secret --file secret.txt",
    "backup create --tenant acme",
    "backup create --tenant acme --backup-type incremental --output-path archives",
    "backup restore acme",
    "backup restore acme --tenant beta",
    "backup verify --tenant acme",
    "backup verify --tenant acme --level drill",
    "backup keygen",
];

fn a_dry_run_changes_nothing(site: &Site) {
    let reader = prepared(site);
    let run = words::done_run(site, "data.load");
    let before = site.image();
    let files = crate::support::site::files_below(&site.work());
    for line in LINES {
        let line = line.replace("RUN", &run);
        let mut command = site.command();
        command.args(line.split(' ')).arg("--dry-run").envs(reader.iter().map(|(name, value)| (name, value)));
        let output = site.start(command).wait();
        // What would be refused is refused in a dry run too, but nothing breaks and nothing changes.
        assert!(matches!(output.code, 0 | 1 | 3 | 6), "{line}:\n{output}");
        assert!(
            !output.stderr.contains("panicked") && !output.stderr.contains("permission denied"),
            "{line}:\n{output}"
        );
        assert!(site.image() == before, "{line} changed something:\n{output}");
    }
    assert_eq!(files, crate::support::site::files_below(&site.work()), "no file came or went");
}

/// A site with a tenant, some rows and files; the environment of one who may only read.
fn prepared(site: &Site) -> Vec<(String, String)> {
    words::init(site, "acme");
    let some = site.write("some.csv", words::users(100));
    words::load(site, &some, "acme", "users").code(0);
    site.line("fixtool backup create --tenant acme").code(0);
    site.write("users.csv", words::users(150));
    site.write("bad.csv", format!("{}x,y\n", words::users(120)));
    site.write("secret.txt", "s3cr3t");
    match site.engine() {
        Engine::Postgres => vec![("DATABASE_URL".to_owned(), site.database().read_only_user())],
        Engine::Sqlite => Vec::new(),
    }
}

fn a_dry_run_says_what_the_run_then_does(site: &Site) {
    words::init(site, "acme");
    let bad = site.write("bad.csv", format!("{}x,y\n", words::users(50)));
    let more = ["--on-error", "reject", "--output", "json", "--rejects", "rejects"];
    let foretold = site.fixtool(words::load_words(&bad, "acme", "users", &[&more[..], &["--dry-run"]].concat()));
    assert!(!site.path("rejects").exists(), "a dry run writes no rejects file");
    let done = site.fixtool(words::load_words(&bad, "acme", "users", &more)).code(3);
    assert_eq!(site.count("acme", "users"), 50);
    for output in [&foretold, &done] {
        assert!(output.stdout.contains("50") && output.stdout.contains('1'), "{output}");
    }
    foretold.json();
    done.json();
}

fn looking_changes_nothing(site: &Site) {
    let reader = prepared(site);
    let before = site.image();
    for line in [
        "tenant list",
        "tenant show acme",
        "op log",
        "op verify",
        "pack list",
        "pack show spotify-ai-agent",
        "doctor",
        "config show",
        "tenant credential list acme",
        "data export --tenant acme --data-types users --output-dir -",
        "backup list",
        "backup show acme",
    ] {
        let mut command = site.command();
        command.args(line.split(' ')).envs(reader.iter().map(|(name, value)| (name, value)));
        let output = site.start(command).wait();
        assert!(output.code == 0 || (line == "doctor" && output.code == 10), "{line}:\n{output}");
        assert!(site.image() == before, "{line} changed something:\n{output}");
    }
}

on_both_engines!(a_dry_run_changes_nothing, a_dry_run_says_what_the_run_then_does, looking_changes_nothing);
