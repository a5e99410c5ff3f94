//! What `op verify` proves: every field that is shown, and that nothing was cut off.

use super::*;

/// A failed and a done run with steps, and the undo of the second.
async fn fill(catalog: &Catalog) {
    for (run, follows) in [("r1", None), ("r2", None), ("r3", Some("r2"))] {
        let begun = RunStart { follows: follows.map(Into::into), parent: Some("fleet".into()), ..start(run, run) };
        catalog.begin(&begun).await.unwrap();
        catalog.step_started(run, 0, "load ada@example.com").await.unwrap();
        catalog.step_finished(run, 0, &Outcome::default().with("inserted", 5)).await.unwrap();
        if run == "r1" {
            catalog.step_started(run, 1, "load more").await.unwrap();
            catalog.step_failed(run, 1, "x::y", "ada@example.com is taken").await.unwrap();
        }
        let status = if run == "r1" { RunStatus::Failed } else { RunStatus::Done };
        catalog.end(run, status).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_held_against_the_trail() {
    let columns = [
        ("run", "r1", "run parent follows operation target plan_digest actor status started_at ended_at failure_code"),
        ("run", "r1", "failure_message undone_by"),
        ("run_step", "r1", "label started_at ended_at"),
        ("run_identity", "r1", "run incarnation salt"),
        ("ledger_entry", "r1", "written_at run kind previous digest"),
    ];
    for place in Place::both() {
        let catalog = place.write().await;
        fill(&catalog).await;
        let whole = catalog.verify().await.unwrap();
        assert_eq!(whole.damage, [], "{}", place.name());
        catalog.close().await;
        let mut forgeries: Vec<String> = columns
            .iter()
            .flat_map(|(table, run, columns)| {
                columns
                    .split(' ')
                    .map(move |column| format!("UPDATE {{s}}{table} SET {column} = 'x' WHERE run = '{run}'"))
            })
            // A key that others point at does not change alone.
            .filter(|sql| !sql.contains("UPDATE {s}run SET run ="))
            .collect();
        forgeries.extend(
            [
                "UPDATE {s}run SET plan = '{}' WHERE run = 'r1'",
                "UPDATE {s}run SET undone_by = NULL WHERE run = 'r2'",
                "UPDATE {s}run SET ended_at = NULL WHERE run = 'r2'",
                "UPDATE {s}run SET failure_code = NULL, failure_message = NULL WHERE run = 'r1'",
                "UPDATE {s}run_step SET step = 7 WHERE run = 'r2'",
                "UPDATE {s}run_step SET outcome = '{}' WHERE run = 'r2'",
                "UPDATE {s}run_step SET outcome = NULL WHERE run = 'r2'",
                "UPDATE {s}run_step SET outcome = '{\"counts\":{},\"notes\":[],\"partial\":false}' WHERE run = 'r1' AND step = 1",
                "DELETE FROM {s}run_step WHERE run = 'r2'",
                "DELETE FROM {s}run_identity WHERE run = 'r2'",
                "UPDATE {s}ledger_entry SET body = '{}' WHERE seq = 2",
                "UPDATE {s}ledger_entry SET seq = 77 WHERE seq = 2",
                "UPDATE {s}ledger_head SET seq = 3",
                "UPDATE {s}ledger_head SET digest = 'x'",
                "DELETE FROM {s}ledger_head",
            ]
            .map(str::to_owned),
        );
        for forgery in forgeries {
            place.empty();
            let catalog = place.write().await;
            fill(&catalog).await;
            place.forge(&forgery);
            let report = catalog.verify().await.unwrap();
            assert_ne!(report.damage, [], "{}: not found: {forgery}", place.name());
            catalog.close().await;
        }
    }
}

/// Takes the last run out of everything that holds it, as somebody would who knows how.
const CUT: &str = "DELETE FROM {s}run_step WHERE run = 'r3'; DELETE FROM {s}run WHERE run = 'r3'; \
                   DELETE FROM {s}run_identity WHERE run = 'r3'; UPDATE {s}run SET undone_by = NULL; \
                   DELETE FROM {s}ledger_entry WHERE run = 'r3'; \
                   UPDATE {s}ledger_head SET seq = (SELECT max(seq) FROM {s}ledger_entry), \
                   digest = (SELECT digest FROM {s}ledger_entry ORDER BY seq DESC LIMIT 1)";

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_cut_off_is_noticed_by_whoever_has_the_key() {
    for place in Place::both() {
        let keys = tempfile::tempdir().unwrap();
        let catalog = place.write().await;
        catalog.sign_in(keys.path());
        fill(&catalog).await;
        let whole = catalog.verify().await.unwrap();
        assert_eq!((whole.signed, whole.damage), (Some(whole.entries), Vec::new()), "{}", place.name());
        let head = whole.head.unwrap();
        assert_eq!(catalog.entry_of(&head).await.unwrap(), Some(whole.entries));
        place.forge(CUT);
        let cut = catalog.verify().await.unwrap();
        assert_eq!(cut.damage.len(), 1, "{}: {:?}", place.name(), cut.damage);
        assert!(cut.damage[0].what.contains("cut off"), "{:?}", cut.damage);
        assert_eq!(catalog.entry_of(&head).await.unwrap(), None, "what was written down is not there any more");
        place.forge("DELETE FROM {s}ledger_seal");
        assert!(catalog.verify().await.unwrap().damage[0].what.contains("missing"), "{}", place.name());
        let elsewhere = place.open(Access::ReadOnly).await;
        let report = elsewhere.verify().await.unwrap();
        assert_eq!((report.signed, report.damage), (None, Vec::new()), "without the key nobody can know");
        elsewhere.close().await;
        catalog.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_says_of_people_is_not_in_the_trail_and_can_be_erased() {
    for place in Place::both() {
        let catalog = place.write().await;
        fill(&catalog).await;
        let said = "SELECT count(*) FROM {s}ledger_entry WHERE body LIKE '%ada@example%'";
        let count = |sql: &str| match &place.database {
            Some(database) => database.query(&sql.replace("{s}", "fixtool."))[0][0].clone(),
            None => crate::support::site::sqlite3(&place.file(), &sql.replace("{s}", ""))
                .trim_end_matches('\u{1e}')
                .to_owned(),
        };
        assert_eq!(count(said), "0", "{}", place.name());
        assert_ne!(count(&said.replace("ledger_entry", "run_step").replace("body", "label")), "0");
        for run in ["r1", "r2", "r3"] {
            catalog.erase_run(run).await.unwrap();
        }
        assert_eq!(count(&said.replace("ledger_entry", "run_step").replace("body", "label")), "0");
        assert_eq!(count("SELECT count(*) FROM {s}run WHERE failure_message IS NOT NULL OR plan <> 'null'"), "0");
        assert_eq!(catalog.verify().await.unwrap().damage, [], "{}", place.name());
        assert!(catalog.run("r1").await.unwrap().is_some());
        assert_eq!(catalog.resumed("r1", "me").await.unwrap_err().kind, FailureKind::Refused);
        place.forge("UPDATE {s}run SET actor = 'x' WHERE run = 'r1'");
        assert_ne!(catalog.verify().await.unwrap().damage, []);
        catalog.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_an_earlier_fixtool_prove_as_they_are() {
    for place in Place::both() {
        let catalog = place.write().await;
        // An entry without a salt, as the first release wrote it.
        let begun = start("r1", "d1");
        let plan = fixtool::engine::chain::digest(&begun.plan);
        let at = now();
        let body = json!({"parent": null, "follows": null, "operation": begun.operation, "target": begun.target,
            "plan_digest": "d1", "plan": plan, "actor": begun.actor, "started_at": at});
        let step = json!({"step": 0, "label": "load a"});
        let document = |seq: u32, kind: &str, body: &serde_json::Value| json!({"seq": seq, "at": at, "run": "r1", "kind": kind, "body": body});
        let one = fixtool::engine::chain::link("", &document(1, "begin", &body));
        let two = fixtool::engine::chain::link(&one, &document(2, "step_started", &step));
        place.forge(&format!(
            "INSERT INTO {{s}}run (run, operation, target, plan_digest, plan, actor, status, started_at) \
             VALUES ('r1', 'data.load', 'acme', 'd1', '{}', 'me@here', 'running', '{at}'); \
             INSERT INTO {{s}}run_step (run, step, label, started_at) VALUES ('r1', 0, 'load a', '{at}'); \
             INSERT INTO {{s}}ledger_entry VALUES (1, '{at}', 'r1', 'begin', '{body}', '', '{one}'), \
             (2, '{at}', 'r1', 'step_started', '{step}', '{one}', '{two}'); \
             UPDATE {{s}}ledger_head SET seq = 2, digest = '{two}'",
            begun.plan
        ));
        assert_eq!(catalog.verify().await.unwrap().damage, [], "{}", place.name());
        catalog.step_finished("r1", 0, &Outcome::default()).await.unwrap();
        catalog.end("r1", RunStatus::Done).await.unwrap();
        assert_eq!(catalog.verify().await.unwrap().damage, [], "{}: it goes on as it began", place.name());
        place.forge("UPDATE {s}run_step SET label = 'load b'");
        assert_ne!(catalog.verify().await.unwrap().damage, [], "{}", place.name());
        catalog.close().await;
    }
}
