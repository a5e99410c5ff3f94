//! `fixtool op undo`, as it is typed: a plan like any other.

use crate::support::{Site, on_both_engines, words};

/// A tenant with a load; the load's run.
fn loaded(site: &Site) -> String {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(200));
    words::load(site, &file, "acme", "users").code(0);
    words::newest_run(site).expect("a run")
}

fn an_undo_wants_its_own_consent_and_is_done_once(site: &Site) {
    let run = loaded(site);
    let before = site.image();
    site.fixtool(["op", "undo", &run, "--dry-run"]).code(0);
    assert_eq!(site.image(), before);
    site.fixtool(["op", "undo", &run]).code(6).says(&["--confirm acme"]);
    site.fixtool(["op", "undo", &run, "--yes"]).code(6).says(&["--confirm acme"]);
    assert_eq!(site.count("acme", "users"), 200);

    site.fixtool(["op", "undo", &run[..16], "--confirm", "acme"]).code(0);
    assert_eq!(site.count("acme", "users"), 0);
    let shown = site.fixtool(["op", "show", &run, "-o", "json"]).code(0).json();
    let undoing = shown["undone_by"].as_str().expect("it was undone").to_owned();
    assert_eq!(shown["next"], serde_json::json!([]));
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(6).says(&["was undone by run", &undoing]);
    site.fixtool(["op", "resume", &run]).code(6).says(&["was undone by run"]);
    let undoing = site.fixtool(["op", "show", &undoing, "-o", "json"]).code(0).json();
    assert_eq!(undoing["follows"].as_str(), Some(run.as_str()));
    let file = site.path("users.csv");
    words::load(site, &file, "acme", "users").code(0);
    assert_eq!(site.count("acme", "users"), 200);
}

fn an_undo_can_be_saved_and_carried_out_later(site: &Site) {
    let run = loaded(site);
    site.fixtool(["op", "undo", &run, "--plan-out", "undo.json"]).code(0);
    assert_eq!(site.count("acme", "users"), 200);
    site.line("fixtool op undo --plan undo.json").code(6).says(&["--confirm acme"]);
    site.line("fixtool op undo --plan undo.json --confirm acme").code(0);
    assert_eq!(site.count("acme", "users"), 0);
    let again = site.line("fixtool op undo --plan undo.json --confirm acme").code(6);
    assert!(again.stderr.contains("already"), "{again}");
}

fn a_saved_undo_is_stale_when_another_run_came_in_between(site: &Site) {
    let run = loaded(site);
    site.fixtool(["op", "undo", &run, "--plan-out", "undo.json"]).code(0);
    let more = site.write("more.csv", words::users(230));
    site.fixtool(words::load_words(&more, "acme", "users", &["--on-conflict", "skip"])).code(0);
    site.line("fixtool op undo --plan undo.json --confirm acme").code(6).says(&["stale"]);
    assert_eq!(site.count("acme", "users"), 230);
}

on_both_engines!(
    an_undo_wants_its_own_consent_and_is_done_once,
    an_undo_can_be_saved_and_carried_out_later,
    a_saved_undo_is_stale_when_another_run_came_in_between
);
