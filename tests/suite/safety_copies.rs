//! Safety copies: what is about to be destroyed is kept first, and `op undo` brings it back.

use crate::support::{Engine, Output, Site, backups, on_both_engines, words};
use backups::{assert_same, contents, run, safety_copies, starved};

/// All that the registry knows of a tenant: its entry and every generation of its credentials.
fn entry(site: &Site, tenant: &str) -> Vec<Vec<String>> {
    let mut found = site.catalog(&format!("SELECT * FROM fixtool.tenant WHERE id = '{tenant}'"));
    let sql = format!("SELECT * FROM fixtool.credential WHERE tenant = '{tenant}' ORDER BY name, generation");
    found.extend(site.catalog(&sql));
    found
}

/// The roles of a tenant, what they may do in its schema, and who their members are.
fn roles(site: &Site, tenant: &str) -> Vec<Vec<String>> {
    if site.engine() == Engine::Sqlite {
        return Vec::new();
    }
    // Other sites on this server have tenants of the same name.
    let part = site.database().query("SELECT left(site_id, 6) FROM fixtool.site")[0][0].clone();
    let like = format!("LIKE 'tenant\\_{tenant}\\_%\\_{part}'");
    let mut found = site.database().query(&format!(
        "SELECT rolname, has_schema_privilege(rolname, 'tenant_{tenant}', 'USAGE'), \
         has_table_privilege(rolname, 'tenant_{tenant}.users', 'INSERT') FROM pg_roles WHERE rolname {like} ORDER BY 1"
    ));
    found.extend(site.database().query(&format!(
        "SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members \
         WHERE roleid::regrole::text {like} ORDER BY 1, 2"
    )));
    found
}

/// A tenant with everything that a tenant may have.
fn rich(site: &Site, tenant: &str) {
    backups::tenant(site, tenant);
    site.write("secret.txt", "s3cr3t\n");
    run(site, &format!("tenant credential set {tenant} spotify client_secret --file secret.txt --yes")).code(0);
    run(site, &format!("tenant credential rotate {tenant} spotify client_secret --file secret.txt --yes")).code(0);
}

fn undo(site: &Site, operation: &str) -> Output {
    let done = words::done_run(site, operation);
    site.fixtool(["op", "undo", &done, "--confirm", "acme", "--yes"])
}

fn a_dropped_tenant_comes_back_as_it_was(site: &Site) {
    rich(site, "acme");
    let member = crate::support::unique("app");
    if site.engine() == Engine::Postgres {
        let role = &roles(site, "acme")[2][0];
        site.database().query(&format!("CREATE ROLE {member}; GRANT \"{role}\" TO {member}"));
    }
    let before = (contents(site, "acme"), entry(site, "acme"), roles(site, "acme"));
    let shown = run(site, "tenant drop acme --dry-run").code(0);
    for text in ["keep a safety copy of 6 tables", "kept in the safety copy: 120 rows of users", "30 days"] {
        assert!(shown.stdout.contains(text), "{text}:\n{shown}");
    }
    assert_eq!(safety_copies(site), []);
    run(site, "tenant drop acme --confirm acme").code(0);
    assert!(!site.has_namespace("acme") && entry(site, "acme").is_empty());
    assert_eq!(safety_copies(site), [("acme".to_owned(), 470, None)]);
    assert!(run(site, "backup list").code(0).stdout.contains("safety copy"));

    let dropped = words::done_run(site, "tenant.drop");
    undo(site, "tenant.drop").code(0);
    assert_same(&contents(site, "acme"), &before.0);
    assert_eq!(entry(site, "acme"), before.1);
    assert_eq!(roles(site, "acme"), before.2);
    assert_eq!(backups::namespaces_beside(site), [""; 0]);
    // It is a tenant like any other.
    let more = site.write("more.csv", words::users(130));
    site.fixtool(words::load_words(&more, "acme", "users", &["--on-conflict", "skip"])).code(0);
    words::load(site, &site.path("seed/ai_sessions.csv"), "acme", "ai_sessions").code(1);
    site.fixtool(["op", "undo", &dropped, "--confirm", "acme"]).code(6).says(&["was undone by run"]);
    if site.engine() == Engine::Postgres {
        site.database().query(&format!("DROP ROLE {member}"));
    }
}

