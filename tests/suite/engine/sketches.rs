//! The commands of later, sketched against the engine's contract: backup, restore, repair,
//! clean-up, migration of many tenants, watch. Each is data for one small operation, and what
//! matters of it is shown without a database.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use fixtool::engine::fleet::{FleetJob, FleetOptions, FleetOrder, FleetRecord, fan_out};
use fixtool::engine::{
    Action, Approved, Consent, Draft, Effect, Environment, Failure, FailureKind, Fingerprint, Halt, Ledger, Operation,
    Outcome, Refusal, Report, RunError, RunFilter, RunStatus, Size, Step, StepContext, Target, TargetState, Undo, Unit,
    Waves, carry_out, later_runs, prepare, undo_freshness, undo_plan,
};
use serde::{Deserialize, Serialize};

use super::bench::Bench;

/// One thing to do, as a sketch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stroke {
    label: String,
    effect: Effect,
    bytes: Option<u64>,
    back: Back,
}

/// How a stroke is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Back {
    Nothing,
    By(String),
    FromCopy(u32),
    IsCopy(String),
}

impl Stroke {
    fn new(label: impl Into<String>, effect: Effect, back: Back) -> Self {
        Self { label: label.into(), effect, bytes: None, back }
    }
}

impl Action for Stroke {
    fn describe(&self) -> String {
        self.label.clone()
    }
    fn effect(&self) -> Effect {
        self.effect
    }
    fn size(&self) -> Size {
        self.bytes.map_or(Size::items(1), |amount| Size { amount: Some(amount), unit: Unit::Bytes })
    }
    fn undo(&self) -> Undo<Self> {
        match &self.back {
            Back::Nothing | Back::IsCopy(_) => Undo::Nothing,
            Back::By(label) => Undo::Inverse(Self::new(label, Effect::Changes, Back::Nothing)),
            Back::FromCopy(step) => Undo::SafetyCopy { step: *step },
        }
    }
    fn bring_back(&self) -> Option<Self> {
        let Back::IsCopy(label) = &self.back else { return None };
        Some(Self::new(label, Effect::Changes, Back::Nothing))
    }
}

/// Everything that was done, by target, and what fails.
#[derive(Debug, Default)]
struct Place {
    done: Mutex<Vec<String>>,
    failing: Mutex<Option<String>>,
    sick: Mutex<bool>,
}

impl Place {
    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    fn fail_at(&self, label: &str) {
        *self.failing.lock().unwrap() = Some(label.to_owned());
    }
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{what} went wrong")]
#[diagnostic(code(sketch::wrong))]
struct Wrong {
    what: String,
}

impl Failure for Wrong {
    fn kind(&self) -> FailureKind {
        FailureKind::Failed
    }
}

/// What a sketched command does: its name, and its steps for what was seen.
trait Command: Send + Sync + 'static {
    const NAME: &'static str;
    fn steps(sick: bool) -> Vec<(u32, Stroke)>;
}

struct Sketch<C> {
    target: String,
    command: PhantomData<C>,
}

struct Sick(bool);

impl Fingerprint for Sick {
    fn fingerprint(&self) -> String {
        self.0.to_string()
    }
}

impl<C: Command> Operation for Sketch<C> {
    const NAME: &'static str = C::NAME;
    type Request = ();
    type Snapshot = Sick;
    type Action = Stroke;
    type Reader = Arc<Place>;
    type Writer = Arc<Place>;
    type Error = Wrong;

    fn request(&self) -> &() {
        &()
    }
    fn target(&self) -> Target {
        Target { name: self.target.clone(), site: "here".into() }
    }
    async fn observe(&self, place: &Arc<Place>) -> Result<Sick, Wrong> {
        Ok(Sick(*place.sick.lock().unwrap()))
    }
    fn decide(&self, seen: &Sick) -> Result<Draft<Stroke>, Wrong> {
        Ok(Draft::of(C::steps(seen.0).into_iter().map(|(stage, action)| Step { stage, action }).collect()))
    }
    async fn perform(&self, stroke: &Stroke, place: &Arc<Place>, context: &StepContext) -> Result<Outcome, Wrong> {
        let what = format!("{}: {}", context.target, stroke.label);
        let fails = place.failing.lock().unwrap().take_if(|failing| *failing == what).is_some();
        if fails {
            return Err(Wrong { what });
        }
        context.advance(stroke.bytes.unwrap_or(1));
        place.done.lock().unwrap().push(what);
        Ok(Outcome::default().with("done", 1))
    }
}

fn sketch<C: Command>(target: &str) -> Arc<Sketch<C>> {
    Arc::new(Sketch { target: target.into(), command: PhantomData })
}

type Ended = Result<Report, RunError<Wrong>>;

async fn run<C: Command>(environment: &Environment, place: &Arc<Place>, target: &str, consent: &Consent) -> Ended {
    let operation = sketch::<C>(target);
    let prepared = prepare(operation.as_ref(), place, environment.ledger.as_ref()).await?;
    let approved = prepared.plan.approve(consent, &prepared.freshness)?;
    carry_out(operation, approved, place.clone(), environment).await
}

