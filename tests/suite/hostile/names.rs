//! Names that try to be more than names.

use std::os::unix::ffi::OsStringExt as _;

use crate::support::{Site, on_both_engines, site::files_below, words};

/// Ids that are none.
fn ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "",
        "ab",
        "..",
        "../..",
        "../../etc/passwd",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "acme.db",
        "acme\"",
        "acme'",
        "acme;",
        "acme; DROP SCHEMA fixtool CASCADE",
        "\"; DROP SCHEMA public CASCADE; --",
        "ACME",
        "-acme",
        "_acme",
        "--yes",
        "acme corp",
        " acme",
        "acme\n",
        "acme\t",
        "acme%",
        "%s%s%s%n",
        "${HOME}",
        "$(id)",
        "`id`",
        "acme\u{202e}",
        "аcme",
        "acmе",
        "ａｃｍｅ",
        "acmé",
        "👾👾👾",
        "acme\u{0301}",
        "pg_catalog;",
        "con:",
        "acme@host",
        "a b\"c'd",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    ids.push("x".repeat(51));
    ids.push("x".repeat(500));
    ids.push("é".repeat(500));
    ids
}

fn hostile_ids_are_refused_and_leave_nothing_behind(site: &Site) {
    words::init(site, "acme");
    let before = files_below(&site.work());
    for id in ids() {
        for command in [["tenant", "init"], ["tenant", "show"], ["tenant", "suspend"]] {
            let output = site.fixtool([command[0], command[1], "--yes", "--", id.as_str()]);
            let refused = matches!(output.code, 1 | 2) || (output.code == 0 && command[1] == "show");
            assert!(refused && !output.stderr.contains("panicked"), "{id:?}:\n{output}");
            assert!(!output.stderr.contains('\u{1b}'), "an escape byte reaches the terminal: {id:?}");
            assert!(output.stderr.len() < 4_000, "{id:?} is answered at length:\n{output}");
        }
    }
    assert_eq!(before, files_below(&site.work()), "no new file");
    let listed = site.fixtool(["tenant", "list", "--output", "json"]).code(0).json();
    assert_eq!(listed["tenants"].as_array().map(Vec::len), Some(1), "{listed}");
}
on_both_engines!(hostile_ids_are_refused_and_leave_nothing_behind);

fn odd_files_are_refused(site: &Site) {
    words::init(site, "acme");
    std::fs::create_dir(site.path("folder.csv")).expect("a folder");
    std::os::unix::fs::symlink("loop.csv", site.path("loop.csv")).expect("a link to itself");
    for name in ["folder.csv", "loop.csv", "nowhere.csv", "/dev/null", "-"] {
        let output = site.fixtool(["data", "load", name, "--tenant", "acme", "--data-types", "users", "--yes"]);
        assert!(matches!(output.code, 1 | 2) && !output.stderr.contains("panicked"), "{name}:\n{output}");
    }
    let name = std::ffi::OsString::from_vec(b"data\xff.csv".to_vec());
    std::fs::write(site.work().join(&name), words::users(3)).expect("a file with a name that is no UTF-8");
    let mut command = site.command();
    command.args(["data", "load", "--tenant", "acme", "--data-types", "users", "--yes"]).arg(&name);
    let output = site.start(command).wait();
    assert!(matches!(output.code, 0..=2) && !output.stderr.contains("panicked"), "{output}");
}
on_both_engines!(odd_files_are_refused);

#[test]
fn hostile_table_names_are_quoted() {
    let site = Site::postgres();
    site.database().query(
        "CREATE SCHEMA \"od\"\"d; DROP\"; \
         CREATE TABLE \"od\"\"d; DROP\".\"ta\"\"ble'; --\" (\"co\"\"l\" int PRIMARY KEY, \"select\" text, \"ünï\" text)",
    );
    let output = site.fixtool(["pack", "introspect", "od\"d; DROP", "--output-path", "odd", "--name", "odd"]);
    assert!(matches!(output.code, 0 | 1) && !output.stderr.contains("panicked"), "{output}");
    let tables = site.database().query("SELECT count(*) FROM pg_tables WHERE schemaname = 'od\"d; DROP'");
    assert_eq!(tables, [["1"]]);
}
