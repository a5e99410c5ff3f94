//! What goes wrong on the way: passing and lasting failures, panics, cancel, a catalog that hiccups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fixtool::engine::ledger::ChainReport;
use fixtool::engine::{
    Environment, Event, Failure, FailureKind, Ledger, LedgerError, Outcome, RetryPolicy, RunError, RunFilter,
    RunRecord, RunStart, RunStatus, RunSummary,
};
use miette::Diagnostic;

use super::bench::{Bench, acme, resume_in, run_in};
use super::world::{BATCH_TIME, Trouble, Wish};

fn retries(bench: &Bench) -> Vec<u32> {
    let attempt = |event: &Event| match event {
        Event::StepRetried { attempt, .. } => Some(*attempt),
        _ => None,
    };
    bench.sink.events().iter().filter_map(attempt).collect()
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_again_from_the_checkpoint() {
    let bench = Bench::new();
    bench.world.trouble("users", 200, Trouble::Passing);
    bench.world.trouble("users", 200, Trouble::Passing);
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 500)]))).await.unwrap();
    assert_eq!(report.status, RunStatus::Done);
    assert_eq!(retries(&bench), [1, 2]);
    assert!(bench.has_rows(&[("users", 500)]));
}

#[tokio::test(start_paused = true)]
async fn progress_starts_the_count_anew_and_standing_still_does_not() {
    let mut bench = Bench::new();
    bench.environment.retry = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
    for at in [100, 200, 300, 400] {
        bench.world.trouble("users", at, Trouble::Passing);
    }
    bench.run(&acme(Wish::loads(&[(0, "users", 500)]))).await.unwrap();
    assert_eq!(retries(&bench), [1, 1, 1, 1]);

    bench.world.trouble("orders", 100, Trouble::Passing);
    bench.world.trouble("orders", 100, Trouble::Passing);
    let error = bench.run(&acme(Wish::loads(&[(0, "orders", 500)]))).await.unwrap_err();
    assert_eq!((error.kind(), error.code_text().as_str()), (FailureKind::Unreachable, "world::lost"));
}

#[tokio::test(start_paused = true)]
async fn a_lasting_failure_stops_the_others_at_their_checkpoints() {
    let bench = Bench::new();
    bench.world.trouble("a", 200, Trouble::Lasting);
    let change = acme(Wish::loads(&[(0, "a", 1000), (0, "b", 1000), (0, "c", 1000), (1, "d", 100)]));
    let error = bench.run(&change).await.unwrap_err();

    assert_eq!(error.to_string(), "a has no room");
    assert_eq!(error.help().unwrap().to_string(), "make room in a");
    let RunError::Step(failed) = &error else { panic!("{error:?}") };
    assert_eq!((failed.step, failed.label.as_str()), (0, "load a"));
    assert_eq!(failed.report.status, RunStatus::Failed);
    assert_eq!(bench.world.performed(), ["load a", "load b"], "no further step was begun");
    assert!(bench.world.rows()["b"] <= 400, "b stopped soon");
    assert!(bench.leases.held().is_empty());
    let record = bench.ledger.run(error.run().unwrap()).await.unwrap().unwrap();
    assert_eq!(record.status, RunStatus::Failed);
    assert_eq!(record.failure, Some(("world::full".into(), "a has no room".into())));

    bench.resume(&change, error.run().unwrap()).await.unwrap();
    assert!(bench.has_rows(&[("a", 1000), ("b", 1000), ("c", 1000), ("d", 100)]));
}