fn a_second_copy_of_what_did_not_change_stores_almost_nothing(site: &Site) {
    words::init(site, "acme");
    words::load(site, &site.write("users.csv", words::users(5_000)), "acme", "users").code(0);
    let first = run(site, "tenant drop acme --confirm acme -o json").code(0);
    assert!(backups::counted(&first, "bytes_written") > 10_000, "{first}");
    undo(site, "tenant.drop").code(0);
    let second = run(site, "tenant drop acme --confirm acme -o json").code(0);
    assert_eq!(backups::counted(&second, "bytes_written"), 0, "{second}");
    assert!(backups::counted(&second, "parts_reused") > 0);
    undo(site, "tenant.drop").code(0);
    assert_eq!(site.count("acme", "users"), 5_000);
}

fn without_a_copy_nothing_comes_back_and_the_plan_says_so(site: &Site) {
    backups::tenant(site, "acme");
    let shown = run(site, "tenant drop acme --no-safety-backup --dry-run --color always").code(0);
    assert!(shown.stdout.contains("no safety copy is made (--no-safety-backup)"), "{shown}");
    let red = shown.stdout.lines().find(|line| line.contains("no safety copy is made")).expect("the remark");
    let lost = shown.stdout.lines().find(|line| line.contains("lost for good")).expect("the losses");
    assert_eq!(red.split("note").next(), lost.split("lost").next(), "in the colour of what is lost: {red:?}");
    run(site, "tenant drop acme --no-safety-backup --confirm acme").code(0);
    assert!(!site.has_namespace("acme"));
    assert_eq!(safety_copies(site), []);
    undo(site, "tenant.drop").code(6).says(&["there is no safety copy"]);
    assert!(!site.has_namespace("acme"));
}

fn what_is_forgotten_only_is_registered_again(site: &Site) {
    rich(site, "acme");
    let before = (contents(site, "acme"), entry(site, "acme"), roles(site, "acme"));
    run(site, "tenant drop acme --keep-data --confirm acme").code(0);
    assert!(entry(site, "acme").is_empty());
    undo(site, "tenant.drop").code(0);
    assert_same(&contents(site, "acme"), &before.0);
    assert_eq!((entry(site, "acme"), roles(site, "acme")), (before.1, before.2));
}

fn a_suspended_and_a_changed_tenant_come_back_too(site: &Site) {
    rich(site, "acme");
    run(site, "tenant suspend acme --yes").code(0);
    // Somebody changed the structure by hand: what is there counts, and not what the pack says.
    site.query("acme", "CREATE TABLE notes (id int PRIMARY KEY, text varchar(20))");
    site.query("acme", "INSERT INTO notes VALUES (1, 'one'), (2, NULL)");
    site.query("acme", "DROP TABLE collaboration_participants");
    let before = (contents(site, "acme"), entry(site, "acme"), roles(site, "acme"));
    run(site, "tenant drop acme --confirm acme").code(0);
    undo(site, "tenant.drop").code(0);
    assert_same(&contents(site, "acme"), &before.0);
    assert_eq!((entry(site, "acme"), roles(site, "acme")), (before.1, before.2));
    run(site, "tenant resume acme --yes").code(0);
}

fn nobody_who_came_since_is_harmed(site: &Site) {
    backups::tenant(site, "acme");
    let before = contents(site, "acme");
    run(site, "tenant drop acme --confirm acme").code(0);
    let dropped = words::done_run(site, "tenant.drop");
    words::init(site, "acme");
    words::load(site, &site.write("new.csv", words::users(3)), "acme", "users").code(0);
    let line = ["op", "undo", &dropped, "--confirm", "acme", "--yes"];
    site.fixtool(line).code(6).says(&["another tenant 'acme'", "backup restore"]);
    assert_eq!(site.count("acme", "users"), 3);
    run(site, "tenant rename acme other --yes").code(0);
    site.fixtool(line).code(0);
    assert_same(&contents(site, "acme"), &before);
    assert_eq!(site.count("other", "users"), 3);
}

