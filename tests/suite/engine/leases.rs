//! One run a target: two at once, a lost lease, a dead holder, and who was faster.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fixtool::engine::{
    Environment, Failure, FailureKind, LeaseAnswer, LeaseRequest, Leases, Ledger, LedgerError, MemoryLeases, Refusal,
    RunError, RunStatus, carry_out,
};
use miette::Diagnostic;

use super::bench::{Bench, acme, change, everything, resume_in, run_in};
use super::world::{BATCH_TIME, Wish};

#[tokio::test(start_paused = true)]
async fn of_two_at_once_one_works_and_the_other_learns_who() {
    let bench = Bench::new();
    let load = acme(Wish::loads(&[(0, "users", 1000)]));
    let other = bench.somebody_else();
    let late = async {
        tokio::time::sleep(BATCH_TIME).await;
        run_in(&other, &bench.world, &acme(Wish::loads(&[(0, "orders", 100)]))).await
    };
    let (first, second) = tokio::join!(bench.run(&load), late);
    let first = first.unwrap();
    let second = second.unwrap_err();

    assert_eq!(second.kind(), FailureKind::Held);
    let RunError::Held { holder, operation, run, .. } = &second else { panic!("{second:?}") };
    assert_eq!((holder.as_str(), operation.as_str(), run), ("ada@db1 pid 7", "world.change", &first.run));
    let told = second.to_string();
    assert!(told.contains("acme is held") && told.contains("world change") && told.contains("ada@db1 pid 7"), "{told}");
    assert!(second.help().unwrap().to_string().contains(&format!("fixtool op show {}", first.run)));
    assert!(bench.has_rows(&[("users", 1000)]), "the second did nothing");
}

#[tokio::test(start_paused = true)]
async fn runs_on_different_targets_never_wait() {
    let bench = Bench::new();
    let one = change("acme", Wish::loads(&[(0, "a", 1000)]));
    let two = change("globex", Wish::loads(&[(0, "b", 1000)]));
    let began = tokio::time::Instant::now();
    let (first, second) = tokio::join!(bench.run(&one), bench.run(&two));
    assert_eq!((first.unwrap().status, second.unwrap().status), (RunStatus::Done, RunStatus::Done));
    assert!(began.elapsed() < BATCH_TIME * 11);
}

#[tokio::test(start_paused = true)]
async fn a_long_run_keeps_its_lease() {
    let mut bench = Bench::new();
    bench.environment.lease_ttl = BATCH_TIME * 3;
    let report = bench.run(&acme(Wish::loads(&[(0, "users", 10_000)]))).await.unwrap();
    assert_eq!(report.status, RunStatus::Done);
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_followed_when_its_lease_ends() {
    let bench = Bench::new();
    let load = acme(Wish::loads(&[(0, "users", 1000)]));
    // The process is gone in the middle: no heartbeat, no release.
    let dead = LeaseRequest {
        target: "acme".into(),
        run: "dead".into(),
        operation: "data.load".into(),
        holder: "eve@db3 pid 9".into(),
        ttl: Duration::from_secs(30),
    };
    assert_eq!(bench.leases.acquire(&dead).await.unwrap(), LeaseAnswer::Granted);

    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(bench.run(&load).await.unwrap_err().kind(), FailureKind::Held);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.run(&load).await.unwrap().status, RunStatus::Done);
    assert!(!bench.leases.heartbeat(&dead).await.unwrap(), "the dead one notices if it was only asleep");
}

#[tokio::test(start_paused = true)]
async fn a_torn_down_run_gives_its_lease_back() {
    let bench = Bench::new();
    let load = acme(Wish::loads(&[(0, "users", 1000)]));
    let torn = tokio::time::timeout(BATCH_TIME * 5 / 2, bench.run(&load)).await;
    assert!(torn.is_err());
    tokio::task::yield_now().await;
    assert!(bench.leases.held().is_empty());
    let rows = bench.world.rows();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.world.rows(), rows, "its steps are gone as well");
}

/// Leases whose heartbeat is answered by the test.
struct Fragile {
    leases: MemoryLeases,
    answer: fn(u64) -> Option<Result<bool, LedgerError>>,
    began: tokio::time::Instant,
}

impl Fragile {
    fn environment(bench: &Bench, answer: fn(u64) -> Option<Result<bool, LedgerError>>) -> Environment {
        let leases = Fragile { leases: MemoryLeases::default(), answer, began: tokio::time::Instant::now() };
        Environment { leases: Arc::new(leases), lease_ttl: Duration::from_millis(300), ..bench.environment.clone() }
    }
}