#[tokio::test(start_paused = true)]
async fn two_failures_side_by_side_are_both_told() {
    let bench = Bench::new();
    bench.world.trouble("a", 0, Trouble::Lasting);
    bench.world.trouble("b", 0, Trouble::Lasting);
    let error = bench.run(&acme(Wish::loads(&[(0, "a", 100), (0, "b", 100)]))).await.unwrap_err();
    let RunError::Step(failed) = &error else { panic!("{error:?}") };
    assert_eq!((failed.step, failed.others.len()), (0, 1));
    assert_eq!(error.related().unwrap().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_bug_and_poisons_nothing() {
    let bench = Bench::new();
    bench.world.trouble("users", 100, Trouble::Panic);
    let change = acme(Wish::loads(&[(0, "users", 300)]));
    let error = bench.run(&change).await.unwrap_err();

    assert_eq!(error.kind(), FailureKind::Bug);
    assert_eq!(error.to_string(), "fixtool has a bug: users surprised us");
    assert!(bench.leases.held().is_empty());
    let record = bench.ledger.run(error.run().unwrap()).await.unwrap().unwrap();
    assert_eq!((record.status, record.failure.unwrap().0.as_str()), (RunStatus::Failed, "fixtool::bug"));

    let report = bench.resume(&change, error.run().unwrap()).await.unwrap();
    assert_eq!(report.status, RunStatus::Done);
    assert!(bench.has_rows(&[("users", 300)]));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_stops_at_a_checkpoint_and_goes_on_later() {
    let bench = Bench::new();
    let change = acme(Wish::loads(&[(0, "users", 1000), (1, "orders", 100)]));
    let cancel = bench.environment.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(BATCH_TIME * 35 / 10).await;
        cancel.cancel();
    });
    let report = bench.run(&change).await.unwrap();
    assert_eq!(report.status, RunStatus::Interrupted);
    assert!(bench.has_rows(&[("users", 400)]), "the batch in hand was finished: {:?}", bench.world.rows());
    assert!(report.steps.iter().all(|step| step.outcome.as_ref().is_none_or(|outcome| outcome.interrupted)));
    assert!(bench.leases.held().is_empty());

    let report = resume_in(&bench.somebody_else(), &bench.world, &change, &report.run).await.unwrap();
    assert_eq!(report.status, RunStatus::Done);
    assert!(bench.has_rows(&[("users", 1000), ("orders", 100)]));
}

#[tokio::test(start_paused = true)]
async fn what_is_done_when_the_cancel_comes_is_done() {
    let bench = Bench::new();
    let cancel = bench.environment.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(BATCH_TIME / 2).await;
        cancel.cancel();
    });
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 100)]))).await.unwrap();
    assert_eq!(report.status, RunStatus::Done);
}

#[tokio::test(start_paused = true)]
async fn cancelled_before_it_began_leaves_no_trace() {
    let bench = Bench::new();
    bench.environment.cancel.cancel();
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 100)]))).await.unwrap();
    assert_eq!((report.status, report.run.as_str()), (RunStatus::Interrupted, ""));
    assert_eq!(bench.ledger.verify().await.unwrap().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_does_not_wait_for_the_next_try() {
    let mut bench = Bench::new();
    let hour = Duration::from_hours(1);
    bench.environment.retry = RetryPolicy { attempts: 2, base: hour, cap: hour, within: hour };
    bench.world.trouble("users", 100, Trouble::Passing);
    let cancel = bench.environment.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
    });
    let began = tokio::time::Instant::now();
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 300)]))).await.unwrap();
    assert_eq!(report.status, RunStatus::Interrupted);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_at_any_moment_goes_on_without_loss() {
    let expected = [("a", 700), ("b", 550), ("c", 300)];
    for seed in 0..300 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let bench = Bench::new();
        let change = acme(Wish::loads(&[(0, "a", 700), (0, "b", 550), (1, "c", 300)]));
        let mut kills = 0;
        loop {
            let left = Duration::from_micros(dice.u64(1..40_000));
            let record = bench.ledger.runs(&RunFilter::default()).await.unwrap().pop();
            let work = async {
                match &record {
                    Some(begun) => bench.resume(&change, &begun.run).await,
                    None => bench.run(&change).await,
                }
            };
            match tokio::time::timeout(left, work).await {
                Ok(report) => break assert_eq!(report.unwrap().status, RunStatus::Done),
                Err(_) => kills += 1,
            }
            // A dead process renews nothing: its lease runs out.
            tokio::time::sleep(Environment::LEASE_TTL).await;
        }
        assert!(bench.has_rows(&expected), "seed {seed}, {kills} kills: {:?}", bench.world.rows());
        assert_eq!(bench.ledger.runs(&RunFilter::default()).await.unwrap().len(), 1);
        assert!(bench.ledger.verify().await.unwrap().damage.is_empty());
    }
}

