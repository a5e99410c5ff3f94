//! The binary behind `PgBouncer` in transaction mode, where each transaction may meet another backend, and on it what
//! other clients left behind.

use crate::support::{Pooler, PostgresDatabase, Site, words};

/// Every run is a client of its own that names its prepared statements as the runs before it did.
fn from_the_first_run_to_the_last(way: &str) {
    let database = PostgresDatabase::new();
    let pooler = Pooler::start(&database, way);
    let mut site = Site::with_postgres(database);
    site.set("DATABASE_URL", pooler.url.clone());
    let run = |line: &str| site.fixtool(line.split(' ')).code(0);
    run("tenant list");
    words::init(&site, "acme");
    let users = site.write("users.csv", words::users(2_000));
    words::load(&site, &users, "acme", "users").code(0);
    run("backup create --tenant acme");
    run("backup create --tenant acme --backup-type incremental");
    run("backup verify --tenant acme --level live");
    run("backup restore acme --tenant acme-two --yes");
    run("backup restore acme --tenant acme --yes");
    site.fixtool(["op", "undo", &words::done_run(&site, "backup.restore"), "--yes", "--confirm", "acme"]).code(0);
    run("tenant drop acme-two --confirm acme-two");
    run("backup verify --tenant acme --level live");
    run("backup create --all");
    run("op verify");
    assert_eq!(site.query("acme", "SELECT count(*) FROM users"), [["2000"]]);
}

#[test]
fn a_pooler_that_refuses_what_it_does_not_know() {
    from_the_first_run_to_the_last(Pooler::WAYS[0]);
}

#[test]
fn a_pooler_that_swallows_what_it_does_not_know() {
    from_the_first_run_to_the_last(Pooler::WAYS[1]);
}
