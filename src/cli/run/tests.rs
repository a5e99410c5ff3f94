//! The road with an operation of its own on a list in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::road::{Readable, Source, Writable, travel};
use super::{Rebuild, RunFlags};
use crate::cli::fault::{CommandResult, Ending};
use crate::cli::flags::{FleetFlags, PlanFlags};
use crate::cli::session::{Session, Site};
use crate::config::{Environment as Variables, Settings};
use crate::console::diagnostic::code_of;
use crate::console::gate::tests::{Captured, captured};
use crate::console::{Format, Look};
use crate::engine::memory::{MemoryLeases, MemoryLedger};
use crate::engine::plan::Draft;
use crate::engine::{
    Action, Effect, Failure, FailureKind, Fingerprint, Identity, Operation, Outcome, Signals, Size, Step, StepContext,
    Target, Undo,
};

type Rows = Arc<Mutex<BTreeMap<String, u64>>>;

/// Sets the number of rows of a target.
struct Fill {
    request: Wish,
    target: Target,
}

#[derive(Clone, Serialize, Deserialize)]
struct Wish {
    rows: u64,
    effect: Effect,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Set {
    rows: u64,
    effect: Effect,
}

impl Action for Set {
    fn describe(&self) -> String {
        "set the rows".to_owned()
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    fn size(&self) -> Size {
        Size { amount: Some(self.rows), unit: crate::engine::Unit::Rows }
    }

    fn undo(&self) -> Undo<Self> {
        Undo::Impossible { reason: "nobody counted before".to_owned() }
    }

    fn losses(&self) -> Vec<String> {
        if self.effect == Effect::Destroys { vec!["3 rows of users".to_owned()] } else { Vec::new() }
    }
}

struct Seen(u64);

impl Fingerprint for Seen {
    fn fingerprint(&self) -> String {
        format!("{:x}", self.0)
    }
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{0} is poisoned")]
#[diagnostic(code(fixtool::test::poisoned), help("use another tenant"))]
struct Poisoned(String);

impl Failure for Poisoned {
    fn kind(&self) -> FailureKind {
        FailureKind::Unreachable
    }
}

impl Operation for Fill {
    const NAME: &'static str = "data.fill";
    type Request = Wish;
    type Snapshot = Seen;
    type Action = Set;
    type Reader = Rows;
    type Writer = Rows;
    type Error = Poisoned;

    fn request(&self) -> &Wish {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &Rows) -> Result<Seen, Poisoned> {
        if self.target.name.starts_with("bad") {
            return Err(Poisoned(self.target.name.clone()));
        }
        Ok(Seen(reader.lock().unwrap().get(&self.target.name).copied().unwrap_or(0)))
    }

    fn decide(&self, seen: &Seen) -> Result<Draft<Set>, Poisoned> {
        let Wish { rows, effect } = self.request;
        let steps = if seen.0 == rows { Vec::new() } else { vec![Step { stage: 0, action: Set { rows, effect } }] };
        Ok(Draft::of(steps))
    }

    async fn perform(&self, action: &Set, writer: &Rows, context: &StepContext) -> Result<Outcome, Poisoned> {
        if self.target.name.starts_with("later") {
            return Err(Poisoned(self.target.name.clone()));
        }
        writer.lock().unwrap().insert(context.target.clone(), action.rows);
        Ok(Outcome {
            partial: self.target.name.starts_with("part"),
            ..Outcome::default().with("inserted", action.rows)
        })
    }
}

impl Rebuild for Fill {
    fn rebuild(request: Wish, target: Target) -> Self {
        Self { request, target }
    }
}

struct Place {
    rows: Rows,
    ledger: Arc<MemoryLedger>,
    session: Session,
    out: Captured,
    err: Captured,
    opened: Mutex<u32>,
}

impl Place {
    fn new(format: Format) -> Self {
        let (console, out, err) = captured(Look { format, ..Look::PLAIN });
        let environment = Variables::of([("", ""); 0], "/".into());
        let (settings, resolved) = Settings::defaults(&environment).unwrap();
        let signals = Signals::new(console.remarks());
        let identity = Identity::new("ann", "host", 1);
        let session = Session { settings, resolved, environment, console, signals, identity, site: Site::default() };
        Self { rows: Rows::default(), ledger: Arc::default(), session, out, err, opened: Mutex::default() }
    }

    async fn go(&self, flags: RunFlags, source: Source<Fill>) -> CommandResult {
        let readable = Readable { reader: Arc::new(self.rows.clone()), ledger: self.ledger.clone() };
        travel(&self.session, &flags, source, readable, async |_| {
            *self.opened.lock().unwrap() += 1;
            Ok(Writable {
                writer: self.rows.clone(),
                ledger: self.ledger.clone(),
                leases: Arc::new(MemoryLeases::default()),
                recorded: true,
            })
        })
        .await
    }

    async fn fill(&self, plan: PlanFlags, effect: Effect, targets: &[&str]) -> Result<Ending, String> {
        let operation = |name: &&str| Fill {
            request: Wish { rows: 7, effect },
            target: Target { name: (*name).to_owned(), site: "here".to_owned() },
        };
        let flags = RunFlags { plan, fleet: FleetFlags::default(), target_named: true };
        let operations = targets.iter().map(operation).collect();
        self.go(flags, Source::Operations(operations)).await.map_err(|fault| code_of(fault.failure()))
    }

    fn opened(&self) -> u32 {
        *self.opened.lock().unwrap()
    }

