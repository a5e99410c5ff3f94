//! Tenants on both engines, as they are typed: made, listed, changed, renamed, taken over, dropped.

use serde_json::Value;

use crate::support::{Engine, Output, Site, on_both_engines, words};

/// Runs a line without the program's name.
fn run(site: &Site, line: impl AsRef<str>) -> Output {
    site.line(&format!("fixtool {}", line.as_ref()))
}

fn shown(site: &Site, tenant: &str) -> Value {
    site.fixtool(["tenant", "show", tenant, "-o", "json"]).code(0).json()
}

fn listed(site: &Site, more: &[&str]) -> Vec<String> {
    let mut words = vec!["tenant", "list", "-o", "json"];
    words.extend(more);
    let document = site.fixtool(words).code(0).json();
    let tenants = document["tenants"].as_array().expect("tenants").iter();
    tenants.map(|tenant| tenant["id"].as_str().expect("an id").to_owned()).collect()
}

fn undo(site: &Site, operation: &str, more: &[&str]) {
    let done = words::done_run(site, operation);
    let mut line = vec!["op", "undo", done.as_str()];
    line.extend(more);
    site.fixtool(line).code(0);
}

fn init_makes_everything_and_a_second_one_nothing(site: &Site) {
    let line = "tenant init acme --tier enterprise --initialize-data --admin-email ada@example.com --label region=eu";
    run(site, format!("{line} --yes")).code(0);
    let view = shown(site, "acme");
    assert_eq!(view["tenant"]["status"], "active");
    assert_eq!(view["tenant"]["labels"]["region"], "eu");
    assert_eq!(view["tenant"]["integrations"]["spotify"]["enabled"], true);
    assert_eq!(site.value("acme", "SELECT role FROM users WHERE email = 'ada@example.com'"), "admin");
    assert_eq!(site.value("acme", "SELECT count(DISTINCT permission) FROM _fixtool_permission"), "14");
    assert_eq!(site.value("acme", "SELECT count(*) FROM _fixtool_role"), "4");
    assert_eq!(site.value("acme", "SELECT value FROM _fixtool_setting WHERE name = 'tier'"), "\"enterprise\"");
    assert!(site.count("acme", "users") > 1 && site.count("acme", "ai_sessions") > 0);
    let before = site.image();
    let again = run(site, format!("{line} --yes")).code(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");
    let counts = |image: &[(String, Vec<u8>)]| image.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(counts(&before), counts(&site.image()));
    // What it is can be changed, but not by init.
    run(site, "tenant init acme --tier starter --yes").code(6).says(&["set-tier"]);
    run(site, "tenant init acme --tier enterprise --version 1.0.0 --yes").code(6).says(&["migrate apply"]);
}

fn init_refuses_what_cannot_be_right(site: &Site) {
    run(site, "tenant init acme --tier enterprize").code(2).says(&["did you mean 'enterprise'"]);
    run(site, "tenant init acme --version 9.9.9 --yes").code(2).says(&["1.0.0"]);
    run(site, "tenant init acme --admin-email not-an-address --yes").code(2);
    run(site, "tenant init acme --on elsewhere --yes").code(2).says(&["[databases.elsewhere]"]);
    run(site, "tenant init acme --pack nowhere --yes").code(2);
    assert!(!site.has_namespace("acme") && listed(site, &[]).is_empty());
}

fn every_version_can_be_made_and_taken_back(site: &Site) {
    for version in ["1.0.0", "1.1.0", "1.2.0", "2.0.0"] {
        run(site, format!("tenant init acme --version {version} --tier starter --initialize-data --yes")).code(0);
        assert_eq!(shown(site, "acme")["tenant"]["version"], version);
        undo(site, "tenant.init", &["--confirm", "acme"]);
        assert!(!site.has_namespace("acme"), "{version}");
        assert!(listed(site, &[]).is_empty(), "{version}");
        if site.engine() == Engine::Postgres {
            let roles = site.database().query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'tenant\\_acme\\_%'");
            let ours: Vec<_> = roles.into_iter().filter(|role| role[0].ends_with(&site_part(site))).collect();
            assert!(ours.is_empty(), "{ours:?}");
        }
    }
}

/// The part of the site's identity that role names end in.
fn site_part(site: &Site) -> String {
    let id = site.database().query("SELECT left(site_id, 6) FROM fixtool.site");
    id[0][0].clone()
}

fn a_plan_made_before_the_first_write_stays_good(site: &Site) {
    run(site, "tenant init acme --tier starter --plan-out first.plan").code(0);
    assert!(!site.has_namespace("acme"));
    run(site, "tenant init --plan first.plan").code(0);
    assert!(site.has_namespace("acme"));
}

fn tenants_are_listed_by_tier_and_label(site: &Site) {
    assert!(run(site, "tenant list").code(0).stdout.contains("no tenants"));
    run(site, "tenant init shop-1 shop-2 --tier starter --label region=eu --yes").code(0);
    run(site, "tenant init bank --tier enterprise --yes").code(0);
    assert_eq!(listed(site, &[]), ["bank", "shop-1", "shop-2"]);
    assert_eq!(listed(site, &["--tier", "starter"]), ["shop-1", "shop-2"]);
    assert_eq!(listed(site, &["--label", "region=eu", "--exclude", "shop-2"]), ["shop-1"]);
    assert_eq!(listed(site, &["--tenant", "b*"]), ["bank"]);
    run(site, "tenant show shop-3").code(2).says(&["did you mean 'shop-"]);
}

fn a_tier_is_refused_while_it_is_too_small(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(11));
    words::load(site, &file, "acme", "users").code(0);
    run(site, "tenant set-tier acme starter --yes").code(6).says(&["11 where 10 are allowed"]);
    run(site, "tenant set-tier acme professional --yes").code(0);
    let view = shown(site, "acme");
    assert_eq!((&view["tenant"]["tier"], &view["tenant"]["quotas"]["users"]), (&"professional".into(), &100.into()));
    assert_eq!(site.value("acme", "SELECT value FROM _fixtool_setting WHERE name = 'tier'"), "\"professional\"");
    let again = run(site, "tenant set-tier acme professional --yes").code(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");
    undo(site, "tenant.set-tier", &["--yes"]);
    assert_eq!(shown(site, "acme")["tenant"]["quotas"]["users"], Value::Null);
}

fn a_suspended_tenant_refuses_writes(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(3));
    run(site, "tenant suspend acme --yes").code(0);
    words::load(site, &file, "acme", "users").code(6).says(&["tenant resume acme"]);
    assert_eq!(site.count("acme", "users"), 0);
    assert_eq!(shown(site, "acme")["tenant"]["status"], "suspended");
    if site.engine() == Engine::Postgres {
        assert_eq!(may_enter(site), ["f", "f"]);
    }
    let again = run(site, "tenant suspend acme --yes").code(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");
    run(site, "tenant resume acme --yes").code(0);
    words::load(site, &file, "acme", "users").code(0);
    if site.engine() == Engine::Postgres {
        assert_eq!(may_enter(site), ["t", "t"]);
    }
}

/// Whether the read-write and the read-only role may use the schema.
fn may_enter(site: &Site) -> Vec<String> {
    let part = site_part(site);
    ["rw", "ro"]
        .iter()
        .map(|kind| {
            let sql = format!("SELECT has_schema_privilege('tenant_acme_{kind}_{part}', 'tenant_acme', 'USAGE')");
            site.database().query(&sql)[0][0].clone()
        })
        .collect()
}

fn a_renamed_tenant_keeps_everything(site: &Site) {
    words::init(site, "acme");
    words::init(site, "taken");
    let file = site.write("users.csv", words::users(20));
    words::load(site, &file, "acme", "users").code(0);
    site.write("secret.txt", "s3cr3t\n");
    run(site, "tenant credential set acme spotify client_secret --file secret.txt --yes").code(0);
    let before = site.contents("acme", "users", "id");
    run(site, "tenant rename acme taken --yes").code(6);
    run(site, "tenant rename acme omega --yes").code(0);
    assert_eq!(listed(site, &[]), ["omega", "taken"]);
    assert!(!site.has_namespace("acme"));
    assert_eq!(site.contents("omega", "users", "id"), before);
    assert_eq!(shown(site, "omega")["credentials"][0]["name"], "spotify.client_secret");
    undo(site, "tenant.rename", &["--yes"]);
    assert_eq!(site.contents("acme", "users", "id"), before);
}

fn a_drop_tells_what_is_lost_and_leaves_nothing(site: &Site) {
    words::init(site, "acme");
    words::init(site, "other");
    let file = site.write("users.csv", words::users(20));
    words::load(site, &file, "acme", "users").code(0);
    let plan = run(site, "tenant drop acme --dry-run").code(0);
    assert!(plan.stdout.contains("20 rows of users"), "{plan}");
    run(site, "tenant drop acme --yes").code(6);
    assert_eq!(site.count("acme", "users"), 20);
    run(site, "tenant drop acme --confirm acme").code(0);
    assert!(!site.has_namespace("acme") && site.has_namespace("other"));
    assert_eq!(listed(site, &[]), ["other"]);
    run(site, "tenant show acme").code(2);
}

fn a_forgotten_tenant_can_be_adopted_again(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(20));
    words::load(site, &file, "acme", "users").code(0);
    run(site, "tenant init acme2 --tier starter --version 1.1.0 --yes").code(0);
    run(site, "tenant drop acme --keep-data --confirm acme").code(0);
    assert!(site.has_namespace("acme"));
    // Its namespace is in the way of a new tenant of this name, and the way out is told.
    run(site, "tenant init acme --yes").code(6).says(&["tenant adopt"]);
    run(site, "tenant adopt gamma --namespace nowhere --yes").code(2);
    run(site, "tenant adopt gamma --namespace tenant_acme2 --yes").code(6).says(&["acme2"]);
    run(site, "tenant adopt gamma --namespace tenant_acme --tier enterprise --yes").code(0);
    let view = shown(site, "gamma");
    assert_eq!((&view["tenant"]["version"], &view["tenant"]["adopted"]), (&"1.0.0".into(), &true.into()));
    assert_eq!(view["tenant"]["namespace"], "tenant_acme");
    words::load(site, &site.write("more.csv", words::users(25)), "gamma", "users").code(1);
    undo(site, "tenant.adopt", &["--yes"]);
    assert!(site.has_namespace("acme"));
    assert_eq!(listed(site, &[]), ["acme2"]);
}

