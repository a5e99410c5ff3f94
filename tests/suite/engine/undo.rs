//! The plan that takes back a run.

use std::time::Duration;

use fixtool::engine::{
    Consent, Effect, Ledger, Operation, Refusal, Report, RunError, RunStatus, Step, carry_out, later_runs,
    undo_freshness, undo_plan,
};

use super::bench::{Bench, acme, everything};
use super::world::{Trouble, Wish, WorldAction, WorldError};

/// Undoes a run the way the command does.
async fn undo(bench: &Bench, run: &str) -> Result<Report, RunError<WorldError>> {
    let operation = acme(Wish::default());
    let record = bench.ledger.run(run).await?.unwrap();
    let later = later_runs(bench.ledger.as_ref(), &record).await?;
    let plan = undo_plan::<WorldAction>(&record, &later)?;
    let applied = bench.ledger.applied(&plan.digest().unwrap()).await?;
    let freshness = undo_freshness(&record, &later, operation.target(), applied);
    let approved = plan.approve(&everything(), &freshness)?;
    carry_out(operation, approved, bench.world.clone(), &bench.environment).await
}

fn drop_of(table: &str, copy: Option<u32>) -> WorldAction {
    WorldAction::Drop { table: table.into(), copy }
}

#[tokio::test(start_paused = true)]
async fn what_a_run_added_is_removed_and_nothing_else() {
    let bench = Bench::new();
    bench.world.disturb("users", 7);
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 200), (1, "orders", 100)]))).await.unwrap();
    let undone = undo(&bench, &report.run).await.unwrap();

    assert_eq!((undone.status, undone.totals().get("removed")), (RunStatus::Done, Some(&300)));
    assert_eq!(bench.world.performed()[2..], ["unload orders", "unload users"], "the last step first");
    assert!(bench.has_rows(&[("users", 7)]));
    let record = bench.ledger.run(&report.run).await.unwrap().unwrap();
    assert_eq!(record.undone_by.as_ref(), Some(&undone.run));
    let undoing = bench.ledger.run(&undone.run).await.unwrap().unwrap();
    assert_eq!(undoing.start.follows.as_ref(), Some(&report.run));
}

#[tokio::test(start_paused = true)]
async fn an_undo_wants_its_own_consent() {
    let bench = Bench::new();
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 200)]))).await.unwrap();
    let record = bench.ledger.run(&report.run).await.unwrap().unwrap();
    let plan = undo_plan::<WorldAction>(&record, &[]).unwrap();
    assert_eq!(plan.worst_effect(), Effect::Changes);
    let freshness = undo_freshness(&record, &[], plan.target.clone(), None);
    let refusal = plan.approve(&Consent::none(), &freshness).unwrap_err();
    assert!(matches!(refusal, Refusal::ConsentMissing { .. }));
}

