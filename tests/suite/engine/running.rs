//! A run from begin to end: stages, side by side, ledger, lease, events, report.

use fixtool::engine::{Approved, Effect, Event, FailureKind, Ledger, Operation, RunFilter, RunStatus, draft, rehearse};
use fixtool::engine::{Failure, carry_out};

use super::bench::{Bench, acme};
use super::world::{Change, Trouble, Wish, WorldAction};

#[tokio::test(start_paused = true)]
async fn a_run_does_everything_and_writes_it_down() {
    let bench = Bench::new();
    let change = acme(Wish::loads(&[(0, "users", 250), (1, "orders", 100)]));
    let report = bench.run(&change).await.unwrap();

    assert_eq!(report.status, RunStatus::Done);
    assert_eq!(report.totals().get("inserted"), Some(&350));
    assert_eq!(report.steps.iter().map(|s| s.label.as_str()).collect::<Vec<_>>(), ["load users", "load orders"]);
    assert!(bench.has_rows(&[("users", 250), ("orders", 100)]));
    assert!(bench.leases.held().is_empty());

    let record = bench.ledger.run(&report.run).await.unwrap().unwrap();
    assert_eq!(record.status, RunStatus::Done);
    assert_eq!(record.finished().map(|(place, _)| place).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(record.steps.iter().map(|s| s.label.as_str()).collect::<Vec<_>>(), ["load users", "load orders"]);
    assert_eq!(record.start.actor, "ada@db1");
    assert!(record.ended_at.unwrap() >= record.started_at);
    assert_eq!(record.start.plan["request"]["steps"][0][1]["table"], "users");
    assert!(bench.ledger.verify().await.unwrap().damage.is_empty());
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_run_in_order() {
    let bench = Bench::new();
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 150)]))).await.unwrap();
    let told: Vec<String> = bench
        .sink
        .events()
        .iter()
        .map(|event| match event {
            Event::RunStarted { run, steps, .. } => format!("run {} of {steps}", *run == report.run),
            Event::StepStarted { label, effect: Effect::Adds, size, .. } => format!("{label} {:?}", size.amount),
            Event::StepAdvanced { done, .. } => format!("at {done}"),
            Event::StepFinished { outcome, .. } => format!("finished {:?}", outcome.counts.get("inserted")),
            Event::RunFinished { status, .. } => format!("ended {}", status.as_str()),
            other => format!("{other:?}"),
        })
        .collect();
    let expected =
        ["run true of 1", "load users Some(150)", "at 0", "at 100", "at 150", "finished Some(150)", "ended done"];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_leaves_no_trace() {
    let bench = Bench::new();
    let change = acme(Wish::loads(&[(0, "users", 100)]));
    bench.run(&change).await.unwrap();
    let before = bench.ledger.verify().await.unwrap();

    let report = bench.run(&change).await.unwrap();
    assert_eq!((report.status, report.run.as_str()), (RunStatus::NothingToDo, ""));
    assert_eq!(bench.ledger.verify().await.unwrap(), before);
    assert!(bench.leases.held().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_alone_changes_nothing() {
    let bench = Bench::new();
    let change = acme(Wish::loads(&[(0, "users", 100)]));
    let (snapshot, plan) = draft(change.as_ref(), &bench.world).await.unwrap();
    let foreseen =
        rehearse(change.as_ref(), &snapshot, &bench.world, bench.sink.clone(), bench.environment.cancel.clone()).await;
    assert!(foreseen.unwrap().is_none());
    assert_eq!((plan.steps.len(), plan.worst_effect(), plan.changes_nothing()), (1, Effect::Adds, false));
    assert!(bench.world.rows().is_empty() && bench.world.performed().is_empty());
    assert!(bench.ledger.runs(&RunFilter::default()).await.unwrap().is_empty());
    assert_eq!(bench.ledger.verify().await.unwrap().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn stages_follow_each_other_and_steps_of_one_run_side_by_side() {
    let bench = Bench::new();
    // The stages come in disorder, as they would from an operation that sorts by something else.
    let wish = Wish::loads(&[(7, "last", 100), (0, "a", 300), (0, "b", 300), (0, "c", 300), (3, "middle", 100)]);
    let began = tokio::time::Instant::now();
    bench.run(&acme(wish)).await.unwrap();

    let performed = bench.world.performed();
    assert_eq!(performed[3..], ["load middle", "load last"]);
    assert_eq!(bench.world.busiest(), 2, "the environment allows two side by side");
    // Three loads of 30 ms on two lanes, then two of 10 ms.
    assert!((80..90).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn refused_records_make_the_run_partial() {
    let bench = Bench::new();
    bench.world.trouble("users", 0, Trouble::Rejected);
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 100), (1, "orders", 100)]))).await.unwrap();
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(report.totals().get("rejected"), Some(&1));
    assert_eq!(bench.ledger.run(&report.run).await.unwrap().unwrap().status, RunStatus::Partial);
}

#[tokio::test(start_paused = true)]
async fn an_observation_that_fails_changes_nothing() {
    let bench = Bench::new();
    let poisoned = super::bench::change("poisoned", Wish::loads(&[(0, "users", 100)]));
    let error = bench.run(&poisoned).await.unwrap_err();
    assert_eq!((error.kind(), error.code_text().as_str()), (FailureKind::Failed, "world::unknown"));
    assert!(error.run().is_none());
    assert_eq!(bench.ledger.verify().await.unwrap().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn only_the_missing_steps_of_a_run_are_done_again() {
    let bench = Bench::new();
    let change = acme(Wish::loads(&[(0, "users", 100), (1, "orders", 300)]));
    bench.world.trouble("orders", 100, Trouble::Lasting);
    let failed = bench.run(&change).await.unwrap_err();
    let run = failed.run().unwrap().to_owned();

    let report = bench.resume(&change, &run).await.unwrap();
    assert_eq!((report.run.as_str(), report.status), (run.as_str(), RunStatus::Done));
    assert_eq!(bench.world.performed(), ["load users", "load orders", "load orders"]);
    assert!(bench.has_rows(&[("users", 100), ("orders", 300)]));
    let record = bench.ledger.run(&run).await.unwrap().unwrap();
    assert_eq!((record.status, record.failure), (RunStatus::Done, None));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_after_its_last_step_only_ends() {
    let bench = Bench::new();
    let change = acme(Wish::loads(&[(0, "users", 100)]));
    let report = bench.run(&change).await.unwrap();
    let mut record = bench.ledger.run(&report.run).await.unwrap().unwrap();
    bench.ledger.end(&report.run, RunStatus::Interrupted).await.unwrap();
    record.status = RunStatus::Running;

    let approved = Approved::<WorldAction>::resume(&record, Change::NAME, &change.target()).unwrap();
    let report = carry_out(change, approved, bench.world.clone(), &bench.environment).await.unwrap();
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!(report.totals().get("inserted"), Some(&100));
    assert_eq!(bench.world.performed().len(), 1);
}