fn what_differs_is_listed(site: &Site) {
    words::init(site, "acme");
    site.query("acme", "DROP TABLE collaboration_participants");
    run(site, "tenant drop acme --keep-data --confirm acme").code(0);
    let line = "tenant adopt gamma --namespace tenant_acme --tier enterprise";
    let refused = run(site, format!("{line} --yes")).code(6);
    assert!(refused.stderr.contains("collaboration_participants") && refused.stderr.contains("1.0.0"), "{refused}");
    run(site, format!("{line} --version 1.0.0 --yes")).code(0);
    assert_eq!(shown(site, "gamma")["tenant"]["version"], "1.0.0");
}

fn secrets_are_sealed_listed_and_rotated(site: &Site) {
    words::init(site, "acme");
    site.write("secret.txt", "s3cr3t-one\n");
    let set = "tenant credential set acme spotify client_secret --yes";
    site.fixtool_with_input(set.split(' '), "s3cr3t-zero\n").code(0);
    run(site, format!("{set} --file secret.txt")).code(6).says(&["rotate"]);
    run(site, "tenant credential rotate acme spotify client_id --file secret.txt --yes").code(2).says(&["set"]);
    run(site, "tenant credential rotate acme spotify client_secret --file secret.txt --yes").code(0);
    let list = run(site, "tenant credential list acme -o json").code(0);
    assert_eq!(list.json()["credentials"][0]["generation"], 2);
    assert!(list.json()["missing"].as_array().unwrap().contains(&"slack.webhook_url".into()), "{list}");
    let image = site.image();
    let holds = |secret: &[u8]| image.iter().any(|(_, bytes)| bytes.windows(secret.len()).any(|part| part == secret));
    assert!(!holds(b"s3cr3t-one") && !holds(b"s3cr3t-zero"), "a secret lies in the open");
    undo(site, "tenant.credential.rotate", &["--confirm", "acme"]);
    assert_eq!(run(site, "tenant credential list acme -o json").code(0).json()["credentials"][0]["generation"], 1);
    run(site, "tenant credential set acme Spotify x --file secret.txt --yes").code(2);
}

