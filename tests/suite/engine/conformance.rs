//! What every ledger and every holder of leases must do. The catalog's run through the same cases.

use std::time::Duration;

use fixtool::backends::catalog::Catalog;
use fixtool::backends::database::Access;
use fixtool::backends::database::connect::Limits;
use fixtool::engine::{
    FailureKind, LeaseAnswer, LeaseRequest, Leases, Ledger, MemoryLeases, MemoryLedger, Outcome, RunFilter, RunStart,
    RunStatus, RunSummary, clock,
};
use serde_json::json;

use crate::support::PostgresDatabase;

fn start(target: &str) -> RunStart {
    let run = clock::new_run_id();
    RunStart {
        parent: None,
        follows: None,
        operation: "data.load".into(),
        target: target.into(),
        plan_digest: format!("digest of {run}"),
        plan: json!({"steps": [1, 2.5, "ü\"'\u{1}"], "empty": {}}),
        actor: "ada@db1".into(),
        run,
    }
}

fn ids(runs: &[RunSummary]) -> Vec<&str> {
    runs.iter().map(|run| run.run.as_str()).collect()
}

/// Every promise of [`Ledger`] on an empty one.
pub async fn ledger_keeps_its_promises(ledger: &dyn Ledger) {
    assert_eq!(ledger.run("nobody").await.unwrap(), None);
    assert_eq!(ledger.runs(&RunFilter::default()).await.unwrap(), []);
    begins_and_ends(ledger).await;
    resumes(ledger).await;
    undoes(ledger).await;
    lists(ledger).await;
    let report = ledger.verify().await.unwrap();
    assert!(report.damage.is_empty() && report.entries > 0 && report.head.is_some(), "{report:?}");
}

