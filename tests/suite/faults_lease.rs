//! A run that was paused for longer than its lease lasts writes nothing more when it goes on.

use std::time::Duration;

use fixtool::backends::database::connect::Limits;
use fixtool::backends::database::{DatabaseErrorKind, Writer};
use fixtool::backends::site::{SiteOptions, SiteReader, SiteWriter};
use fixtool::engine::{FailureKind, LeaseAnswer, LeaseRequest, Leases, Ledger, Outcome, RunStart, RunStatus, Writes};
use fixtool::model::Namespace;
use tempfile::TempDir;

use crate::support::{Engine, PostgresDatabase, Site, on_both_engines, words};

/// Two processes at one site: the first loses its lease to the second.
struct Pair {
    early: SiteWriter,
    late: SiteWriter,
    _database: Option<PostgresDatabase>,
    _folder: TempDir,
}

impl Pair {
    async fn on(database: Option<PostgresDatabase>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = SiteOptions::in_folder(folder.path()).unwrap();
        if let Some(database) = &database {
            options.database.address = database.url().parse().unwrap();
        }
        options.database.limits = Limits { lock: Duration::from_millis(200), ..Limits::default() };
        let early = SiteWriter::open(&options, None, 1).await.unwrap();
        let late = SiteWriter::open(&options, None, 1).await.unwrap();
        Self { early, late, _database: database, _folder: folder }
    }

    /// The first takes a lease that ends at once.
    async fn begin(&self) -> SiteWriter {
        let granted = self.early.catalog().acquire(&lease("a", 1)).await.unwrap();
        assert_eq!(granted, LeaseAnswer::Granted);
        self.early.catalog().begin(&start("a")).await.unwrap();
        self.early.under_lease("acme")
    }

    async fn taken_over(&self) -> SiteWriter {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let granted = self.late.catalog().acquire(&lease("b", 60_000)).await.unwrap();
        assert_eq!(granted, LeaseAnswer::Granted);
        self.late.under_lease("acme")
    }
}

fn lease(run: &str, milliseconds: u64) -> LeaseRequest {
    LeaseRequest {
        target: "acme".to_owned(),
        run: run.to_owned(),
        operation: "data.load".to_owned(),
        holder: format!("me@here {run}"),
        ttl: Duration::from_millis(milliseconds),
    }
}

fn start(run: &str) -> RunStart {
    RunStart {
        run: run.to_owned(),
        parent: None,
        follows: None,
        operation: "data.load".to_owned(),
        target: "acme".to_owned(),
        plan_digest: format!("digest {run}"),
        plan: serde_json::Value::Null,
        actor: "me@here".to_owned(),
    }
}

fn insert(engine: fixtool::model::Engine, id: u32) -> Vec<String> {
    vec![match engine {
        fixtool::model::Engine::Postgres => format!("INSERT INTO acme.things VALUES ({id})"),
        fixtool::model::Engine::Sqlite => format!("INSERT INTO things VALUES ({id})"),
    }]
}

fn acme_schema() -> Namespace {
    Namespace("acme".to_owned())
}

async fn rows(database: &dyn Writer) -> u64 {
    database.table_stats(&acme_schema(), &["things".to_owned()]).await.unwrap()[0].rows
}

async fn a_lost_lease(database: Option<PostgresDatabase>) {
    let pair = Pair::on(database).await;
    let (acme, zombie) = (acme_schema(), pair.begin().await);
    let held = zombie.database("main").await.unwrap();
    let engine = held.engine();
    held.create_namespace(&acme).await.unwrap();
    let table = match engine {
        fixtool::model::Engine::Postgres => "CREATE TABLE acme.things (id integer PRIMARY KEY)",
        fixtool::model::Engine::Sqlite => "CREATE TABLE things (id integer PRIMARY KEY)",
    };
    held.execute(&acme, &[table.to_owned()]).await.unwrap();
    held.execute(&acme, &insert(engine, 1)).await.unwrap();
    pair.early.catalog().step_started("a", 0, "load").await.unwrap();

    let taker = pair.taken_over().await;
    let error = held.execute(&acme, &insert(engine, 2)).await.unwrap_err();
    assert_eq!(error.kind, DatabaseErrorKind::Fenced, "{error}");
    assert!(error.to_string().contains("acme") && !error.is_transient(), "{error}");
    let error = held.drop_namespace(&acme).await.unwrap_err();
    assert_eq!(error.kind, DatabaseErrorKind::Fenced, "{error}");

    // Nor does it write about itself: the run may be somebody else's by now.
    let ledger = pair.early.catalog();
    for refused in [
        ledger.step_finished("a", 0, &Outcome::default()).await,
        ledger.step_failed("a", 0, "code", "message").await,
        ledger.end("a", RunStatus::Failed).await,
        ledger.resumed("a", "me@here").await,
    ] {
        assert_eq!(refused.unwrap_err().kind, FailureKind::Held);
    }
    let tenant = "acme".parse().unwrap();
    let error = zombie.catalog().forget_source_mark(&tenant, "things").await.unwrap_err();
    assert!(error.to_string().contains("acme went to another run"), "{error}");

    let database = taker.database("main").await.unwrap();
    assert_eq!(rows(database.as_ref()).await, 1);
    database.execute(&acme, &insert(engine, 2)).await.unwrap();
    assert_eq!(rows(database.as_ref()).await, 2);
    taker.close().await;
    zombie.close().await;
}