fn whoever_stops_instead_of_giving_a_secret_stores_nothing(site: &Site) {
    words::init(site, "acme");
    let mut command = site.command();
    command.args("tenant credential set acme spotify client_secret --yes".split(' '));
    // Nothing is ever written to it, and it stays open.
    command.stdin(std::process::Stdio::piped());
    let mut running = site.start(command);
    running.wait_for_handler();
    running.signal("TERM");
    running.wait().code(143);
    let list = run(site, "tenant credential list acme -o json").code(0);
    assert_eq!(list.json()["credentials"].as_array().map(Vec::len), Some(0));
    assert!(!run(site, "op log").code(0).stdout.contains("tenant.credential"));
}

on_both_engines!(
    init_makes_everything_and_a_second_one_nothing,
    init_refuses_what_cannot_be_right,
    every_version_can_be_made_and_taken_back,
    a_plan_made_before_the_first_write_stays_good,
    tenants_are_listed_by_tier_and_label,
    a_tier_is_refused_while_it_is_too_small,
    a_suspended_tenant_refuses_writes,
    a_renamed_tenant_keeps_everything,
    a_drop_tells_what_is_lost_and_leaves_nothing,
    a_forgotten_tenant_can_be_adopted_again,
    what_differs_is_listed,
    secrets_are_sealed_listed_and_rotated,
    whoever_stops_instead_of_giving_a_secret_stores_nothing,
);