async fn resume<C: Command>(environment: &Environment, place: &Arc<Place>, run: &str) -> Ended {
    let record = environment.ledger.run(run).await?.unwrap();
    let operation = sketch::<C>(&record.start.target);
    let approved = Approved::resume(&record, C::NAME, &operation.target())?;
    carry_out(operation, approved, place.clone(), environment).await
}

async fn undo<C: Command>(environment: &Environment, place: &Arc<Place>, run: &str) -> Ended {
    let record = environment.ledger.run(run).await?.unwrap();
    let later = later_runs(environment.ledger.as_ref(), &record).await?;
    let operation = sketch::<C>(&record.start.target);
    let freshness = undo_freshness(&record, &later, operation.target(), None);
    let approved = undo_plan::<Stroke>(&record, &later)?.approve(&Consent::yes(true), &freshness)?;
    carry_out(operation, approved, place.clone(), environment).await
}

/// Parts side by side, then the manifest that makes the snapshot exist.
struct BackupCreate;

impl Command for BackupCreate {
    const NAME: &'static str = "backup.create";
    fn steps(_: bool) -> Vec<(u32, Stroke)> {
        let part = |table: &str| {
            let stroke = Stroke::new(format!("store {table}"), Effect::Adds, Back::Nothing);
            (0, Stroke { bytes: Some(16 << 20), ..stroke })
        };
        let manifest = Stroke::new("publish manifest", Effect::Adds, Back::By("withdraw manifest".into()));
        vec![part("users"), part("orders"), part("files"), (1, manifest)]
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_failed_is_not_published_and_stores_only_what_is_missing_later() {
    let (bench, place) = (Bench::new(), Arc::new(Place::default()));
    place.fail_at("acme: store files");
    let failed = run::<BackupCreate>(&bench.environment, &place, "acme", &Consent::none()).await.unwrap_err();
    assert_eq!(place.done(), ["acme: store users", "acme: store orders"]);
    resume::<BackupCreate>(&bench.environment, &place, failed.run().unwrap()).await.unwrap();
    assert_eq!(place.done()[2..], ["acme: store files", "acme: publish manifest"]);
}

/// Beside the living tenant first; the two change places last.
struct BackupRestore;

impl Command for BackupRestore {
    const NAME: &'static str = "backup.restore";
    fn steps(_: bool) -> Vec<(u32, Stroke)> {
        let adds = |label: &str| Stroke::new(label, Effect::Adds, Back::Nothing);
        vec![
            (0, Stroke::new("make acme~new", Effect::Adds, Back::By("drop acme~new".into()))),
            (1, adds("copy users")),
            (1, adds("copy orders")),
            (2, adds("build indexes")),
            (3, Stroke::new("compare hashes", Effect::Reads, Back::Nothing)),
            (4, Stroke::new("change places", Effect::Destroys, Back::By("change places back".into()))),
        ]
    }
}

#[tokio::test(start_paused = true)]
async fn a_restore_touches_the_living_tenant_last_and_is_undone_by_changing_back() {
    let (bench, place) = (Bench::new(), Arc::new(Place::default()));
    let refusal = run::<BackupRestore>(&bench.environment, &place, "acme", &Consent::yes(true)).await.unwrap_err();
    assert!(matches!(refusal, RunError::Refused(Refusal::ConfirmationMissing { .. })));
    let consent = Consent::yes(true).confirming(["acme"]);
    place.fail_at("acme: compare hashes");
    let failed = run::<BackupRestore>(&bench.environment, &place, "acme", &consent).await.unwrap_err();
    assert!(!place.done().contains(&"acme: change places".to_owned()));

    let run = failed.run().unwrap();
    let report = resume::<BackupRestore>(&bench.environment, &place, run).await.unwrap();
    assert_eq!((report.status, report.steps.len()), (RunStatus::Done, 6));
    undo::<BackupRestore>(&bench.environment, &place, run).await.unwrap();
    assert_eq!(place.done()[6..], ["acme: change places back", "acme: drop acme~new"]);
}

/// A safety copy before what cannot be made good otherwise.
struct CleanupApply;

impl Command for CleanupApply {
    const NAME: &'static str = "cleanup.apply";
    fn steps(_: bool) -> Vec<(u32, Stroke)> {
        vec![
            (0, Stroke::new("copy what goes", Effect::Adds, Back::IsCopy("bring it back".into()))),
            (1, Stroke::new("delete old data", Effect::Destroys, Back::FromCopy(0))),
            (1, Stroke::new("delete sessions", Effect::Destroys, Back::FromCopy(0))),
            (2, Stroke::new("compact", Effect::Changes, Back::Nothing)),
        ]
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_up_copies_first_and_comes_back_from_the_copy() {
    let (bench, place) = (Bench::new(), Arc::new(Place::default()));
    let consent = Consent::none().confirming(["acme"]);
    let report = run::<CleanupApply>(&bench.environment, &place, "acme", &consent).await.unwrap();
    assert_eq!(place.done()[0], "acme: copy what goes");
    undo::<CleanupApply>(&bench.environment, &place, &report.run).await.unwrap();
    assert_eq!(place.done()[4..], ["acme: bring it back"]);
}

/// Each repair knows what was there before.
struct AutoFix;

impl Command for AutoFix {
    const NAME: &'static str = "data.validate";
    fn steps(_: bool) -> Vec<(u32, Stroke)> {
        let fix = |label: &str| (0, Stroke::new(label, Effect::Changes, Back::By(format!("revert: {label}"))));
        vec![fix("trim e-mails"), fix("drop orphans' references")]
    }
}

#[tokio::test(start_paused = true)]
async fn repairs_are_taken_back_one_by_one() {
    let (bench, place) = (Bench::new(), Arc::new(Place::default()));
    let report = run::<AutoFix>(&bench.environment, &place, "acme", &Consent::yes(true)).await.unwrap();
    let undone = undo::<AutoFix>(&bench.environment, &place, &report.run).await.unwrap();
    assert_eq!(undone.steps.len(), 2);
    assert_eq!(place.done()[2..], ["acme: revert: drop orphans' references", "acme: revert: trim e-mails"]);
}

/// Expand, backfill, contract: stages; the way down is the undo.
struct MigrateApply;

impl Command for MigrateApply {
    const NAME: &'static str = "migrate.apply";
    fn steps(_: bool) -> Vec<(u32, Stroke)> {
        let change = |stage, up: &str, down: &str| (stage, Stroke::new(up, Effect::Changes, Back::By(down.into())));
        vec![change(0, "expand", "contract back"), change(1, "backfill", "empty"), change(2, "contract", "expand back")]
    }
}

#[tokio::test(start_paused = true)]
async fn a_migration_of_many_halts_at_its_canary_and_goes_down_again_everywhere() {
    let (bench, place) = (Bench::new(), Arc::new(Place::default()));
    place.fail_at("t1: backfill");
    let targets = (0..10).map(|n| format!("t{n}"));
    let order = FleetOrder::new("migrate.apply", serde_json::json!({"to": "1.1.0"}), targets);
    let options = FleetOptions { waves: "50%".parse::<Waves>().unwrap().with_canary(2), ..FleetOptions::default() };
    let apply = |job: FleetJob| {
        let place = place.clone();
        async move {
            match &job.resume {
                Some(run) => resume::<MigrateApply>(&job.environment, &place, run).await,
                None => run::<MigrateApply>(&job.environment, &place, &job.target, &Consent::yes(true)).await,
            }
        }
    };
    let first = fan_out(order, &options, &bench.environment, apply).await.unwrap();
    assert_eq!((first.halted, first.count(TargetState::NotReached)), (Some(Halt::Canary), 8));

    let fleet = first.run.unwrap();
    let past = async || {
        let children = RunFilter { parent: Some(fleet.clone()), ..RunFilter::default() };
        let children = bench.ledger.runs(&children).await.unwrap();
        (FleetRecord::of(&bench.ledger.run(&fleet).await.unwrap().unwrap(), &children).unwrap(), children)
    };
    let retried = fan_out(past().await.0.failed(), &options, &bench.environment, apply).await.unwrap();
    assert_eq!((retried.results.len(), retried.status()), (1, RunStatus::Done));
    let rest = fan_out(past().await.0.unfinished(), &options, &bench.environment, apply).await.unwrap();
    assert_eq!((rest.results.len(), rest.status()), (8, RunStatus::Done));
    assert_eq!(bench.ledger.run(&fleet).await.unwrap().unwrap().status, RunStatus::Done);

    let runs = past().await.1;
    let down = FleetOrder::new("migrate.apply", serde_json::Value::Null, runs.iter().map(|run| run.target.clone()));
    let undo_one = |job: FleetJob| {
        let run = runs.iter().find(|run| run.target == job.target).unwrap().run.clone();
        let place = place.clone();
        async move { undo::<MigrateApply>(&job.environment, &place, &run).await }
    };
    let down = fan_out(down, &FleetOptions::default(), &bench.environment, undo_one).await.unwrap();
    assert_eq!((down.results.len(), down.status()), (10, RunStatus::Done));
    assert_eq!(place.done().iter().filter(|done| done.ends_with("contract back")).count(), 10);
}

/// Looks again and again; recovers only when there is something to recover.
struct MonitorRecover;

impl Command for MonitorRecover {
    const NAME: &'static str = "monitor.watch";
    fn steps(sick: bool) -> Vec<(u32, Stroke)> {
        let heal = Stroke::new("end idle transactions", Effect::Changes, Back::Nothing);
        if sick { vec![(0, heal)] } else { Vec::new() }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_leaves_a_trace_only_when_it_did_something() {
    let (bench, place) = (Bench::new(), Arc::new(Place::default()));
    let standing = Consent::yes(true);
    let mut statuses = Vec::new();
    for cycle in 0..5 {
        *place.sick.lock().unwrap() = cycle == 3;
        statuses.push(run::<MonitorRecover>(&bench.environment, &place, "acme", &standing).await.unwrap().status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == RunStatus::NothingToDo).count(), 4);
    assert_eq!(place.done(), ["acme: end idle transactions"]);
    assert_eq!(bench.ledger.runs(&RunFilter::default()).await.unwrap().len(), 1);
}