    fn rows(&self, name: &str) -> Option<u64> {
        self.rows.lock().unwrap().get(name).copied()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out.text()).unwrap()
    }
}

fn dry() -> PlanFlags {
    PlanFlags { dry_run: true, ..PlanFlags::default() }
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_never_asks_for_a_writer() {
    let place = Place::new(Format::Table);
    assert_eq!(place.fill(dry(), Effect::Destroys, &["acme"]).await, Ok(Ending::Done));
    assert_eq!((place.opened(), place.rows("acme")), (0, None));
    let text = place.out.text();
    for part in ["data fill for acme", "destroys", "7 rows", "lost for good: 3 rows of users", "nothing was changed"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let detailed = PlanFlags { detailed_exitcode: true, ..dry() };
    assert_eq!(place.fill(detailed, Effect::Adds, &["acme"]).await, Ok(Ending::Findings));
}

#[tokio::test]
async fn without_consent_no_writer_is_opened() {
    let place = Place::new(Format::Table);
    let refused = place.fill(PlanFlags::default(), Effect::Changes, &["acme"]).await;
    assert_eq!(refused, Err("fixtool::consent::missing".to_owned()));
    assert_eq!((place.opened(), place.rows("acme")), (0, None));
    let yes = PlanFlags { yes: true, ..PlanFlags::default() };
    assert_eq!(place.fill(yes, Effect::Changes, &["acme"]).await, Ok(Ending::Done));
    assert_eq!((place.opened(), place.rows("acme")), (1, Some(7)));
    assert!(place.out.text().contains("7 inserted"), "{}", place.out.text());
    assert!(place.err.text().contains("Plan: data fill for acme"), "{}", place.err.text());
}

#[tokio::test]
async fn nothing_to_do_is_done() {
    let place = Place::new(Format::Table);
    place.rows.lock().unwrap().insert("acme".to_owned(), 7);
    assert_eq!(place.fill(PlanFlags::default(), Effect::Changes, &["acme"]).await, Ok(Ending::Done));
    assert!(place.out.text().contains("nothing to do"));
}

#[tokio::test]
async fn one_poisoned_target_does_not_stop_the_others() {
    let place = Place::new(Format::Json);
    let ended = place.fill(PlanFlags::default(), Effect::Adds, &["acme", "bad", "beta"]).await;
    assert_eq!(ended, Ok(Ending::Partial));
    assert_eq!((place.rows("acme"), place.rows("beta"), place.rows("bad")), (Some(7), Some(7), None));
    let document = place.json();
    assert_eq!(document["schema"], "fixtool.data.fill");
    assert_eq!(document["status"], "partial");
    assert_eq!(document["failures"][0]["targets"], serde_json::json!(["bad"]));
    assert_eq!(document["runs"][1]["error"]["exit_code"], 5);
    assert_eq!(document["totals"]["inserted"], 14);
}

#[tokio::test]
async fn the_kind_of_a_failure_reaches_the_exit_code() {
    let place = Place::new(Format::Table);
    let failed = place.fill(PlanFlags::default(), Effect::Adds, &["bad"]).await;
    assert_eq!(failed, Err("fixtool::test::poisoned".to_owned()));
    let all_failed = place.fill(PlanFlags::default(), Effect::Adds, &["bad1", "bad2"]).await;
    assert_eq!(all_failed, Ok(Ending::Failed(FailureKind::Unreachable)));
    assert_eq!(place.opened(), 0, "no plan was approved");
    assert!(place.err.text().contains("2 tenants failed: TENANT is poisoned"), "{}", place.err.text());
    let in_a_step = place.fill(PlanFlags::default(), Effect::Adds, &["later"]).await;
    assert_eq!(in_a_step, Err("fixtool::test::poisoned".to_owned()));
    assert!(place.err.text().contains("fixtool op resume"), "{}", place.err.text());
    assert_eq!(place.fill(PlanFlags::default(), Effect::Adds, &["part"]).await, Ok(Ending::Partial));
}

#[tokio::test]
async fn a_saved_plan_is_carried_out_once() {
    let place = Place::new(Format::Table);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let save = PlanFlags { plan_out: Some(path.clone()), ..PlanFlags::default() };
    assert_eq!(place.fill(save, Effect::Changes, &["acme"]).await, Ok(Ending::Done));
    assert_eq!((place.opened(), place.rows("acme")), (0, None));
    let saved = || {
        let plan = PlanFlags { plan: Some(path.clone()), ..PlanFlags::default() };
        RunFlags { plan, fleet: FleetFlags::default(), target_named: false }
    };
    assert_eq!(
        place.go(saved(), Source::Saved(path.clone(), "here".to_owned())).await.map_err(|_| ()),
        Ok(Ending::Done)
    );
    assert_eq!(place.rows("acme"), Some(7));
    let again = place.go(saved(), Source::Saved(path.clone(), "here".to_owned())).await;
    assert_eq!(again.map_err(|fault| code_of(fault.failure())), Err("fixtool::plan::already_applied".to_owned()));
}

#[tokio::test]
async fn a_plan_is_not_saved_when_one_target_has_none() {
    let place = Place::new(Format::Table);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let save = PlanFlags { plan_out: Some(path.clone()), ..PlanFlags::default() };
    let failed = place.fill(save, Effect::Changes, &["acme", "bad"]).await;
    assert_eq!(failed, Err("fixtool::test::poisoned".to_owned()));
    assert!(!path.exists());
}

#[tokio::test]
async fn events_come_as_lines_before_the_result() {
    let place = Place::new(Format::Ndjson);
    assert_eq!(place.fill(PlanFlags::default(), Effect::Adds, &["acme"]).await, Ok(Ending::Done));
    let text = place.out.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["schema"] == "fixtool.data.fill" && line["format_version"] == 1));
    assert_eq!(lines[0]["event"], "run_started");
    assert_eq!(lines.last().unwrap()["record"], "summary");
}
