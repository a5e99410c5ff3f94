//! From a plan to an approved one: every way to be refused, and what consent covers.

use fixtool::engine::{
    Approved, Consent, Effect, Failure, FailureKind, Ledger, Operation, Refusal, RunStatus, Target, refresh,
};

use super::bench::{Bench, acme, everything};
use super::world::{Change, Wish, WorldAction};

fn destroying() -> Wish {
    Wish { steps: vec![(0, WorldAction::Drop { table: "users".into(), copy: None })] }
}

fn changing() -> Wish {
    Wish { steps: vec![(0, WorldAction::Unload { table: "users".into() })] }
}

#[test]
fn consent_covers_what_it_says() {
    let none = Consent::none();
    let yes = Consent::yes(true);
    let default_target = Consent::yes(false);
    let given = Consent::given();
    let named = Consent::none().confirming(["acme"]);
    let other = Consent::yes(true).confirming(["globex"]);
    let missing = |consent: &Consent, effect| {
        consent.missing(effect, "acme").map(|refusal| match refusal {
            Refusal::ConsentMissing { .. } => "consent",
            Refusal::TargetNotNamed { .. } => "name",
            Refusal::ConfirmationMissing { .. } => "confirmation",
            other => panic!("{other:?}"),
        })
    };
    for consent in [&none, &yes, &default_target, &given, &named, &other] {
        assert_eq!(missing(consent, Effect::Reads), None);
        assert_eq!(missing(consent, Effect::Adds), None);
    }
    assert_eq!(missing(&none, Effect::Changes), Some("consent"));
    assert_eq!(missing(&default_target, Effect::Changes), Some("name"));
    for consent in [&yes, &given, &named, &other] {
        assert_eq!(missing(consent, Effect::Changes), None);
    }
    for consent in [&none, &yes, &default_target, &given, &other] {
        assert_eq!(missing(consent, Effect::Destroys), Some("confirmation"));
    }
    assert_eq!(missing(&named, Effect::Destroys), None);
}

#[tokio::test]
async fn a_plan_is_as_grave_as_its_gravest_step() {
    let bench = Bench::new();
    let (plan, freshness) = bench.plan(&acme(changing())).await;
    let refusal = plan.clone().approve(&Consent::none(), &freshness).unwrap_err();
    assert!(matches!(refusal, Refusal::ConsentMissing { effect: Effect::Changes, .. }));
    assert!(plan.approve(&Consent::yes(true), &freshness).is_ok());

    let mut both = changing();
    both.steps.extend(destroying().steps);
    let (plan, freshness) = bench.plan(&acme(both)).await;
    let refusal = plan.clone().approve(&Consent::yes(true), &freshness).unwrap_err();
    assert!(matches!(refusal, Refusal::ConfirmationMissing { .. }));
    assert!(plan.approve(&everything(), &freshness).is_ok());
}

#[tokio::test(start_paused = true)]
async fn each_wrong_plan_is_refused_for_its_own_reason() {
    let bench = Bench::new();
    let change = acme(Wish::loads(&[(0, "users", 100)]));
    let (plan, fresh) = bench.plan(&change).await;
    let refused = |freshness| plan.clone().approve(&everything(), freshness).unwrap_err();

    let mut other = fresh.clone();
    other.target.name = "globex".into();
    assert!(
        matches!(refused(&other), Refusal::OtherTarget { planned, actual } if planned == "acme" && actual == "globex")
    );
    let mut other = fresh.clone();
    other.target.site = "there".into();
    assert!(matches!(refused(&other), Refusal::OtherSite { .. }));
    let mut other = fresh.clone();
    other.operation = "world.end".into();
    assert!(matches!(refused(&other), Refusal::OtherOperation { .. }));
    let mut other = fresh.clone();
    other.applied_by = Some("0198".into());
    assert!(matches!(refused(&other), Refusal::AlreadyApplied { run, .. } if run == "0198"));
    assert_eq!(refused(&other).kind(), FailureKind::Refused);

    bench.world.disturb("users", 1);
    let stale = refresh(change.as_ref(), &plan, &bench.world, bench.ledger.as_ref()).await.unwrap();
    assert!(matches!(refused(&stale), Refusal::Stale { created_at, .. } if created_at == plan.created_at));
}

#[tokio::test(start_paused = true)]
async fn a_refreshed_plan_knows_the_run_that_applied_it() {
    let bench = Bench::new();
    let change = acme(changing());
    let (plan, _) = bench.plan(&change).await;
    let fresh = refresh(change.as_ref(), &plan, &bench.world, bench.ledger.as_ref()).await.unwrap();
    assert_eq!(fresh.applied_by, None);

    bench.world.disturb("users", 1);
    let (other, _) = bench.plan(&change).await;
    assert_ne!(other.digest().unwrap(), plan.digest().unwrap(), "two plans of the same content are two plans");

    let load = acme(Wish::loads(&[(0, "orders", 100)]));
    let (plan, freshness) = bench.plan(&load).await;
    let approved = plan.clone().approve(&Consent::none(), &freshness).unwrap();
    let report =
        fixtool::engine::carry_out(load.clone(), approved, bench.world.clone(), &bench.environment).await.unwrap();
    let fresh = refresh(load.as_ref(), &plan, &bench.world, bench.ledger.as_ref()).await.unwrap();
    assert_eq!(fresh.applied_by, Some(report.run));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_resumed_only_where_and_while_it_can_be() {
    let bench = Bench::new();
    let change = acme(Wish::loads(&[(0, "users", 100)]));
    let report = bench.run(&change).await.unwrap();
    let done = bench.ledger.run(&report.run).await.unwrap().unwrap();
    let here = change.target();
    let resume = |record: &_, operation: &str, target: &Target| {
        Approved::<WorldAction>::resume(record, operation, target).map(|_| ()).unwrap_err()
    };

    assert!(matches!(resume(&done, Change::NAME, &here), Refusal::Ended { status: RunStatus::Done, .. }));
    let mut record = done.clone();
    record.status = RunStatus::Failed;
    assert!(Approved::<WorldAction>::resume(&record, Change::NAME, &here).is_ok());
    assert!(matches!(resume(&record, "world.end", &here), Refusal::OtherOperation { .. }));
    let there = Target { site: "there".into(), ..here.clone() };
    assert!(matches!(resume(&record, Change::NAME, &there), Refusal::OtherSite { .. }));

    let mut undone = record.clone();
    undone.undone_by = Some("0199".into());
    assert!(matches!(resume(&undone, Change::NAME, &here), Refusal::Undone { by, .. } if by == "0199"));
    let mut edited = record.clone();
    edited.start.plan["steps"][0]["action"]["rows"] = 7.into();
    assert!(matches!(resume(&edited, Change::NAME, &here), Refusal::Edited { .. }));
    let mut foreign = record;
    foreign.start.plan["steps"][0]["action"]["do"] = "sing".into();
    foreign.start.plan_digest = fixtool::engine::chain::digest(&foreign.start.plan);
    assert!(matches!(resume(&foreign, Change::NAME, &here), Refusal::Unreadable { .. }));
}
