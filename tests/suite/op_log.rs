//! `fixtool op log`, `op show` and `op verify`, as they are typed.

use crate::support::site::sqlite3;
use crate::support::{Engine, Site, on_both_engines, words};

fn operations(site: &Site, more: &str) -> Vec<String> {
    let log = site.line(&format!("fixtool op log -o json {more}")).code(0).json();
    let runs = log["runs"].as_array().expect("runs").clone();
    runs.iter()
        .map(|run| format!("{} {}", run["operation"].as_str().unwrap(), run["target"].as_str().unwrap()))
        .collect()
}

fn where_nothing_was_run_there_is_nothing_to_see(site: &Site) {
    let empty = site.image();
    site.line("fixtool op log").code(0);
    let verified = site.line("fixtool op verify -o json").code(0).json();
    assert_eq!((&verified["entries"], &verified["schema"]), (&0.into(), &"fixtool.op.verify".into()));
    site.line("fixtool op show").code(2).says(&["nothing was run"]);
    for command in ["show", "resume", "undo"] {
        site.line(&format!("fixtool op {command} 0123abc"))
            .code(2)
            .says(&["there is no run '0123abc'", "fixtool op log"]);
        site.fixtool(["op", command, "%' or 1=1 --"]).code(2).says(&["there is no run"]);
    }
    assert_eq!(site.image(), empty, "looking makes nothing");
}

fn what_was_run_is_listed_and_shown(site: &Site) {
    words::init(site, "acme");
    words::init(site, "beta");
    let file = site.write("users.csv", words::users(50));
    words::load(site, &file, "acme", "users").code(0);

    assert_eq!(operations(site, ""), ["data.load acme", "tenant.init beta", "tenant.init acme"]);
    assert_eq!(operations(site, "--limit 1"), ["data.load acme"]);
    assert_eq!(operations(site, "--tenant acme"), ["data.load acme", "tenant.init acme"]);
    assert_eq!(operations(site, "--operation 'tenant init'"), operations(site, "--operation tenant.init"));
    assert_eq!(operations(site, "--status failed"), [""; 0]);
    let newest = words::newest_run(site).expect("a run");
    assert_eq!(operations(site, &format!("--before {newest}")), ["tenant.init beta", "tenant.init acme"]);

    let shown = site.line("fixtool op show -o json").code(0).json();
    assert_eq!((shown["run"].as_str(), shown["status"].as_str()), (Some(newest.as_str()), Some("done")));
    assert_eq!(shown["steps"][0]["counts"]["inserted"], 50);
    assert_eq!(shown["next"][0], format!("fixtool op undo {newest}"));
    let by_prefix = site.fixtool(["op", "show", &newest[..16], "-o", "json"]).code(0).json();
    assert_eq!(by_prefix, shown);
    site.fixtool(["op", "show", &newest[..2]]).code(2).says(&["more than one run begins with"]);
    site.fixtool(["op", "resume", &newest]).code(6).says(&["cannot be resumed", "it ended as done"]);
}

fn a_forged_log_is_found(site: &Site) {
    words::init(site, "acme");
    let whole = site.line("fixtool op verify -o json").code(0).json();
    assert_eq!(whole["damage"], serde_json::json!([]));
    assert!(whole["entries"].as_u64() > Some(5) && whole["head"].is_string(), "{whole}");
    let forge = "set body = replace(body, 'acme', 'beta') where seq = 1";
    match site.engine() {
        Engine::Postgres => drop(site.database().query(&format!("update fixtool.ledger_entry {forge}"))),
        Engine::Sqlite => drop(sqlite3(&site.path(".fixtool/catalog.db"), &format!("update ledger_entry {forge}"))),
    }
    let forged = site.line("fixtool op verify -o json").code(10).json();
    assert_eq!(forged["damage"][0]["entry"], 1, "{forged}");
}

on_both_engines!(
    where_nothing_was_run_there_is_nothing_to_see,
    what_was_run_is_listed_and_shown,
    a_forged_log_is_found
);
