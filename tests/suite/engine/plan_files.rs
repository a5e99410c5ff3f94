//! Plans in files: saved, loaded, provably unchanged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fixtool::engine::plan_file::MAX_BYTES;
use fixtool::engine::{Failure, FailureKind, Plan, PlanFile, PlanFileError, Refusal};
use proptest::prelude::*;
use serde_json::Value;

use super::bench::{Bench, change};
use super::world::{Wish, WorldAction};

async fn plans() -> Vec<Plan<WorldAction>> {
    let bench = Bench::new();
    let mut plans = Vec::new();
    for target in ["acme", "globex", "zoë"] {
        let change = change(target, Wish::loads(&[(0, "users", 100), (1, "orders\" \u{7}", 5)]));
        plans.push(bench.plan(&change).await.0);
    }
    plans
}

fn refusal(error: PlanFileError) -> Refusal {
    match error {
        PlanFileError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let plans = plans().await;
    PlanFile::of(&plans).unwrap().save(&path).unwrap();

    let file = PlanFile::load(&path).unwrap();
    assert_eq!(file.plans::<WorldAction>().unwrap(), plans);
    assert_eq!((file.operation(), file.targets()), (Some("world.change"), vec!["acme", "globex", "zoë"]));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\n  \"schema\": \"fixtool.plan\",\n  \"format_version\": 1,"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[tokio::test]
async fn an_earlier_plan_is_replaced_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let file = PlanFile::of(&plans().await).unwrap();
    fs::write(&path, "").unwrap();
    file.save(&path).unwrap();
    PlanFile::of::<WorldAction>(&[]).unwrap().save(&path).unwrap();
    assert_eq!(PlanFile::load(&path).unwrap().operation(), None);

    for other in ["id,name\n1,ada\n", "{}", "{\"schema\": \"fixtool.tenant.list\", \"format_version\": 1}", "\u{0}"] {
        fs::write(&path, other).unwrap();
        assert!(matches!(file.save(&path), Err(PlanFileError::InTheWay { .. })), "{other}");
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }
    assert!(matches!(file.save(folder.path()), Err(PlanFileError::InTheWay { .. })));
    assert!(matches!(file.save(Path::new("/dev/null")), Err(PlanFileError::InTheWay { .. })));
    let nowhere = folder.path().join("nowhere/plan.json");
    assert!(matches!(file.save(&nowhere), Err(PlanFileError::Io { verb: "written", .. })));
}

#[tokio::test]
async fn strange_files_are_refused_by_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let load = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        PlanFile::load(&path).unwrap_err()
    };
    for text in [
        b"".as_slice(),
        b"null",
        b"[]",
        b"\xff\xfe",
        b"{\"schema\": \"fixtool.plan\", \"format_version\": 1}",
        b"{\"schema\": \"fixtool.plan\", \"format_version\": -1}",
        b"{\"schema\": \"fixtool.plan\", \"format_version\": 0, \"digest\": \"\", \"plans\": []}",
        b"{\"schema\": \"fixtool.plan\", \"format_version\": 1, \"digest\": \"\", \"plans\": [{}]}",
        "[".repeat(100_000).as_bytes(),
    ] {
        let error = load(text);
        assert!(matches!(error, PlanFileError::NotAPlan { .. }), "{error:?}");
        assert_eq!(error.kind(), FailureKind::Usage);
    }
    let newer = load(b"{\"schema\": \"fixtool.plan\", \"format_version\": 2, \"plans\": {}}");
    assert!(matches!(newer, PlanFileError::Newer { found: 2, .. }));
    assert!(matches!(PlanFile::load(folder.path()), Err(PlanFileError::NotAPlan { .. })));
    assert!(matches!(PlanFile::load(&folder.path().join("none")), Err(PlanFileError::Io { verb: "read", .. })));

    let huge = folder.path().join("huge.json");
    fs::File::create(&huge).unwrap().set_len(MAX_BYTES + 1).unwrap();
    assert!(matches!(PlanFile::load(&huge), Err(PlanFileError::TooLarge { .. })));
}

/// Loads the file after a change to its JSON.
fn edited(file: &PlanFile, change: impl FnOnce(&mut Value)) -> Result<Vec<Plan<WorldAction>>, PlanFileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let mut json = serde_json::to_value(file).unwrap();
    change(&mut json);
    fs::write(&path, json.to_string()).unwrap();
    PlanFile::load(&path)?.plans()
}

#[tokio::test]
async fn an_edited_plan_is_noticed_wherever_it_was_edited() {
    let file = PlanFile::of(&plans().await).unwrap();
    assert_eq!(edited(&file, |_| ()).unwrap().len(), 3, "white space does not count");
    let edits: [(&str, Value); 7] = [
        ("/plans/1/plan/steps/0/action/rows", 7.into()),
        ("/plans/1/plan/target/name", "acme".into()),
        ("/plans/1/plan/fingerprint", "0".into()),
        ("/plans/1/plan/nonce", "0".into()),
        ("/plans/1/plan/notes", Value::Array(vec!["harmless".into()])),
        ("/plans/1/digest", "0".into()),
        ("/digest", "0".into()),
    ];
    for (place, value) in edits {
        let error = edited(&file, |json| *json.pointer_mut(place).unwrap() = value).unwrap_err();
        assert!(matches!(refusal(error), Refusal::Edited { .. }), "{place}");
    }
    let list = |json: &mut Value, edit: fn(&mut Vec<Value>)| edit(json["plans"].as_array_mut().unwrap());
    let edits: [fn(&mut Vec<Value>); 3] = [|l| l.truncate(2), |l| l.swap(0, 1), |l| l.push(l[0].clone())];
    for edit in edits {
        let error = edited(&file, |json| list(json, edit)).unwrap_err();
        assert!(matches!(refusal(error), Refusal::Edited { .. }));
    }
}

#[tokio::test]
async fn a_plan_that_says_more_than_this_version_knows_is_refused() {
    let file = PlanFile::of(&plans().await[..1]).unwrap();
    let error = edited(&file, |json| {
        json["plans"][0]["plan"]["steps"][0]["action"]["also"] = "drop everything".into();
        let digest = fixtool::engine::chain::digest(&json["plans"][0]["plan"]);
        json["digest"] = fixtool::engine::chain::digest(&serde_json::json!([digest])).into();
        json["plans"][0]["digest"] = digest.into();
    });
    assert!(matches!(refusal(error.unwrap_err()), Refusal::Unreadable { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever happens to a byte of the file: it is refused, or nothing in it changed.
    #[test]
    fn no_changed_byte_goes_unnoticed(place in 0_usize..4000, byte in any::<u8>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let plans = runtime.block_on(plans());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        PlanFile::of(&plans).unwrap().save(&path).unwrap();
        let mut text = fs::read(&path).unwrap();
        let place = place % text.len();
        text[place] = byte;
        fs::write(&path, &text).unwrap();
        if let Ok(loaded) = PlanFile::load(&path).and_then(|file| file.plans::<WorldAction>()) {
            prop_assert_eq!(loaded, plans);
        }
    }
}