/// A catalog that cannot be reached for a number of calls, or loses the answer to `begin`.
struct Hiccups {
    ledger: Arc<dyn Ledger>,
    calls: AtomicU32,
    /// Every call of this number, and the multiples of it, fails.
    every: u32,
    transient: bool,
    forget_begin: bool,
}

impl Hiccups {
    fn hiccup(&self) -> Result<(), LedgerError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call.is_multiple_of(self.every) { Err(self.error()) } else { Ok(()) }
    }

    fn error(&self) -> LedgerError {
        LedgerError { message: "no answer".into(), kind: FailureKind::Unreachable, transient: self.transient }
    }
}

#[async_trait]
impl Ledger for Hiccups {
    async fn begin(&self, start: &RunStart) -> Result<(), LedgerError> {
        let begun = self.ledger.begin(start).await;
        if self.forget_begin && begun.is_ok() { Err(self.error()) } else { begun }
    }
    async fn resumed(&self, run: &str, actor: &str) -> Result<(), LedgerError> {
        self.hiccup()?;
        self.ledger.resumed(run, actor).await
    }
    async fn step_started(&self, run: &str, step: u32, label: &str) -> Result<(), LedgerError> {
        self.hiccup()?;
        self.ledger.step_started(run, step, label).await
    }
    async fn step_finished(&self, run: &str, step: u32, outcome: &Outcome) -> Result<(), LedgerError> {
        self.hiccup()?;
        self.ledger.step_finished(run, step, outcome).await
    }
    async fn step_failed(&self, run: &str, step: u32, code: &str, message: &str) -> Result<(), LedgerError> {
        self.hiccup()?;
        self.ledger.step_failed(run, step, code, message).await
    }
    async fn end(&self, run: &str, status: RunStatus) -> Result<(), LedgerError> {
        self.hiccup()?;
        self.ledger.end(run, status).await
    }
    async fn applied(&self, plan_digest: &str) -> Result<Option<String>, LedgerError> {
        self.ledger.applied(plan_digest).await
    }
    async fn run(&self, id: &str) -> Result<Option<RunRecord>, LedgerError> {
        self.ledger.run(id).await
    }
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, LedgerError> {
        self.ledger.runs(filter).await
    }
    async fn verify(&self) -> Result<ChainReport, LedgerError> {
        self.ledger.verify().await
    }
}

fn with_hiccups(bench: &Bench, every: u32, transient: bool, forget_begin: bool) -> Environment {
    let ledger = bench.ledger.clone();
    let ledger = Arc::new(Hiccups { ledger, calls: AtomicU32::new(0), every, transient, forget_begin });
    Environment { ledger, ..bench.environment.clone() }
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_hiccups_is_asked_again() {
    let bench = Bench::new();
    let environment = with_hiccups(&bench, 2, true, true);
    let change = acme(Wish::loads(&[(0, "a", 100), (0, "b", 100), (1, "c", 100)]));
    let report = run_in(&environment, &bench.world, &change).await.unwrap();
    assert_eq!(report.status, RunStatus::Done);
    let record = bench.ledger.run(&report.run).await.unwrap().unwrap();
    assert_eq!((record.status, record.finished().count()), (RunStatus::Done, 3));
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_is_gone_stops_the_run_which_can_be_resumed() {
    for call in 1..6 {
        let bench = Bench::new();
        let environment = with_hiccups(&bench, call, false, false);
        let change = acme(Wish::loads(&[(0, "a", 200), (1, "b", 200)]));
        let ended = run_in(&environment, &bench.world, &change).await;
        // The fifth call is the one that notes the end: the work is done, the rest is a warning.
        if call == 5 {
            assert_eq!(ended.unwrap().status, RunStatus::Done);
        } else {
            assert_eq!(ended.unwrap_err().kind(), FailureKind::Unreachable, "call {call}");
        }
        assert!(bench.leases.held().is_empty());
        let run = bench.ledger.runs(&RunFilter::default()).await.unwrap().pop().unwrap();
        bench.resume(&change, &run.run).await.unwrap();
        assert!(bench.has_rows(&[("a", 200), ("b", 200)]), "call {call}: {:?}", bench.world.rows());
    }
}