#[async_trait]
impl Leases for Fragile {
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseAnswer, LedgerError> {
        self.leases.acquire(request).await
    }
    async fn heartbeat(&self, request: &LeaseRequest) -> Result<bool, LedgerError> {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        match (self.answer)(elapsed) {
            Some(answer) => {
                if matches!(answer, Ok(true)) {
                    self.leases.heartbeat(request).await?;
                }
                answer
            }
            None => std::future::pending().await,
        }
    }
    async fn release(&self, request: &LeaseRequest) -> Result<(), LedgerError> {
        self.leases.release(request).await
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for one answer of a heartbeat")]
fn gone() -> Option<Result<bool, LedgerError>> {
    Some(Err(LedgerError { message: "no answer".into(), kind: FailureKind::Unreachable, transient: true }))
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_the_work_at_once() {
    let bench = Bench::new();
    let load = acme(Wish::loads(&[(0, "users", 10_000)]));
    let environment = Fragile::environment(&bench, |_| Some(Ok(false)));
    let error = run_in(&environment, &bench.world, &load).await.unwrap_err();

    let RunError::LeaseLost { run, .. } = &error else { panic!("{error:?}") };
    assert!(error.help().unwrap().to_string().contains(&format!("fixtool op resume {run}")));
    let rows = bench.world.rows()["users"];
    assert!((900..=1000).contains(&rows), "stopped at the first heartbeat, after 100 ms: {rows}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.world.rows()["users"], rows);
    // Whoever took the lease may have resumed the run: its record is theirs.
    assert_eq!(bench.ledger.run(run).await.unwrap().unwrap().status, RunStatus::Running);

    resume_in(&bench.environment, &bench.world, &load, run).await.unwrap();
    assert!(bench.has_rows(&[("users", 10_000)]));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_fails_for_a_while_is_forgiven() {
    let bench = Bench::new();
    let load = acme(Wish::loads(&[(0, "users", 10_000)]));
    let environment = Fragile::environment(&bench, |ms| if (150..350).contains(&ms) { gone() } else { Some(Ok(true)) });
    assert_eq!(run_in(&environment, &bench.world, &load).await.unwrap().status, RunStatus::Done);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_fails_or_hangs_for_the_whole_lease_ends_the_work() {
    for answer in [|_| gone(), |_| None] as [fn(u64) -> Option<Result<bool, LedgerError>>; 2] {
        let bench = Bench::new();
        let load = acme(Wish::loads(&[(0, "users", 10_000)]));
        let environment = Fragile::environment(&bench, answer);
        let began = tokio::time::Instant::now();
        let error = run_in(&environment, &bench.world, &load).await.unwrap_err();
        assert!(matches!(error, RunError::LeaseLost { .. }), "{error:?}");
        assert!(began.elapsed() <= Duration::from_millis(350), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_made_before_another_run_is_stale_even_when_approved() {
    let bench = Bench::new();
    let load = acme(Wish::loads(&[(0, "users", 100)]));
    let approved = bench.approve(&load).await;
    let faster = acme(Wish::loads(&[(0, "orders", 100)]));
    run_in(&bench.somebody_else(), &bench.world, &faster).await.unwrap();

    let error = carry_out(load, approved, bench.world.clone(), &bench.environment).await.unwrap_err();
    assert!(matches!(error, RunError::Refused(Refusal::Stale { .. })), "{error:?}");
    assert!(bench.has_rows(&[("orders", 100)]));
    assert!(bench.leases.held().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_carried_out_once_even_when_approved_twice() {
    let bench = Bench::new();
    let load = acme(Wish::loads(&[(0, "users", 100)]));
    let (plan, freshness) = bench.plan(&load).await;
    let twice = [plan.clone(), plan].map(|plan| plan.approve(&everything(), &freshness).unwrap());
    let [first, second] =
        twice.map(|approved| carry_out(load.clone(), approved, bench.world.clone(), &bench.environment));

    let done = first.await.unwrap();
    let error = second.await.unwrap_err();
    let RunError::Refused(Refusal::AlreadyApplied { run, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(run, &done.run);
    assert!(bench.has_rows(&[("users", 100)]));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_not_resumed_twice_at_once() {
    let bench = Bench::new();
    let load = acme(Wish::loads(&[(0, "users", 1000)]));
    let first = async { bench.run(&load).await };
    let second = async {
        tokio::time::sleep(BATCH_TIME * 3).await;
        let run = fixtool::engine::ledger::latest_run(bench.ledger.as_ref(), "acme").await.unwrap().unwrap();
        resume_in(&bench.somebody_else(), &bench.world, &load, &run).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap().status, RunStatus::Done);
    assert_eq!(second.unwrap_err().kind(), FailureKind::Held);
    assert!(bench.has_rows(&[("users", 1000)]));
}
