//! One operation on many targets.

use std::collections::BTreeMap;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fixtool::engine::fleet::{FleetJob, FleetOptions, FleetOrder, FleetRecord, FleetReport, Past, fan_out};
use fixtool::engine::{
    Event, FailureKind, Halt, Ledger, Report, RunError, RunFilter, RunStatus, Share, TargetState, Waves,
};
use serde_json::json;

use super::bench::{Bench, change, resume_in, run_in};
use super::world::{BATCH_TIME, Trouble, Wish, WorldError};

type Work = Pin<Box<dyn Future<Output = Result<Report, RunError<WorldError>>> + Send>>;

/// Loads two batches into a table of each target's name.
fn load(bench: &Bench) -> impl Fn(FleetJob) -> Work + use<> {
    let world = bench.world.clone();
    move |job: FleetJob| {
        let world = world.clone();
        Box::pin(async move {
            assert!(job.target != "panics", "panics does what its name says");
            let operation = change(&job.target, Wish::loads(&[(0, &job.target, 200)]));
            match &job.resume {
                Some(run) => resume_in(&job.environment, &world, &operation, run).await,
                None => run_in(&job.environment, &world, &operation).await,
            }
        })
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t{n:04}")).collect()
}

fn order(targets: Vec<String>) -> FleetOrder {
    FleetOrder::new("world.change", json!({"rows": 200}), targets)
}

fn options(concurrency: usize) -> FleetOptions {
    FleetOptions { concurrency: NonZeroUsize::new(concurrency).unwrap(), ..FleetOptions::default() }
}

async fn run(bench: &Bench, order: FleetOrder, options: &FleetOptions) -> FleetReport<WorldError> {
    fan_out(order, options, &bench.environment, load(bench)).await.unwrap()
}

async fn record(bench: &Bench, report: &FleetReport<WorldError>) -> FleetRecord {
    let run = report.run.clone().unwrap();
    let children = RunFilter { parent: Some(run.clone()), ..RunFilter::default() };
    let children = bench.ledger.runs(&children).await.unwrap();
    FleetRecord::of(&bench.ledger.run(&run).await.unwrap().unwrap(), &children).unwrap()
}

fn states(report: &FleetReport<WorldError>) -> BTreeMap<TargetState, usize> {
    let mut states = BTreeMap::new();
    for result in &report.results {
        *states.entry(result.state()).or_default() += 1;
    }
    states
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_target_harms_no_other_and_is_retried_alone() {
    let bench = Bench::new();
    let mut targets = names(999);
    targets.insert(500, "poisoned".into());
    let began = tokio::time::Instant::now();
    let report = run(&bench, order(targets), &options(8)).await;

    assert_eq!(states(&report), BTreeMap::from([(TargetState::Done, 999), (TargetState::Failed, 1)]));
    assert_eq!((report.status(), report.failure_kind(), report.halted), (RunStatus::Partial, None, None));
    assert_eq!(bench.world.rows().len(), 999);
    let failures = report.failures();
    assert_eq!((failures.len(), failures[0].targets.as_slice()), (1, ["poisoned".to_owned()].as_slice()));
    assert_eq!(failures[0].message, "TENANT is unknown");
    // 999 targets of two batches, eight at once.
    assert!(began.elapsed() < BATCH_TIME * 2 * 999 / 8 + BATCH_TIME * 4, "{:?}", began.elapsed());
    assert!(bench.leases.held().is_empty());

    let past = record(&bench, &report).await;
    let run_id = report.run.unwrap();
    assert_eq!(bench.ledger.run(&run_id).await.unwrap().unwrap().status, RunStatus::Failed);
    assert!(past.unfinished().is_empty());
    assert_eq!(past.failed().targets().collect::<Vec<_>>(), ["poisoned"]);

    // The cure: another kind of work that does not mind the name.
    let world = bench.world.clone();
    let cured = move |job: FleetJob| {
        let world = world.clone();
        async move { run_in(&job.environment, &world, &change("cured", Wish::loads(&[(0, "cured", 100)]))).await }
    };
    let retried = fan_out(past.failed(), &options(8), &bench.environment, cured).await.unwrap();
    assert_eq!((retried.results.len(), retried.status()), (1, RunStatus::Done));
    assert_eq!(retried.run.as_ref(), Some(&run_id));
    assert_eq!(bench.ledger.run(&run_id).await.unwrap().unwrap().status, RunStatus::Done);
}

#[tokio::test(start_paused = true)]
async fn one_target_takes_the_same_road_without_an_entry_of_its_own() {
    let bench = Bench::new();
    let report = run(&bench, order(vec!["acme".into(), "acme".into()]), &FleetOptions::default()).await;
    assert_eq!((report.run.as_deref(), report.status()), (None, RunStatus::Done));
    let runs = bench.ledger.runs(&RunFilter::default()).await.unwrap();
    assert_eq!((runs.len(), runs[0].parent.as_deref(), runs[0].target.as_str()), (1, None, "acme"));
    let single = report.into_single().unwrap();
    assert_eq!(single.ended.unwrap().unwrap().status, RunStatus::Done);
    assert!(!bench.sink.events().iter().any(|e| matches!(e, Event::WaveStarted { .. })));

    let report = run(&bench, order(vec!["acme".into()]), &FleetOptions::default()).await;
    assert_eq!(report.status(), RunStatus::NothingToDo);
    let report = run(&bench, order(vec!["poisoned".into()]), &FleetOptions::default()).await;
    assert_eq!((report.status(), report.failure_kind()), (RunStatus::Failed, Some(FailureKind::Failed)));
    let report = run(&bench, order(vec![]), &FleetOptions::default()).await;
    assert_eq!((report.status(), report.into_single().is_none()), (RunStatus::NothingToDo, true));
}

#[tokio::test(start_paused = true)]
async fn waves_follow_each_other() {
    let bench = Bench::new();
    let options = FleetOptions { waves: "1,10%,100%".parse().unwrap(), ..options(64) };
    let report = run(&bench, order(names(50)), &options).await;
    assert_eq!(states(&report), BTreeMap::from([(TargetState::Done, 50)]));
    assert_eq!([1, 2, 3].map(|w| report.results.iter().filter(|r| r.wave == w).count()), [1, 4, 45]);

    let mut ended = 0;
    let mut waves = Vec::new();
    for event in bench.sink.events() {
        match event {
            Event::WaveStarted { wave, targets } => waves.push((wave, targets, ended)),
            Event::RunFinished { .. } => ended += 1,
            _ => {}
        }
    }
    assert_eq!(waves, [(1, 1, 0), (2, 4, 1), (3, 45, 5)], "a wave begins when the one before has ended");
}

#[tokio::test(start_paused = true)]
async fn a_failed_canary_saves_the_others() {
    let bench = Bench::new();
    let mut targets = names(20);
    targets.insert(1, "poisoned".into());
    let options = FleetOptions { waves: Waves::default().with_canary(3), ..options(2) };
    let report = run(&bench, order(targets), &options).await;
    assert_eq!(report.halted, Some(Halt::Canary));
    let expected = [(TargetState::Done, 2), (TargetState::Failed, 1), (TargetState::NotReached, 18)];
    assert_eq!(states(&report), BTreeMap::from(expected));
    assert_eq!(report.status(), RunStatus::Partial);

    let past = record(&bench, &report).await;
    assert_eq!((past.unfinished().len(), past.failed().len()), (18, 1));
    let report = run(&bench, past.unfinished(), &options).await;
    assert_eq!((report.status(), report.count(TargetState::Done)), (RunStatus::Done, 18));
    let run = report.run.unwrap();
    assert_eq!(bench.ledger.run(&run).await.unwrap().unwrap().status, RunStatus::Failed, "one is still to be retried");
}

#[tokio::test(start_paused = true)]
async fn the_failure_budget_halts_the_run() {
    for (budget, failed, reached) in [("0", 1, 1), ("2", 3, 3), ("10%", 4, 4), ("20", 20, 30), ("100%", 20, 30)] {
        let bench = Bench::new();
        let targets = (0..20).map(|n| format!("poisoned{n}")).chain(names(10)).collect();
        let options = FleetOptions { max_failures: Some(budget.parse().unwrap()), ..options(1) };
        let report = run(&bench, order(targets), &options).await;
        assert_eq!(report.count(TargetState::Failed), failed, "{budget}");
        assert_eq!(report.count(TargetState::NotReached), 30 - reached, "{budget}");
        let halted = matches!(report.halted, Some(Halt::Budget { failed: f, .. }) if f == failed);
        assert_eq!(halted, reached < 30, "{budget}: {:?}", report.halted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_used_up_by_the_last_targets_halts_nothing() {
    let bench = Bench::new();
    let targets = vec!["a".into(), "poisoned".into()];
    let options = FleetOptions { max_failures: Some(Share::Count(0)), ..options(1) };
    let report = run(&bench, order(targets), &options).await;
    assert_eq!((report.halted, report.status()), (None, RunStatus::Partial));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_stops_every_target_at_its_checkpoint_and_goes_on_later() {
    let mut bench = Bench::new();
    let cancel = bench.environment.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(BATCH_TIME * 5 / 2).await;
        cancel.cancel();
    });
    let report = run(&bench, order(names(10)), &options(3)).await;
    assert_eq!((report.status(), report.halted), (RunStatus::Interrupted, Some(Halt::Cancelled)));
    assert_eq!((report.count(TargetState::Done), report.count(TargetState::Interrupted)), (3, 3));
    let past = record(&bench, &report).await;
    assert_eq!(past.failed().len(), 0);
    let left = past.unfinished();
    assert_eq!(left.len(), report.results.len() - report.count(TargetState::Done));

    bench.environment = bench.somebody_else();
    let report = run(&bench, left, &options(3)).await;
    assert_eq!(report.status(), RunStatus::Done);
    assert_eq!(bench.world.rows(), names(10).into_iter().map(|n| (n, 200)).collect());
    assert_eq!(bench.ledger.run(&report.run.unwrap()).await.unwrap().unwrap().status, RunStatus::Done);
}

#[tokio::test(start_paused = true)]
async fn a_killed_fleet_goes_on_with_exactly_what_is_left() {
    for seed in 0..60 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let bench = Bench::new();
        let mut next = order(names(12));
        let report = loop {
            let left = Duration::from_micros(dice.u64(1..60_000));
            let options = options(4);
            let work = run(&bench, next.clone(), &options);
            if let Ok(report) = tokio::time::timeout(left, work).await {
                break report;
            }
            tokio::time::sleep(bench.environment.lease_ttl).await;
            let runs = bench.ledger.runs(&RunFilter::default()).await.unwrap();
            let Some(parent) = runs.iter().find(|r| r.target == "12 targets") else { continue };
            let children = RunFilter { parent: Some(parent.run.clone()), ..RunFilter::default() };
            let children = bench.ledger.runs(&children).await.unwrap();
            let parent = bench.ledger.run(&parent.run).await.unwrap().unwrap();
            let past = FleetRecord::of(&parent, &children).unwrap();
            // A target whose process died before its own run began counts as failed.
            next = if past.unfinished().is_empty() { past.failed() } else { past.unfinished() };
        };
        assert!(matches!(report.status(), RunStatus::Done | RunStatus::NothingToDo), "seed {seed}");
        let past = record(&bench, &report).await;
        if !past.failed().is_empty() {
            run(&bench, past.failed(), &options(4)).await;
        }
        assert_eq!(bench.world.rows(), names(12).into_iter().map(|n| (n, 200)).collect(), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_panics_is_a_bug_of_that_target() {
    let bench = Bench::new();
    let report = run(&bench, order(vec!["a".into(), "panics".into(), "b".into()]), &options(2)).await;
    assert_eq!(report.count(TargetState::Done), 2);
    let group = report.failures().remove(0);
    assert_eq!((group.kind, group.code.as_str()), (FailureKind::Bug, "fixtool::bug"));
    assert_eq!(group.message, "fixtool has a bug: TENANT does what its name says");
}

#[tokio::test(start_paused = true)]
async fn a_failed_target_is_resumed_not_begun_anew() {
    let bench = Bench::new();
    bench.world.trouble("t0001", 100, Trouble::Lasting);
    let report = run(&bench, order(names(3)), &options(1)).await;
    let past = record(&bench, &report).await;
    let failed = past.targets.iter().find(|(target, _)| target == "t0001").unwrap();
    assert!(matches!(&failed.1, Past::Failed(Some(_))), "{failed:?}");

    let report = run(&bench, past.failed(), &options(1)).await;
    assert_eq!(report.status(), RunStatus::Done);
    assert_eq!(bench.world.rows(), names(3).into_iter().map(|n| (n, 200)).collect());
    assert_eq!(bench.ledger.runs(&RunFilter::default()).await.unwrap().len(), 4, "three targets and the fleet");
}

#[tokio::test(start_paused = true)]
async fn all_failures_of_one_kind_are_a_failure_of_that_kind() {
    let bench = Bench::new();
    let held = Arc::new(bench);
    let blocker = |target: &'static str| {
        let bench = held.clone();
        tokio::spawn(async move {
            run_in(&bench.environment, &bench.world, &change(target, Wish::loads(&[(0, target, 1000)]))).await
        })
    };
    let (one, two) = (blocker("a"), blocker("b"));
    tokio::time::sleep(BATCH_TIME).await;
    let report = run(&held, order(vec!["a".into(), "b".into()]), &options(2)).await;
    assert_eq!((report.status(), report.failure_kind()), (RunStatus::Failed, Some(FailureKind::Held)));
    let groups = report.failures();
    assert_eq!(groups.len(), 2, "each names its own run");
    one.await.unwrap().unwrap();
    two.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_on_one_target_is_no_fleet() {
    let bench = Bench::new();
    let report = run(&bench, order(vec!["acme".into()]), &FleetOptions::default()).await;
    let run = report.into_single().unwrap().ended.unwrap().unwrap().run;
    assert_eq!(FleetRecord::of(&bench.ledger.run(&run).await.unwrap().unwrap(), &[]), None);
}