#[tokio::test(start_paused = true)]
async fn what_an_interrupted_run_did_is_taken_back_too() {
    let bench = Bench::new();
    bench.world.trouble("orders", 300, Trouble::Lasting);
    let change = acme(Wish::loads(&[(0, "users", 200), (1, "orders", 500), (2, "never", 100)]));
    let failed = bench.run(&change).await.unwrap_err();
    assert!(bench.has_rows(&[("users", 200), ("orders", 300)]));

    undo(&bench, failed.run().unwrap()).await.unwrap();
    assert!(bench.has_rows(&[]));
    assert!(!bench.world.performed().contains(&"unload never".to_owned()));
    let error = bench.resume(&change, failed.run().unwrap()).await.unwrap_err();
    assert!(matches!(error, RunError::Refused(Refusal::Undone { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_was_interrupted_is_resumed() {
    let bench = Bench::new();
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 200), (1, "orders", 100)]))).await.unwrap();
    let undoing = tokio::time::timeout(Duration::ZERO, undo(&bench, &report.run)).await;
    assert!(undoing.is_err());
    tokio::time::sleep(bench.environment.lease_ttl).await;

    let run = fixtool::engine::ledger::latest_run(bench.ledger.as_ref(), "acme").await.unwrap().unwrap();
    assert_ne!(run, report.run);
    bench.resume(&acme(Wish::default()), &run).await.unwrap();
    assert!(bench.has_rows(&[]));
    assert_eq!(bench.ledger.run(&report.run).await.unwrap().unwrap().undone_by, Some(run));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_undone_once() {
    let bench = Bench::new();
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 200)]))).await.unwrap();
    let undone = undo(&bench, &report.run).await.unwrap();
    let error = undo(&bench, &report.run).await.unwrap_err();
    assert!(matches!(&error, RunError::Refused(Refusal::Undone { by, .. }) if *by == undone.run), "{error:?}");
    let error = undo(&bench, &undone.run).await.unwrap_err();
    let RunError::Refused(Refusal::NotUndoable { steps, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(steps, &["unload users: load it again"]);
}

#[tokio::test(start_paused = true)]
async fn later_runs_are_named_and_make_the_plan_stale_when_they_come_in_between() {
    let bench = Bench::new();
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 200)]))).await.unwrap();
    let after = bench.run(&acme(Wish::loads(&[(0, "orders", 100)]))).await.unwrap();
    let record = bench.ledger.run(&report.run).await.unwrap().unwrap();
    let later = later_runs(bench.ledger.as_ref(), &record).await.unwrap();
    let plan = undo_plan::<WorldAction>(&record, &later).unwrap();
    assert_eq!(plan.notes.len(), 1);
    assert!(plan.notes[0].contains(&after.run) && plan.notes[0].contains("world change"), "{:?}", plan.notes);

    bench.run(&acme(Wish::loads(&[(0, "more", 100)]))).await.unwrap();
    let now = later_runs(bench.ledger.as_ref(), &record).await.unwrap();
    assert_eq!(now.len(), 2);
    let fresh = undo_freshness(&record, &now, plan.target.clone(), None);
    assert!(matches!(plan.clone().approve(&everything(), &fresh), Err(Refusal::Stale { .. })));
    // Approved in time, and yet somebody was faster before the lease was ours.
    let in_time = undo_freshness(&record, &later, plan.target.clone(), None);
    let approved = plan.approve(&everything(), &in_time).unwrap();
    let late = carry_out(acme(Wish::default()), approved, bench.world.clone(), &bench.environment).await;
    assert!(matches!(late, Err(RunError::Refused(Refusal::Stale { .. }))), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn safety_copies_come_back_once_and_after_the_steps_that_rest_on_them() {
    let bench = Bench::new();
    let load = WorldAction::Load { table: "new".into(), rows: 100 };
    let copy = WorldAction::Copy { table: "users".into() };
    let wish = Wish {
        steps: vec![
            (0, copy),
            (1, drop_of("users", Some(0))),
            (2, load),
            (3, drop_of("old", Some(0))),
            (3, drop_of("older", Some(0))),
        ],
    };
    let report = bench.run(&acme(wish)).await.unwrap();
    let record = bench.ledger.run(&report.run).await.unwrap().unwrap();
    let plan = undo_plan::<WorldAction>(&record, &[]).unwrap();
    let expected = [
        Step { stage: 0, action: WorldAction::Unload { table: "new".into() } },
        Step { stage: 1, action: WorldAction::BringBack { table: "users".into() } },
    ];
    assert_eq!(plan.steps, expected);
    assert_eq!(plan.undoes.unwrap().steps, [2, 0]);
    undo(&bench, &report.run).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_back_is_named_with_its_reason() {
    let bench = Bench::new();
    let wish = Wish { steps: vec![(0, drop_of("users", None)), (1, drop_of("orders", Some(0)))] };
    let report = bench.run(&acme(wish)).await.unwrap();
    let error = undo(&bench, &report.run).await.unwrap_err();
    let RunError::Refused(Refusal::NotUndoable { steps, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(steps, &["drop users: no safety copy was made", "drop orders: there is no safety copy"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_left_nothing_behind_has_nothing_to_undo() {
    let bench = Bench::new();
    let wish = Wish { steps: vec![(0, WorldAction::Copy { table: "users".into() })] };
    let report = bench.run(&acme(wish)).await.unwrap();
    assert_eq!(undo(&bench, &report.run).await.unwrap().status, RunStatus::NothingToDo);
}