fn what_is_sealed_comes_back_with_the_key_only(site: &Site) {
    words::seal_backups(site);
    rich(site, "acme");
    let before = (contents(site, "acme"), entry(site, "acme"));
    // The machine that drops knows the public half alone.
    let both = site.read("fixtool.toml");
    let public: Vec<&str> = both.lines().filter(|line| !line.starts_with("identities")).collect();
    let public = public.join("\n");
    site.write("fixtool.toml", public);
    let shown = run(site, "tenant drop acme --dry-run").code(0);
    assert!(shown.stdout.contains(", sealed"), "{shown}");
    run(site, "tenant drop acme --confirm acme").code(0);
    undo(site, "tenant.drop").code(1).says(&["backup.identities", "BACKUP_ENCRYPTION_KEY"]);
    std::fs::rename(site.path(".fixtool/backup-keys"), site.path("elsewhere")).expect("another machine");
    undo(site, "tenant.drop").code(1).says(&["backup.identities", "BACKUP_ENCRYPTION_KEY"]);
    assert!(!site.has_namespace("acme"));
    site.write("fixtool.toml", both);
    undo(site, "tenant.drop").code(0);
    assert_same(&contents(site, "acme"), &before.0);
    assert_eq!(entry(site, "acme"), before.1);
}

fn no_copy_no_drop(site: &Site) {
    backups::tenant(site, "acme");
    let file = site.write("many.csv", words::users(4_000));
    site.fixtool(words::load_words(&file, "acme", "users", &["--on-conflict", "skip"])).code(0);
    let before = (contents(site, "acme"), entry(site, "acme"));
    let unharmed = || {
        assert_same(&contents(site, "acme"), &before.0);
        assert_eq!(entry(site, "acme"), before.1);
    };
    let mut command = site.command();
    command.env("BACKUP_STORAGE_PATH", "/sys/fixtool").args(["tenant", "drop", "acme", "--confirm", "acme"]);
    let refused = site.start(command).wait();
    assert!(matches!(refused.code, 1 | 4 | 5), "{refused}");
    refused.says(&[
        "no safety copy of 'acme' could be made",
        "nothing was destroyed",
        "/sys/fixtool",
        "--no-safety-backup",
    ]);
    unharmed();
    if site.engine() == Engine::Postgres {
        starved(site, 32, "tenant drop acme --confirm acme").code(1).says(&["no safety copy", "large"]);
        unharmed();
        let failed = words::newest_run(site).expect("a run");
        assert_eq!(safety_copies(site), []);
        site.fixtool(["op", "resume", &failed]).code(0);
        assert!(!site.has_namespace("acme"));
        assert_eq!(safety_copies(site).len(), 1);
    }
}

fn many_are_dropped_and_brought_back_together(site: &Site) {
    for tenant in ["shop-a", "shop-b", "shop-c"] {
        words::init(site, tenant);
        words::load(site, &site.write("users.csv", words::users(40)), tenant, "users").code(0);
    }
    words::init(site, "other");
    let before: Vec<_> =
        ["shop-a", "shop-b", "shop-c"].map(|tenant| (contents(site, tenant), entry(site, tenant))).into();
    let confirm = "--confirm shop-a --confirm shop-b --confirm shop-c";
    run(site, &format!("tenant drop shop-* {confirm}")).code(0);
    assert_eq!(safety_copies(site).len(), 3);
    let fleet = words::newest_run(site).expect("a run");
    let shown = site.fixtool(["op", "show", &fleet, "-o", "json"]).code(0).json();
    let fleet = shown["parent"].as_str().map_or(fleet, str::to_owned);
    run(site, &format!("op undo {fleet} {confirm} --yes")).code(0);
    for (tenant, before) in ["shop-a", "shop-b", "shop-c"].iter().zip(before) {
        assert_same(&contents(site, tenant), &before.0);
        assert_eq!(entry(site, tenant), before.1);
    }
}

fn prune_leaves_a_pinned_copy_and_no_backup_gives_way_to_it(site: &Site) {
    backups::tenant(site, "acme");
    let backup = backups::create(site, "acme", "");
    run(site, "tenant drop acme --confirm acme").code(0);
    undo(site, "tenant.drop").code(0);
    let prune = "backup prune --tenant acme --keep-last 1 --confirm acme";
    run(site, prune).code(0);
    assert_eq!(safety_copies(site).len(), 1);
    assert!(backups::listed(site, "acme").contains(&backup), "the copy is no backup that would take its place");
    // When the pin has run out, the copy goes.
    let pins = backups::repository(site).join("tenants/acme/pins");
    std::fs::remove_dir_all(pins).expect("the pin runs out");
    run(site, prune).code(0);
    assert_eq!(backups::listed(site, "acme"), [backup]);
}

const MOMENTS: u32 = 8;