#[tokio::test]
async fn what_lost_its_lease_commits_nothing_on_postgres() {
    a_lost_lease(Some(PostgresDatabase::new())).await;
}

#[tokio::test]
async fn what_lost_its_lease_commits_nothing_on_sqlite() {
    a_lost_lease(None).await;
}

#[tokio::test]
async fn the_first_to_come_keeps_its_locks_on_the_catalogs_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = SiteOptions::in_folder(folder.path()).unwrap();
    SiteWriter::open(&options, None, 1).await.unwrap().close().await;
    let reader = SiteReader::open(&options).await.unwrap();
    assert!(reader.catalog().exists().await.unwrap());
    let writer = SiteWriter::open(&options, Some(&reader), 1).await.unwrap();
    writer.catalog().begin(&start("a")).await.unwrap();
    // Whoever closes a file last folds its log in and removes it.
    let sql = "INSERT INTO lease VALUES ('t', 'r', 'o', 'h', '', '', '')";
    let other = std::process::Command::new("sqlite3").arg(folder.path().join("catalog.db")).arg(sql).output();
    assert!(other.expect("sqlite3").status.success());
    assert!(folder.path().join("catalog.db-wal").exists(), "this process has the file open, and says so by its locks");
    writer.catalog().end("a", RunStatus::Done).await.unwrap();
    writer.close().await;
    reader.close().await;
}

#[tokio::test]
async fn a_transaction_that_does_not_end_is_ended_by_who_takes_over() {
    let pair = Pair::on(Some(PostgresDatabase::new())).await;
    let (acme, zombie) = (acme_schema(), pair.begin().await);
    let held = zombie.database("main").await.unwrap();
    held.create_namespace(&acme).await.unwrap();
    held.execute(&acme, &["CREATE TABLE acme.things (id integer PRIMARY KEY)".to_owned()]).await.unwrap();
    let stuck = vec!["INSERT INTO acme.things VALUES (1)".to_owned(), "SELECT pg_catalog.pg_sleep(60)".to_owned()];
    let work = tokio::spawn({
        let (held, acme) = (held.clone(), acme.clone());
        async move { held.execute(&acme, &stuck).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;

    let taker = pair.taken_over().await;
    let database = taker.database("main").await.unwrap();
    assert_eq!(work.await.unwrap().unwrap_err().kind, DatabaseErrorKind::Unreachable);
    assert_eq!(rows(database.as_ref()).await, 0);
    database.execute(&acme, &insert(database.engine(), 1)).await.unwrap();
    let error = held.execute(&acme, &insert(held.engine(), 2)).await.unwrap_err();
    assert_eq!(error.kind, DatabaseErrorKind::Fenced, "{error}");
    taker.close().await;
    zombie.close().await;
}

const ROWS: u64 = 4_000;

/// Whether somebody is in the middle of a transaction on a tenant's file: that is waited for.
fn is_busy(site: &Site) -> bool {
    let Some(file) = (site.engine() == Engine::Sqlite).then(|| site.tenant_file("acme")) else { return false };
    let look = std::process::Command::new("sqlite3").arg(file).arg("BEGIN IMMEDIATE; ROLLBACK;").output();
    !look.expect("sqlite3").status.success()
}

/// What a run could have written: rows, how far its steps are, and what the catalog tells of it.
fn state(site: &Site) -> Vec<Vec<Vec<String>>> {
    vec![
        site.contents("acme", "users", "id"),
        site.contents("acme", "_fixtool_checkpoint", "run, step"),
        site.catalog("SELECT * FROM fixtool.ledger_entry ORDER BY seq"),
        site.catalog("SELECT * FROM fixtool.run_step ORDER BY run, step"),
        site.catalog("SELECT run, status, failure_code FROM fixtool.run ORDER BY run"),
    ]
}

fn a_load_that_is_paused_past_its_lease_ends_when_it_goes_on(site: &Site) {
    words::init(site, "acme");
    let some = site.write("some.csv", words::users(ROWS / 10));
    words::load(site, &some, "acme", "users").code(0);
    let file = site.write("users.csv", words::users(ROWS));
    let more = ["--on-conflict", "overwrite", "--batch-size", "100"];
    let mut zombie = site.spawn(words::load_words(&file, "acme", "users", &more));
    zombie.wait_for_stderr("staging table): started");
    std::thread::sleep(Duration::from_millis(100));
    zombie.signal("STOP");
    while is_busy(site) {
        zombie.signal("CONT");
        std::thread::sleep(Duration::from_millis(7));
        zombie.signal("STOP");
    }
    assert!(!zombie.has_ended(), "it was paused in the middle");
    let run = words::newest_run(site).expect("a run");

    words::let_leases_expire(site);
    site.fixtool(["op", "resume", &run, "--yes"]).code(0);
    let before = state(site);
    zombie.signal("CONT");
    let ended = zombie.wait();
    ended.code(1).says(&["lost its lease on acme", "op resume"]);
    assert!(state(site) == before, "nothing was written afterwards");
    assert_eq!(site.count("acme", "users"), ROWS);
    assert!(words::is_done(site, &run));
}

on_both_engines!(a_load_that_is_paused_past_its_lease_ends_when_it_goes_on);
