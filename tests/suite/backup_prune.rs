//! `fixtool backup prune`, as it is typed.

use crate::support::{Site, on_both_engines, words};

fn snapshots(site: &Site) -> Vec<String> {
    let listed = site.line("fixtool backup list -o json").code(0).json();
    let all = listed["snapshots"].as_array().expect("snapshots").clone();
    all.iter().map(|snapshot| snapshot["id"].as_str().expect("an id").to_owned()).collect()
}

fn back_up(site: &Site) -> String {
    let before = snapshots(site);
    site.line("fixtool backup create --tenant acme --yes").code(0);
    snapshots(site).into_iter().find(|id| !before.contains(id)).expect("a new snapshot")
}

fn what_no_rule_keeps_goes_and_the_rest_can_be_restored(site: &Site) {
    words::init(site, "acme");
    let made: Vec<String> = (0..3).map(|_| back_up(site)).collect();
    let shown = site.line("fixtool backup prune --tenant acme --keep-last 1 --dry-run").code(0).stdout;
    assert!(
        shown.contains("DESTROYS") && shown.contains("is kept: the newest, and none was verified, last 1"),
        "{shown}"
    );
    site.line("fixtool backup prune --tenant acme --keep-last 1 --yes").code(6).says(&["--confirm acme"]);
    assert_eq!(snapshots(site).len(), 3);
    site.line("fixtool backup prune --tenant acme --keep-last 1 --confirm acme").code(0);
    let left = snapshots(site);
    assert_eq!(left.len(), 1);
    assert!(made.contains(&left[0]));
    site.line("fixtool backup verify --tenant acme --yes").code(0);
    site.line("fixtool backup restore acme --tenant copy --yes").code(0);
    site.line("fixtool backup prune --tenant acme --keep-last 1 --confirm acme").code(0).says(&["nothing to do"]);
}

fn the_newest_verified_one_stays_whatever_the_rules_say(site: &Site) {
    words::init(site, "acme");
    let first = back_up(site);
    site.fixtool(["backup", "verify", &first, "--yes"]).code(0);
    let later = [back_up(site), back_up(site)];
    site.line("fixtool backup prune --tenant acme --keep-tag none --confirm acme").code(0);
    assert_eq!(snapshots(site), [first]);
    for gone in later {
        site.fixtool(["backup", "show", &gone]).code(2);
    }
}

fn a_policy_of_nothing_is_refused_and_the_tier_has_one(site: &Site) {
    words::init(site, "acme");
    back_up(site);
    // The tier keeps backups for weeks, so nothing goes.
    site.line("fixtool backup prune --tenant acme --confirm acme").code(0).says(&["nothing to do"]);
    let by_days = site.line("fixtool backup prune --tenant acme --dry-run").code(0).stdout;
    assert!(by_days.contains("young enough"), "{by_days}");
    site.line("fixtool backup prune --tenant acme --keep-within soon --confirm acme").code(2);
    site.line("fixtool backup prune --keep-last 1 --yes").code(2);
}

fn what_is_being_restored_stays(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(20_000));
    words::load(site, &file, "acme", "users").code(0);
    let old = back_up(site);
    site.query("acme", "DELETE FROM users WHERE email LIKE 'user5%'");
    site.line("fixtool backup create --tenant acme --min-rows-ratio 0 --yes").code(0);
    let mut restore = site.spawn(["backup", "restore", &old, "--tenant", "copy", "--yes"]);
    restore.wait_for_stderr(": done in");
    // Another tenant is written to, so nothing but the restore's own note keeps the snapshot.
    let shown = site.line("fixtool backup prune --tenant acme --keep-last 1 --confirm acme -v").code(0);
    restore.wait().code(0);
    assert!(snapshots(site).contains(&old), "{shown}");
    assert_eq!(site.count("copy", "users"), 20_000);
    site.line("fixtool backup prune --tenant acme --keep-last 1 --confirm acme").code(0);
    assert!(!snapshots(site).contains(&old), "it is held no longer than it is read");
}

on_both_engines!(
    what_is_being_restored_stays,
    what_no_rule_keeps_goes_and_the_rest_can_be_restored,
    the_newest_verified_one_stays_whatever_the_rules_say,
    a_policy_of_nothing_is_refused_and_the_tier_has_one,
);