async fn begins_and_ends(ledger: &dyn Ledger) {
    let begun = start("conformance-begin");
    let run = begun.run.as_str();
    ledger.begin(&begun).await.unwrap();
    let record = ledger.run(run).await.unwrap().unwrap();
    assert_eq!((&record.start, record.status, record.ended_at), (&begun, RunStatus::Running, None));
    assert_eq!(ledger.run(&run[..31]).await.unwrap().map(|r| r.start.run).as_deref(), Some(run), "a unique prefix");
    assert_eq!(ledger.applied(&begun.plan_digest).await.unwrap().as_deref(), Some(run));
    assert_eq!(ledger.applied("another").await.unwrap(), None);

    let again = RunStart { run: clock::new_run_id(), ..begun.clone() };
    assert_eq!(ledger.begin(&again).await.unwrap_err().kind, FailureKind::Refused, "a plan is carried out once");
    assert_eq!(ledger.run(&again.run).await.unwrap(), None);

    let outcome = Outcome { partial: true, notes: vec!["ü".into()], ..Outcome::default().with("read", u64::MAX >> 1) };
    for step in [2, 0, 1, 2] {
        ledger.step_started(run, step, "load \"users\"").await.unwrap();
    }
    ledger.step_finished(run, 1, &Outcome::default().with("read", 1)).await.unwrap();
    ledger.step_finished(run, 0, &Outcome::default()).await.unwrap();
    ledger.step_finished(run, 1, &outcome).await.unwrap();
    ledger.step_failed(run, 2, "world::full", "no room").await.unwrap();
    ledger.step_failed(run, 2, "world::late", "too late").await.unwrap();
    ledger.end(run, RunStatus::Failed).await.unwrap();
    let record = ledger.run(run).await.unwrap().unwrap();
    assert_eq!(record.steps.iter().map(|step| step.step).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(record.steps.iter().all(|step| step.label == "load \"users\"" && !step.started_at.is_empty()));
    assert_eq!(record.finished().collect::<Vec<_>>(), [(0, &Outcome::default()), (1, &outcome)]);
    assert_eq!(record.steps.iter().map(|step| step.ended_at.is_some()).collect::<Vec<_>>(), [true, true, false]);
    let never_began = ledger.step_finished(run, 9, &Outcome::default()).await;
    assert!(never_began.is_err());
    assert_eq!(record.failure, Some(("world::full".into(), "no room".into())), "the first failure counts");
    assert_eq!(record.status, RunStatus::Failed);
    assert!(record.ended_at.unwrap() >= record.started_at);
}

async fn resumes(ledger: &dyn Ledger) {
    let begun = start("conformance-resume");
    let run = begun.run.as_str();
    assert_eq!(ledger.resumed(run, "bob@db2").await.unwrap_err().kind, FailureKind::Refused, "there is no such run");
    ledger.begin(&begun).await.unwrap();
    for status in [RunStatus::Failed, RunStatus::Interrupted] {
        ledger.step_failed(run, 0, "world::full", "no room").await.unwrap();
        ledger.end(run, status).await.unwrap();
        ledger.resumed(run, "bob@db2").await.unwrap();
        let record = ledger.run(run).await.unwrap().unwrap();
        assert_eq!((record.status, record.ended_at, record.failure), (RunStatus::Running, None, None));
    }
    ledger.resumed(run, "bob@db2").await.unwrap();
    for status in [RunStatus::Done, RunStatus::Partial] {
        ledger.end(run, status).await.unwrap();
        assert_eq!(ledger.resumed(run, "bob@db2").await.unwrap_err().kind, FailureKind::Refused, "{status:?}");
    }
}

async fn undoes(ledger: &dyn Ledger) {
    let undone = start("conformance-undo");
    ledger.begin(&undone).await.unwrap();
    ledger.end(&undone.run, RunStatus::Failed).await.unwrap();
    let undoing = RunStart { follows: Some(undone.run.clone()), ..start("conformance-undo") };
    ledger.begin(&undoing).await.unwrap();
    ledger.end(&undoing.run, RunStatus::Failed).await.unwrap();
    assert_eq!(ledger.run(&undone.run).await.unwrap().unwrap().undone_by, None, "not while the undo has failed");
    ledger.resumed(&undoing.run, "ada@db1").await.unwrap();
    ledger.end(&undoing.run, RunStatus::Done).await.unwrap();
    assert_eq!(ledger.run(&undone.run).await.unwrap().unwrap().undone_by.as_ref(), Some(&undoing.run));
    let listed = RunFilter { target: Some("conformance-undo".into()), ..RunFilter::default() };
    let listed = ledger.runs(&listed).await.unwrap();
    assert_eq!(listed[1].undone_by.as_ref(), Some(&undoing.run));
    assert_eq!(ledger.resumed(&undone.run, "ada@db1").await.unwrap_err().kind, FailureKind::Refused, "it was undone");
}

async fn lists(ledger: &dyn Ledger) {
    let parent = RunStart { operation: "migrate.apply".into(), ..start("2 targets") };
    ledger.begin(&parent).await.unwrap();
    let mut runs = Vec::new();
    for target in ["conformance-a", "conformance-b", "conformance-a"] {
        let begun = RunStart { parent: Some(parent.run.clone()), ..start(target) };
        ledger.begin(&begun).await.unwrap();
        runs.push(begun.run);
    }
    ledger.end(&runs[1], RunStatus::Interrupted).await.unwrap();
    let [first, second, third] = [0, 1, 2].map(|place: usize| runs[place].as_str());
    let list = async |filter: RunFilter| ledger.runs(&filter).await.unwrap();
    let children = RunFilter { parent: Some(parent.run.clone()), ..RunFilter::default() };

    assert_eq!(ids(&list(children.clone()).await), [third, second, first], "the newest first");
    assert_eq!(ids(&list(RunFilter { limit: Some(2), ..children.clone() }).await), [third, second]);
    assert_eq!(ids(&list(RunFilter { before: Some(second.into()), ..children.clone() }).await), [first]);
    let of_target = RunFilter { target: Some("conformance-a".into()), ..RunFilter::default() };
    assert_eq!(ids(&list(of_target.clone()).await), [third, first]);
    let newest = RunFilter { limit: Some(1), ..RunFilter::default() };
    assert_eq!(ids(&list(newest).await), [third]);
    let operation = RunFilter { operation: Some("migrate.apply".into()), ..RunFilter::default() };
    assert_eq!(ids(&list(operation).await), [parent.run.as_str()]);
    let interrupted = RunFilter { status: Some(RunStatus::Interrupted), ..children };
    let interrupted = list(interrupted).await;
    assert_eq!(ids(&interrupted), [second]);
    let told = &interrupted[0];
    assert_eq!((told.target.as_str(), told.actor.as_str()), ("conformance-b", "ada@db1"));
    assert_eq!(told.parent.as_ref(), Some(&parent.run));
    assert!(told.ended_at.as_ref().unwrap() >= &told.started_at);
    let alone = list(RunFilter { top: true, ..RunFilter::default() }).await;
    assert_eq!(alone[0].run, parent.run);
    assert!(alone.iter().all(|run| run.parent.is_none()));
    let nobody = RunFilter { target: Some("nobody".into()), ..RunFilter::default() };
    assert!(list(nobody).await.is_empty());
}

/// Every promise of [`Leases`], with leases of a second.
pub async fn leases_keep_their_promises(leases: &dyn Leases) {
    let ttl = Duration::from_secs(1);
    let request = |target: &str, run: &str, holder: &str| LeaseRequest {
        target: target.into(),
        run: run.into(),
        operation: "data.load".into(),
        holder: holder.into(),
        ttl,
    };
    let ours = request("conformance-lease", "run1", "ada@db1 pid 7");
    let theirs = request("conformance-lease", "run2", "bob@db2 pid 8");
    assert_eq!(leases.acquire(&ours).await.unwrap(), LeaseAnswer::Granted);
    assert_eq!(leases.acquire(&ours).await.unwrap(), LeaseAnswer::Granted, "the answer may have been lost");
    let LeaseAnswer::Held { holder, operation, run, expires_at } = leases.acquire(&theirs).await.unwrap() else {
        panic!("it is held");
    };
    assert_eq!((holder.as_str(), operation.as_str(), run.as_str()), ("ada@db1 pid 7", "data.load", "run1"));
    expires_at.parse::<jiff::Timestamp>().unwrap();
    let same_run = request("conformance-lease", "run1", "bob@db2 pid 8");
    assert!(matches!(leases.acquire(&same_run).await.unwrap(), LeaseAnswer::Held { .. }), "another process");
    let other_target = request("conformance-other", "run2", "bob@db2 pid 8");
    assert_eq!(leases.acquire(&other_target).await.unwrap(), LeaseAnswer::Granted, "targets never wait for each other");

    assert!(!leases.heartbeat(&theirs).await.unwrap());
    leases.release(&theirs).await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(ttl / 2).await;
        assert!(leases.heartbeat(&ours).await.unwrap(), "renewed, it lasts longer than its length");
    }
    tokio::time::sleep(ttl + ttl / 4).await;
    assert!(leases.heartbeat(&ours).await.unwrap(), "expired, and nobody took it");
    tokio::time::sleep(ttl + ttl / 4).await;
    assert_eq!(leases.acquire(&theirs).await.unwrap(), LeaseAnswer::Granted, "expired, and taken over");
    assert!(!leases.heartbeat(&ours).await.unwrap());
    leases.release(&ours).await.unwrap();
    assert!(leases.heartbeat(&theirs).await.unwrap(), "only its holder can give it back");
    leases.release(&theirs).await.unwrap();
    assert!(!leases.heartbeat(&theirs).await.unwrap());
    assert_eq!(leases.acquire(&ours).await.unwrap(), LeaseAnswer::Granted);
    leases.release(&ours).await.unwrap();
}

