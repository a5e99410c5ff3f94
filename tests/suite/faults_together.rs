//! Two loads at once: into one tenant one works and the other says who is there; into two tenants both work.

use crate::support::{Output, Site, on_both_engines, words};

const ROWS: u64 = 8_000;

fn one_tenant_has_one_writer(site: &Site) {
    let file = site.write("users.csv", words::users(ROWS));
    words::init(site, "acme");
    let first = site.spawn(words::load_words(&file, "acme", "users", &[]));
    let second = site.spawn(words::load_words(&file, "acme", "users", &[]));
    let mut outputs = [first.wait(), second.wait()];
    outputs.sort_by_key(|output| output.code);
    let [done, refused] = outputs;
    let done: Output = done.code(0);
    refused.code(7).says(&["data load", "tester@"]);
    assert_eq!(site.count("acme", "users"), ROWS, "{done}");
    // Whoever was refused comes through afterwards.
    site.fixtool(words::load_words(&file, "acme", "users", &["--on-conflict", "skip"])).code(0);
}

fn two_tenants_do_not_wait_for_each_other(site: &Site) {
    let file = site.write("users.csv", words::users(ROWS));
    for tenant in ["east", "west"] {
        words::init(site, tenant);
    }
    let (mut east, west) = (
        site.spawn(words::load_words(&file, "east", "users", &[])),
        site.spawn(words::load_words(&file, "west", "users", &[])),
    );
    // East is held still in the middle of its work: west is done all the same.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let stopped = !east.has_ended();
    if stopped && site.engine() == crate::support::Engine::Postgres {
        east.signal("STOP");
        west.wait().code(0);
        east.signal("CONT");
    } else {
        west.wait().code(0);
    }
    east.wait().code(0);
    for tenant in ["east", "west"] {
        assert_eq!(site.count(tenant, "users"), ROWS);
    }
}

on_both_engines!(one_tenant_has_one_writer, two_tenants_do_not_wait_for_each_other);
