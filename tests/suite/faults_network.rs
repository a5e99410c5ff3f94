//! Connections that are cut while they are made, and a network that swallows everything.

use std::time::{Duration, Instant};

use crate::support::{PostgresDatabase, Proxy, Site, often, words};

fn behind_a_proxy() -> (Site, Proxy) {
    let database = PostgresDatabase::new();
    let proxy = Proxy::before(&database);
    let mut site = Site::with_postgres(database);
    site.set("DATABASE_URL", proxy.url());
    (site, proxy)
}

#[test]
fn a_connection_that_is_cut_while_it_is_made_is_made_again() {
    let (site, proxy) = behind_a_proxy();
    for listen_first in [false, true] {
        for times in [2, 3, 5] {
            proxy.hang_up(times, listen_first);
            site.fixtool(["tenant", "list"]).code(0);
            assert_eq!(proxy.hang_ups_left(), 0, "{times} connections were cut");
        }
    }
    proxy.hang_up(3, true);
    words::init(&site, "acme");
    let file = site.write("users.csv", words::users(200));
    let mut load = site.spawn(words::load_words(&file, "acme", "users", &[]));
    load.wait_for_stderr("started");
    proxy.hang_up(3, false);
    load.wait().code(0);
    assert_eq!(site.count("acme", "users"), 200);
    assert!(proxy.was_greeted_with("tcp_user_timeout=30000"), "the server is told to look for clients that vanished");
}

#[test]
fn who_always_hangs_up_is_not_asked_for_long() {
    let (site, proxy) = behind_a_proxy();
    proxy.hang_up(u32::MAX, true);
    let output = site.fixtool(["tenant", "list"]).code(5);
    assert!(output.took < Duration::from_secs(25), "{output}");
    output.says(&["does not answer", "fixtool::database::unreachable"]);
}

/// A load whose network swallows everything in the middle; `patience` is how long a connection may take.
fn swallowed(patience: Option<&str>, rows: u64, within: Duration) {
    let (mut site, proxy) = behind_a_proxy();
    words::init(&site, "acme");
    let some = site.write("some.csv", words::users(rows / 10));
    words::load(&site, &some, "acme", "users").code(0);
    if let Some(patience) = patience {
        site.set("FIXTOOL_DATABASE_CONNECT_TIMEOUT", patience);
    }
    let file = site.write("users.csv", words::users(rows));
    let more = ["--on-conflict", "overwrite", "--batch-size", "50"];
    let mut load = site.spawn(words::load_words(&file, "acme", "users", &more));
    load.wait_for_stderr("staging table): started");
    std::thread::sleep(Duration::from_millis(500));
    assert!(!load.has_ended(), "it is in the middle");
    let began = Instant::now();
    proxy.fall_silent();
    let output = load.wait();
    assert!(began.elapsed() < within, "{:?}:\n{output}", began.elapsed());
    output.code(5).says(&["does not answer", "op resume"]);

    // Over another network: the lease expires, and whoever takes over ends what the server still believes in.
    let url = site.database().url();
    site.set("DATABASE_URL", url);
    words::let_leases_expire(&site);
    let run = words::newest_run(&site).expect("a run");
    site.fixtool(["op", "resume", &run, "--yes"]).code(0);
    assert_eq!(site.count("acme", "users"), rows);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'fixtool' AND xact_start IS NOT NULL";
    assert_eq!(site.database().query(open), [["0"]], "no transaction is left on the server");
}

#[test]
fn a_run_in_a_black_hole_gives_up_and_goes_on_elsewhere() {
    swallowed(Some("500ms"), 6_000, Duration::from_secs(20));
}

#[test]
fn in_a_black_hole_a_run_gives_up_within_a_minute() {
    if often(0, 1) > 0 {
        swallowed(None, 20_000, Duration::from_mins(1));
    }
}

#[test]
fn a_statement_that_takes_long_is_waited_for() {
    let (mut site, _proxy) = behind_a_proxy();
    words::init(&site, "acme");
    site.set("FIXTOOL_DATABASE_CONNECT_TIMEOUT", "500ms");
    let seconds = often(3, 60);
    site.query(
        "acme",
        &format!(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END'; \
             CREATE TRIGGER slowly AFTER INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION slowly()"
        ),
    );
    let file = site.write("users.csv", words::users(10));
    words::load(&site, &file, "acme", "users").code(0);
    assert_eq!(site.count("acme", "users"), 10);
}
