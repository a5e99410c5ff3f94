//! The tests' own tools, tested: a tool that says yes to everything would hide every failure.

use std::time::Duration;

use crate::support::{
    Engine, PostgresDatabase, PrivatePostgres, PrivateRedis, Redis, Site, TestEnvironment, generate, site, unique,
    variable,
};

#[test]
fn a_database_is_made_read_and_dropped() {
    let database = PostgresDatabase::new();
    let url = database.url();
    let found =
        database.query("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, NULL), (2, E'x\\ny'); TABLE t");
    assert_eq!(found, [["1", "\\N"], ["2", "x\ny"]]);
    drop(database);
    let name = url.rsplit_once('/').expect("a name").1;
    let left = site::psql(&variable("FIXTOOL_TEST_POSTGRES"), "SELECT datname FROM pg_database");
    assert!(!left.contains(name), "{name} is gone");
}

#[test]
fn a_read_only_user_reads_and_cannot_write() {
    let database = PostgresDatabase::new();
    database.query("CREATE SCHEMA s; CREATE TABLE s.t (a int)");
    let reader = database.read_only_user();
    assert_eq!(site::psql(&reader, "SELECT count(*) FROM s.t"), "0");
    let refused = std::panic::catch_unwind(|| site::psql(&reader, "INSERT INTO s.t VALUES (1)"));
    assert!(refused.is_err());
}

#[test]
fn the_image_of_a_site_sees_a_row_that_was_written_twice() {
    let site = Site::postgres();
    assert_eq!(site.engine(), Engine::Postgres);
    site.database().query("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    let before = site.image();
    assert_eq!(before, site.image(), "looking changes nothing");
    site.database().query("UPDATE t SET a = 1");
    assert_ne!(before, site.image());
}

#[test]
fn a_private_postgres_comes_back_after_a_crash() {
    let server = PrivatePostgres::start(&["max_connections=20", "fsync=on"]);
    site::psql(&server.url(), "CREATE TABLE t (a int)");
    server.stop("immediate");
    server.start_again();
    assert_eq!(site::psql(&server.url(), "SELECT count(*) FROM t"), "0");
    assert_eq!(site::psql(&server.url(), "SHOW max_connections"), "20");
}

#[test]
fn a_private_redis_forgets_when_it_is_killed() {
    let mut server = PrivateRedis::start();
    let mut redis = Redis::connect(&server.url());
    redis.set("tenant:acme:config", "x");
    assert_eq!(redis.keys("tenant:acme:*"), ["tenant:acme:config"]);
    server.start_again();
    assert!(Redis::connect(&server.url()).keys("*").is_empty());
}

#[test]
fn the_shared_redis_answers() {
    let key = unique("support");
    let mut redis = Redis::connect(&Redis::shared_url());
    redis.set(&key, "värde");
    assert_eq!(redis.command(&["GET", &key]), ["värde"]);
    assert_eq!(redis.command(&["UNLINK", &key]), ["1"]);
    assert!(redis.command(&["GET", &key]).is_empty());
}

#[test]
fn a_run_is_captured_and_a_sleeper_is_killed() {
    let environment = TestEnvironment::new();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "echo out; echo err >&2; exit 3"]);
    let output = environment.start(command).wait().code(3);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));

    let mut command = std::process::Command::new("sleep");
    command.arg("60");
    assert!(environment.start(command).kill_after(Duration::from_millis(30)));
    let mut command = std::process::Command::new("sleep");
    command.arg("60");
    let running = environment.start(command);
    running.signal("TERM");
    running.wait().code(143);
}

#[test]
fn what_differs_from_run_to_run_is_scrubbed() {
    let environment = TestEnvironment::new();
    let text = format!(
        "{}/users.csv at 2026-11-23T06:30:00.123456Z, run 0192f0c1d2e37a4b8c5d6e7f8091a2b3, 1.25 s, 12ms, 34,567 rows/s",
        environment.work().display()
    );
    assert_eq!(environment.scrub(&text), "[WORK]/users.csv at [TIME], run [RUN], [DURATION], [DURATION], [RATE]");
}

#[test]
fn generated_users_are_the_same_for_the_same_seed_and_unique() {
    let users = generate::users_csv(2_000, 7);
    assert_eq!(users, generate::users_csv(2_000, 7));
    assert_ne!(users, generate::users_csv(2_000, 8));
    assert!(users.contains(&format!("\n{},{},", generate::user_id(1_999, 7), generate::email(1_999))));
    let lines: std::collections::BTreeSet<_> = users.lines().skip(1).map(|line| line.split(',').next()).collect();
    assert_eq!(lines.len(), 2_000);
    // PostgreSQL, as a witness, reads every column of it as the type that it claims to be.
    let database = PostgresDatabase::new();
    let environment = TestEnvironment::new();
    let file = environment.write("users.csv", &users);
    let found = database.query(
        "CREATE TABLE users (id uuid, email text, name text, role text, spotify_user_id text, \
         preferences jsonb, is_active bool, last_login_at timestamptz, created_at timestamptz, updated_at timestamptz)",
    );
    assert!(found.is_empty());
    site::psql(&database.url(), &format!("\\copy users FROM '{}' (FORMAT csv, HEADER)", file.display()));
    assert_eq!(database.query("SELECT count(DISTINCT email) FROM users WHERE updated_at >= created_at"), [["2000"]]);

    let mut sessions = Vec::new();
    let fault = |number| (number == 5).then_some(generate::Fault::Duplicate);
    generate::write_sessions(&mut sessions, 0..3_000, (2_000, 7), fault).expect("memory takes it");
    let file = environment.write("sessions.csv", &sessions);
    database.query(
        "CREATE TABLE s (id uuid, user_id uuid, session_type text, status text, context jsonb, \
         metadata jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz)",
    );
    site::psql(&database.url(), &format!("\\copy s FROM '{}' (FORMAT csv, HEADER)", file.display()));
    let found = database.query("SELECT count(*), count(DISTINCT s.id) FROM s JOIN users ON users.id = user_id");
    assert_eq!(found, [["3000", "2999"]]);
}
