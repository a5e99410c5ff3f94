//! A source without the key's column: the key comes from its default, on both roads, and undo finds the rows.

use std::fmt::Write as _;

use crate::support::{Site, on_both_engines, words};

fn people(numbers: std::ops::Range<u32>) -> String {
    numbers.fold(String::from("email,name\n"), |mut text, number| {
        let _ = writeln!(text, "person{number}@example.com,Person {number}");
        text
    })
}

fn loaded_and_undone(site: &Site, rows: u32) {
    words::init(site, "acme");
    let first = site.write("first.csv", people(0..3));
    words::load(site, &first, "acme", "users").code(0);
    let kept = site.contents("acme", "users", "email");
    let more = site.write("more.csv", people(3..3 + rows));
    words::load(site, &more, "acme", "users").code(0);
    assert_eq!(site.count("acme", "users"), u64::from(rows) + 3);
    assert_eq!(site.value("acme", "SELECT count(DISTINCT id) FROM users"), (rows + 3).to_string());
    words::load(site, &more, "acme", "users").code(1).says(&["email"]);
    let run = words::done_run(site, "data.load");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
    assert_eq!(site.contents("acme", "users", "email"), kept, "undo removes exactly what the second load inserted");
}

fn a_filled_table(site: &Site) {
    loaded_and_undone(site, 400);
}

fn an_empty_table(site: &Site) {
    words::init(site, "acme");
    // Large enough to be loaded before the indexes are built.
    let file = site.write("people.csv", people(0..4_000));
    words::load(site, &file, "acme", "users").code(0);
    assert_eq!(site.value("acme", "SELECT count(DISTINCT id) FROM users"), "4000");
    let run = words::done_run(site, "data.load");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
    assert_eq!(site.count("acme", "users"), 0);
}

on_both_engines!(a_filled_table, an_empty_table);