fn a_drop_that_is_killed_is_finished_and_undone(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(6_000));
    words::load(site, &file, "acme", "users").code(0);
    run(site, "tenant drop acme --confirm acme").code(0);
    undo(site, "tenant.drop").code(0);
    let took = run(site, "tenant drop acme --confirm acme").code(0).took;
    undo(site, "tenant.drop").code(0);
    let before = (contents(site, "acme"), entry(site, "acme"));
    let (mut killed, mut resumed) = (0, 0);
    for moment in 0..MOMENTS {
        let last = words::newest_run(site);
        let place = (f64::from(moment) + 0.5) / f64::from(MOMENTS);
        let dropping = site.spawn(["tenant", "drop", "acme", "--confirm", "acme"]);
        killed += u32::from(dropping.kill_after(took.mul_f64(place)));
        words::let_leases_expire(site);
        let run_id = words::newest_run(site).filter(|run| Some(run) != last.as_ref());
        match &run_id {
            Some(run) if !words::is_done(site, run) => {
                site.fixtool(["op", "resume", run]).code(0);
                resumed += 1;
            }
            Some(_) => {}
            None => drop(run(site, "tenant drop acme --confirm acme").code(0)),
        }
        assert!(!site.has_namespace("acme"), "killed at {place:.2}");
        // The way back is killed too, and gone again.
        let done = words::done_run(site, "tenant.drop");
        let undoing = site.spawn(["op", "undo", &done, "--confirm", "acme", "--yes"]);
        undoing.kill_after(took.mul_f64(1.0 - place));
        words::let_leases_expire(site);
        let again = site.fixtool(["op", "undo", &done, "--confirm", "acme", "--yes"]);
        assert!(again.code == 0 || again.stderr.contains("was undone by run"), "{again}");
        assert_same(&contents(site, "acme"), &before.0);
        let found = entry(site, "acme");
        // Only the time of its last change may differ, where the registry had never forgotten it.
        assert_eq!(found[0][..found[0].len() - 1], before.1[0][..before.1[0].len() - 1], "killed at {place:.2}");
        assert_eq!(backups::namespaces_beside(site), [""; 0]);
    }
    assert!(killed >= MOMENTS / 3, "{killed} of {MOMENTS} runs were killed in the middle");
    assert!(resumed >= 1, "{resumed} runs were resumed");
}

#[test]
fn a_drop_that_never_came_to_it_is_taken_back_and_loses_nothing() {
    let site = Site::postgres();
    backups::tenant(&site, "acme");
    // Somebody holds a table for longer than a drop waits.
    let mut holder = std::process::Command::new("psql")
        .args(["-X", "-q", "-d", &site.database().url(), "-c"])
        .arg("BEGIN; LOCK TABLE tenant_acme.users IN ROW EXCLUSIVE MODE; SELECT pg_sleep(300)")
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("psql");
    let dropped = run(&site, "tenant drop acme --confirm acme");
    assert_ne!(dropped.code, 0, "{dropped}");
    holder.kill().expect("the holder ends");
    holder.wait().expect("the holder ended");
    site.database().query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(300)%' AND pid <> pg_backend_pid()",
    );
    site.query("acme", "UPDATE users SET name = 'written meanwhile'");
    let before = (contents(&site, "acme"), roles(&site, "acme"));
    let failed = words::newest_run(&site).expect("a run");
    site.fixtool(["op", "undo", &failed, "--confirm", "acme", "--yes"]).code(0);
    assert_same(&contents(&site, "acme"), &before.0);
    assert_eq!(roles(&site, "acme"), before.1);
    words::load(&site, &site.write("more.csv", words::users(3)), "acme", "users").code(1).says(&["exists"]);
}

on_both_engines!(
    a_dropped_tenant_comes_back_as_it_was,
    a_second_copy_of_what_did_not_change_stores_almost_nothing,
    without_a_copy_nothing_comes_back_and_the_plan_says_so,
    what_is_forgotten_only_is_registered_again,
    a_suspended_and_a_changed_tenant_come_back_too,
    nobody_who_came_since_is_harmed,
    what_is_sealed_comes_back_with_the_key_only,
    no_copy_no_drop,
    many_are_dropped_and_brought_back_together,
    prune_leaves_a_pinned_copy_and_no_backup_gives_way_to_it,
    a_drop_that_is_killed_is_finished_and_undone,
);
