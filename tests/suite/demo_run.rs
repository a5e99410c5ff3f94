//! `fixtool demo run`: real work, and nothing left behind.

use crate::support::Site;

#[test]
fn the_workflow_runs_in_a_folder_of_its_own_when_nothing_is_configured() {
    let mut site = Site::sqlite();
    std::fs::create_dir(site.path("temporary")).expect("a folder");
    let temporary = site.path("temporary").display().to_string();
    site.set("TMPDIR", temporary);
    let shown = site.line("fixtool demo run complete-workflow --records 600 -o json").code(0).json();
    assert_eq!((shown["records"].as_u64(), shown["database"].as_str()), (Some(600), Some("temporary")));
    assert_eq!(shown["steps"].as_array().map(Vec::len), Some(14), "{shown}");
    assert!(!site.path(".fixtool").exists(), "the site itself is left alone");
    let left = std::fs::read_dir(site.path("temporary")).expect("a folder").count();
    assert_eq!(left, 0, "the temporary folder is empty again");
    let told = site.line("fixtool demo run complete-workflow --records 50").code(0);
    assert!(told.stdout.contains("nothing is left behind"), "{told}");
    told.says(&["$ fixtool tenant init demo-", "$ fixtool backup restore 2", "--level live", "$ fixtool op undo"]);
}

#[test]
fn the_workflow_runs_on_the_configured_database_and_clears_its_tenant() {
    let site = Site::postgres();
    site.line("fixtool demo run complete-workflow --tenant trial --records 300 --yes").code(0);
    assert!(!site.has_namespace("trial") && !site.has_namespace("trial-copy"));
    let left = site.database().query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'fixtool\\_%'");
    assert!(left.is_empty() && !site.path(".fixtool/backups").exists(), "{left:?}");
    site.line("fixtool tenant init trial --yes").code(0);
    site.line("fixtool demo run complete-workflow --tenant trial").code(6).says(&["there is a tenant 'trial' already"]);
    assert!(site.has_namespace("trial"), "a tenant that exists is never touched");
}

#[test]
fn a_demonstration_that_is_stopped_leaves_nothing_behind() {
    let site = Site::postgres();
    let mut command = site.command();
    command.args(["demo", "run", "complete-workflow", "--tenant", "trial", "--records", "200000"]);
    let mut running = site.start(command);
    running.wait_for_stderr("data load");
    running.signal("INT");
    running.wait().code(130);
    assert!(!site.has_namespace("trial"));
}

#[test]
fn a_demonstration_that_is_stopped_while_it_restores_leaves_nothing_behind() {
    let site = Site::postgres();
    let mut command = site.command();
    command.args(["demo", "run", "complete-workflow", "--tenant", "trial", "--records", "100000"]);
    let mut running = site.start(command);
    running.wait_for_stderr("trial-copy: restore");
    running.signal("INT");
    running.wait().code(130);
    assert!(!site.has_namespace("trial") && !site.has_namespace("trial-copy"));
}

#[test]
fn a_dry_run_only_prints_and_other_scenarios_are_still_to_come() {
    let site = Site::sqlite();
    let shown = site.line("fixtool demo run complete-workflow --dry-run").code(0);
    assert!(
        shown.stdout.contains("fixtool data load DIR") && shown.stdout.contains("nothing was carried out"),
        "{shown}"
    );
    for scenario in ["performance-benchmark --tenant-count 5", "integration-tests", "full-demo"] {
        site.line(&format!("fixtool demo run {scenario}")).code(2).says(&["is not available yet"]);
    }
    assert!(!site.path(".fixtool").exists());
}
