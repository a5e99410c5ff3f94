//! The PostgreSQL server is restarted in the middle of a load: the load goes on by itself.

use std::time::Duration;

use crate::support::{PostgresDatabase, PrivatePostgres, Site, words};

const ROWS: u64 = 8_000;

fn restarted_in_the_middle(how: &str, filled: bool) {
    let server = PrivatePostgres::start(&[]);
    let site = Site::with_postgres(PostgresDatabase::on(&server.url()));
    let file = site.write("users.csv", words::users(ROWS));
    let some = site.write("some.csv", words::users(ROWS / 10));
    let more: &[&str] = if filled { &["--on-conflict", "overwrite", "--batch-size", "400"] } else { &[] };
    let prepare = |tenant: &str| {
        words::init(&site, tenant);
        if filled {
            words::load(&site, &some, tenant, "users").code(0);
        }
    };
    prepare("calm");
    let took = site.fixtool(words::load_words(&file, "calm", "users", more)).code(0).took;
    let wanted = site.contents("calm", "users", "id");

    for (number, place) in [0.3, 0.5, 0.7, 0.9].into_iter().enumerate() {
        let tenant = format!("storm{number}");
        prepare(&tenant);
        let mut load = site.spawn(words::load_words(&file, &tenant, "users", more));
        // What is tried is a restart in the middle of the work, not while the plan is made.
        load.wait_for_stderr("started");
        std::thread::sleep(took.mul_f64(place / 2.0));
        server.stop(how);
        std::thread::sleep(Duration::from_millis(300));
        server.start_again();
        load.wait().code(0);
        assert!(site.contents(&tenant, "users", "id") == wanted, "{how} restart at {place} of {took:?}");
    }
}

#[test]
fn an_orderly_restart_while_an_empty_table_is_loaded() {
    restarted_in_the_middle("fast", false);
}

#[test]
fn an_orderly_restart_while_a_filled_table_is_loaded() {
    restarted_in_the_middle("fast", true);
}

#[test]
fn a_crash_while_a_filled_table_is_loaded() {
    restarted_in_the_middle("immediate", true);
}

fn stopped_for_good_after(sign: &str) {
    let server = PrivatePostgres::start(&[]);
    let site = Site::with_postgres(PostgresDatabase::on(&server.url()));
    let file = site.write("users.csv", words::users(ROWS));
    words::init(&site, "acme");
    let mut load = site.spawn(words::load_words(&file, "acme", "users", &["--batch-size", "400"]));
    load.wait_for_stderr(sign);
    server.stop("fast");
    let output = load.wait();
    if output.code != 0 {
        output.code(5);
    }
    let listed = site.fixtool(["tenant", "list"]).code(5);
    assert!(listed.stderr.contains(&server.port().to_string()), "the place that does not answer is named:\n{listed}");

    server.start_again();
    let run = words::newest_run(&site).expect("the load is in the log");
    if !words::is_done(&site, &run) {
        site.fixtool(["op", "resume", &run, "--yes"]).code(0);
    }
    assert_eq!(site.count("acme", "users"), ROWS);
}

#[test]
fn a_server_that_stops_for_good_in_the_middle_is_named_and_nothing_is_lost() {
    stopped_for_good_after("24 %");
}

#[test]
fn a_server_that_stops_for_good_when_the_rows_are_in_is_named_and_nothing_is_lost() {
    stopped_for_good_after("8,000 inserted");
}
