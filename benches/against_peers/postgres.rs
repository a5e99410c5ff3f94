//! PostgreSQL: `fixtool data load` against `psql \copy`.

use std::path::Path;
use std::process::Command;

use super::Options;
use super::generate::USERS_HEADER;
use super::measure::{Contender, fixtool, init_words, output, print_ratio, run as measured};

/// A database of the benchmark's own on the server of `FIXTOOL_TEST_POSTGRES`.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes it.
    pub fn new() -> Self {
        Self::named("main")
    }

    /// Makes one more.
    #[expect(clippy::disallowed_methods, reason = "this is how the benchmark finds its server")]
    pub fn named(what: &str) -> Self {
        let server = std::env::var("FIXTOOL_TEST_POSTGRES").expect("FIXTOOL_TEST_POSTGRES: use 'make bench'");
        let name = format!("fixtool_bench_{what}_{}", std::process::id());
        output(&mut psql(&server, &format!("CREATE DATABASE {name}")));
        Self { server, name }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("{}/{}", self.server.rsplit_once('/').expect("an address with a database").0, self.name)
    }

    /// Runs statements.
    pub fn query(&self, sql: &str) -> String {
        output(&mut psql(&self.url(), sql))
    }

    /// A fresh tenant.
    pub fn tenant(&self, options: &Options, name: &str) {
        output(&mut fixtool(&options.folder.join("home"), Some(&self.url()), &init_words(name)));
        self.query("CHECKPOINT");
    }

    fn drop_tenant(&self, name: &str) {
        self.query(&format!("DROP SCHEMA \"tenant_{name}\" CASCADE"));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = psql(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).output();
    }
}

fn psql(url: &str, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
    command
}

/// The digest of all rows in the order of their ids.
fn digest(database: &Database, table: &str) -> String {
    database.query(&format!(
        "SELECT sum(n), md5(string_agg(digest, '' ORDER BY part)) FROM (
            SELECT left(id::text, 2) AS part, count(*) AS n,
                   md5(string_agg(md5(({USERS_HEADER})::text), '' ORDER BY id)) AS digest
            FROM {table} GROUP BY 1) AS parts"
    ))
}

/// The section; false when contents differ.
pub fn run(options: &Options, file: &Path) -> bool {
    let database = Database::new();
    let version = database.query("SHOW server_version");
    let megabytes = std::fs::metadata(file).expect("the file").len() / 1_000_000;
    println!("\nPostgreSQL {version}: {} users from CSV, {megabytes} MB", options.rows);
    let mut equal = true;
    if options.wants("postgres") {
        equal &= against_copy(options, file, &database);
    }
    if options.wants("incremental") {
        equal &= incremental(options, file, &database);
    }
    equal
}

fn load(options: &Options, file: &Path, url: &str, tenant: &str, more: &[&str]) -> Command {
    let file = file.to_str().expect("a path in UTF-8");
    let mut arguments = vec!["data", "load", file, "--tenant", tenant, "--data-types", "users", "--yes"];
    arguments.extend(more);
    fixtool(&options.folder.join("home"), Some(url), &arguments)
}

fn against_copy(options: &Options, file: &Path, database: &Database) -> bool {
    let mut ours = Contender::new("fixtool data load, every record checked");
    let mut copy = Contender::new("psql \\copy into the finished table");
    let mut bare = Contender::new("psql \\copy into a table without indexes");
    let url = database.url();
    let copy_into = |table: &str| {
        psql(&url, &format!("\\copy {table} ({USERS_HEADER}) FROM '{}' (FORMAT csv, HEADER)", file.display()))
    };
    let mut digests = Vec::new();
    for round in 0..options.rounds {
        let (mine, theirs) = (format!("ours_{round}"), format!("peer_{round}"));
        database.tenant(options, &mine);
        ours.add(measured(&mut load(options, file, &url, &mine, &[]), &options.folder));
        digests.push(digest(database, &format!("\"tenant_{mine}\".users")));
        database.drop_tenant(&mine);

        database.tenant(options, &theirs);
        copy.add(measured(&mut copy_into(&format!("\"tenant_{theirs}\".users")), &options.folder));
        digests.push(digest(database, &format!("\"tenant_{theirs}\".users")));

        database.query(&format!("CREATE TABLE bare AS SELECT {USERS_HEADER} FROM \"tenant_{theirs}\".users LIMIT 0"));
        database.drop_tenant(&theirs);
        database.query("CHECKPOINT");
        bare.add(measured(&mut copy_into("bare"), &options.folder));
        database.query("DROP TABLE bare");
    }
    let equal = digests.iter().all(|digest| digest == &digests[0] && digest.starts_with(&options.rows.to_string()));
    for contender in [&ours, &copy, &bare] {
        contender.print();
    }
    print_ratio("data load / \\copy into the finished table", ours.median(), copy.median(), 0.65, equal);
    equal
}

fn incremental(options: &Options, file: &Path, database: &Database) -> bool {
    let mut first = Contender::new("fixtool data load, the first time");
    let mut second = Contender::new("the unchanged file with --mode incremental");
    let url = database.url();
    let mut equal = true;
    for round in 0..options.rounds {
        let tenant = format!("again_{round}");
        let versions = format!("SELECT count(*), sum(xmin::text::bigint) FROM \"tenant_{tenant}\".users");
        database.tenant(options, &tenant);
        first.add(measured(&mut load(options, file, &url, &tenant, &[]), &options.folder));
        let before = database.query(&versions);
        database.query("CHECKPOINT");
        second.add(measured(&mut load(options, file, &url, &tenant, &["--mode", "incremental"]), &options.folder));
        equal &= before == database.query(&versions) && before.starts_with(&options.rows.to_string());
        database.drop_tenant(&tenant);
    }
    first.print();
    second.print();
    print_ratio("second / first load, nothing written", second.median(), first.median(), 0.3, equal);
    equal
}
