//! `fixtool backup show`, as it is typed.

use crate::support::{Site, backups, on_both_engines};
use backups::{create, run};

fn a_snapshot_is_shown_by_each_of_its_names(site: &Site) {
    run(site, "backup show acme").code(1).says(&["holds no repository"]);
    backups::tenant(site, "acme");
    site.write("secret.txt", "s3cr3t-one\n");
    run(site, "tenant credential set acme spotify client_secret --file secret.txt --yes").code(0);
    let first = create(site, "acme", "");
    let second = create(site, "acme", "--backup-type incremental");
    let made = run(site, "backup create --tenant acme --output-path out -o json").code(0);
    let archive = backups::archive(&made);

    let shown = |what: &str| run(site, &format!("backup show {what} -o json")).code(0).json();
    assert_eq!(shown("acme")["id"], second.as_str());
    assert_eq!(shown(&second)["parent"], first.as_str());
    assert_eq!(shown(&first)["parent"], serde_json::Value::Null);
    assert_eq!(shown(&second[17..])["id"], second.as_str(), "by its last digits");
    let whole = shown(&archive.display().to_string());
    assert_eq!((&whole["tenant"], &whole["told"]["rows"]), (&"acme".into(), &470.into()));
    assert_eq!(whole["credentials"], serde_json::json!(["spotify.client_secret"]));
    let rows = |table: &str| {
        let tables = whole["tables"].as_array().unwrap();
        tables.iter().find(|one| one["table"] == table).unwrap()["rows"].clone()
    };
    assert_eq!((rows("users"), rows("ai_sessions"), rows("collaborations")), (120.into(), 300.into(), 0.into()));
    let page = run(site, "backup show acme").code(0);
    assert!(page.stdout.contains("an increment of") && page.stdout.contains("ai_sessions"), "{page}");
    assert!(!page.stdout.contains("s3cr3t"), "{page}");

    run(site, "backup show 20").code(2).says(&["may mean", &first, &second]);
    run(site, "backup show beta").code(2).says(&["there is no snapshot 'beta'"]);
}

on_both_engines!(a_snapshot_is_shown_by_each_of_its_names);