#[tokio::test]
async fn memory_ledger() {
    ledger_keeps_its_promises(&MemoryLedger::default()).await;
}

#[tokio::test(start_paused = true)]
async fn memory_leases() {
    leases_keep_their_promises(&MemoryLeases::default()).await;
}

#[tokio::test]
async fn a_forged_entry_is_found_and_named() {
    let ledger = MemoryLedger::default();
    let begun = start("acme");
    ledger.begin(&begun).await.unwrap();
    ledger.step_started(&begun.run, 0, "load users").await.unwrap();
    ledger.end(&begun.run, RunStatus::Failed).await.unwrap();
    assert!(ledger.forge(2, json!({"entry": "end", "run": begun.run, "status": "done"})));
    assert!(!ledger.forge(3, json!({})));
    let report = ledger.verify().await.unwrap();
    assert_eq!((report.entries, report.damage.len()), (3, 1));
    assert_eq!((report.damage[0].entry, report.damage[0].run.as_ref()), (3, Some(&begun.run)));
}

/// The catalog in a database of its own.
async fn catalog(address: &str) -> Catalog {
    Catalog::open(&address.parse().unwrap(), Access::ReadWrite, &Limits::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_on_both_engines() {
    let database = PostgresDatabase::new();
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("catalog.db").display());
    for address in [database.url(), file] {
        let catalog = catalog(&address).await;
        ledger_keeps_its_promises(&catalog).await;
        leases_keep_their_promises(&catalog).await;
        catalog.close().await;
    }
}
