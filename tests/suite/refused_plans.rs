//! A saved plan is carried out once, on its target, as it was reviewed; anything else is refused with exit code 6,
//! each for its own reason.

use std::fs;

use crate::support::{Output, Site, on_both_engines, words};

/// Saves the plan of loading a hundred users into `acme`.
fn saved_plan(site: &Site) -> String {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(100));
    let plan = site.path("plan.json");
    let to = plan.to_str().expect("a path in UTF-8").to_owned();
    let mut load = words::load_words(&file, "acme", "users", &["--plan-out", &to]);
    load.retain(|word| *word != "--yes");
    site.fixtool(load).code(0);
    assert_eq!(site.count("acme", "users"), 0, "a saved plan has changed nothing");
    to
}

fn carry_out(site: &Site, plan: &str) -> Output {
    site.fixtool(["data", "load", "--plan", plan])
}

fn a_plan_is_carried_out_once(site: &Site) {
    let plan = saved_plan(site);
    carry_out(site, &plan).code(0);
    assert_eq!(site.count("acme", "users"), 100);
    let again = carry_out(site, &plan).code(6);
    assert!(again.stderr.contains("already") || again.stderr.contains("before"), "{again}");
    assert_eq!(site.count("acme", "users"), 100);
}

fn a_stale_plan_is_refused(site: &Site) {
    let plan = saved_plan(site);
    let other = site.write("other.csv", "email,name\nzoe@example.com,Zoe\n");
    words::load(site, &other, "acme", "users").code(0);
    let stale = carry_out(site, &plan).code(6);
    assert!(stale.stderr.contains("stale") || stale.stderr.contains("changed"), "{stale}");
    assert_eq!(site.count("acme", "users"), 1);
}

fn a_plan_whose_source_changed_is_refused(site: &Site) {
    let plan = saved_plan(site);
    site.write("users.csv", words::users(101));
    let code = carry_out(site, &plan).code;
    assert_eq!(code, 6);
    assert_eq!(site.count("acme", "users"), 0);
}

fn an_edited_plan_is_refused(site: &Site) {
    let plan = saved_plan(site);
    let text = fs::read_to_string(&plan).expect("the plan");
    // Another tenant of the same length, so that only the meaning changes.
    words::init(site, "acne");
    fs::write(&plan, text.replace("acme", "acne")).expect("the plan");
    let edited = carry_out(site, &plan).code(6);
    assert!(edited.stderr.contains("edited") || edited.stderr.contains("digest"), "{edited}");
    for broken in ["", "{}", "[]", "not JSON", &text[..text.len() / 2]] {
        fs::write(&plan, broken).expect("the plan");
        let output = carry_out(site, &plan);
        assert!(matches!(output.code, 2 | 6) && !output.stderr.contains("panicked"), "{broken:?}: {output}");
    }
    assert_eq!(site.count("acme", "users") + site.count("acne", "users"), 0);
}

fn a_plan_for_another_database_is_refused(site: &Site) {
    let plan = saved_plan(site);
    let elsewhere = if site.engine() == crate::support::Engine::Postgres { Site::postgres() } else { Site::sqlite() };
    words::init(&elsewhere, "acme");
    let refused = carry_out(&elsewhere, &plan).code(6);
    assert!(!refused.stderr.is_empty());
    assert_eq!(elsewhere.count("acme", "users"), 0);
}

fn a_plan_of_another_command_is_refused(site: &Site) {
    let plan = saved_plan(site);
    let refused = site.fixtool(["tenant", "drop", "--plan", &plan]);
    assert!(matches!(refused.code, 2 | 6), "{refused}");
    assert!(site.has_namespace("acme"));
}

fn what_destroys_wants_the_name(site: &Site) {
    words::init(site, "acme");
    for words in [vec!["tenant", "drop", "acme"], vec!["tenant", "drop", "acme", "--yes"]] {
        site.fixtool(words).code(6).says(&["--confirm"]);
    }
    site.fixtool(["tenant", "drop", "acme", "--yes", "--confirm", "acne"]).code(6);
    assert!(site.has_namespace("acme"));
    site.fixtool(["tenant", "drop", "acme", "--confirm", "acme"]).code(0);
    assert!(!site.has_namespace("acme"));
}

/// What only adds needs no consent; what changes something does, and nobody is there to be asked.
fn without_a_terminal_nothing_asks(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(10));
    let mut load = words::load_words(&file, "acme", "users", &["--on-conflict", "overwrite"]);
    load.retain(|word| *word != "--yes");
    site.fixtool(load).code(6).says(&["--yes"]);
    assert_eq!(site.count("acme", "users"), 0);
}

on_both_engines!(
    a_plan_is_carried_out_once,
    a_stale_plan_is_refused,
    a_plan_whose_source_changed_is_refused,
    an_edited_plan_is_refused,
    a_plan_for_another_database_is_refused,
    a_plan_of_another_command_is_refused,
    what_destroys_wants_the_name,
    without_a_terminal_nothing_asks,
);
