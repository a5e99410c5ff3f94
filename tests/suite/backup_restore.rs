//! `fixtool backup restore`, as it is typed: beside the living tenant, compared, and put in its place.

use crate::support::{Engine, Site, backups, on_both_engines, words};
use backups::{assert_same, contents, create, run};

fn an_undone_restore_brings_the_changed_rows_back(site: &Site) {
    backups::tenant(site, "acme");
    let then = contents(site, "acme");
    let id = create(site, "acme", "");
    site.query("acme", "UPDATE users SET name = 'later'");
    site.query("acme", "DELETE FROM content_generated");
    let later = contents(site, "acme");

    run(site, "backup restore acme").code(6).says(&["--yes"]);
    assert_same(&contents(site, "acme"), &later);
    let done = run(site, &format!("backup restore {} --tenant acme --yes", &id[..17])).code(0);
    assert!(done.stdout.contains("op undo"), "{done}");
    assert_same(&contents(site, "acme"), &then);
    let restored = words::done_run(site, "backup.restore");
    site.fixtool(["op", "undo", &restored, "--confirm", "acme"]).code(0);
    assert_same(&contents(site, "acme"), &later);
    site.fixtool(["op", "undo", &restored, "--confirm", "acme"]).code(6).says(&["was undone by run"]);
    assert_same(&contents(site, "acme"), &later);
    assert_eq!(backups::namespaces_beside(site), [""; 0]);

    // What was restored is a tenant like any other: it takes rows, and keys and references hold.
    run(site, "backup restore acme --yes").code(0);
    let more = site.write("more.csv", words::users(130));
    site.fixtool(words::load_words(&more, "acme", "users", &["--on-conflict", "skip"])).code(0);
    assert_eq!(site.count("acme", "users"), 130);
    words::load(site, &site.path("seed/ai_sessions.csv"), "acme", "ai_sessions").code(1);
    run(site, "tenant show acme").code(0);
    run(site, "tenant drop acme --confirm acme").code(0);
}

fn a_restore_makes_a_tenant_of_another_name(site: &Site) {
    backups::tenant(site, "acme");
    site.write("secret.txt", "s3cr3t\n");
    run(site, "tenant credential set acme spotify client_secret --file secret.txt --yes").code(0);
    let id = create(site, "acme", "");
    run(site, "backup restore acme --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "acme"));
    let shown = run(site, "tenant show copy -o json").code(0).json();
    assert_eq!(shown["credentials"][0]["name"], "spotify.client_secret");
    assert_eq!((&shown["tenant"]["tier"], &shown["tenant"]["status"]), (&"enterprise".into(), &"active".into()));
    run(site, "tenant credential rotate copy spotify client_secret --file secret.txt --yes").code(0);

    run(site, "tenant drop copy --keep-data --confirm copy").code(0);
    run(site, "backup restore acme --tenant copy").code(6).says(&["tenant adopt"]);
    run(site, "tenant drop acme --confirm acme").code(0);
    run(site, &format!("backup restore {id}")).code(0);
    assert_eq!(site.count("acme", "users"), 120);
    let restored = words::done_run(site, "backup.restore");
    site.fixtool(["op", "undo", &restored, "--confirm", "acme"]).code(0);
    assert!(!site.has_namespace("acme"));
    run(site, "tenant show acme").code(2);
    for (what, text) in [("nobody", "nobody"), ("missing.tar.gz", "missing.tar.gz"), ("1999", "1999")] {
        run(site, &format!("backup restore {what}")).code(2).says(&[text]);
    }
}

/// Whether the roles of a tenant may use a schema: the read-write one, then the read-only one.
fn may_enter(site: &Site, tenant: &str, schema: &str) -> Vec<String> {
    let part = site.database().query("SELECT left(site_id, 6) FROM fixtool.site")[0][0].clone();
    let may = |kind: &str| {
        let role = format!("tenant_{tenant}_{kind}_{part}");
        site.database().query(&format!("SELECT has_schema_privilege('{role}', '{schema}', 'USAGE')"))[0][0].clone()
    };
    vec![may("rw"), may("ro")]
}

fn roles_and_status_are_as_they_were(site: &Site) {
    backups::tenant(site, "acme");
    create(site, "acme", "");
    run(site, "backup restore acme --yes").code(0);
    let old = backups::namespaces_beside(site);
    assert_eq!(old.len(), 1, "{old:?}");
    if site.engine() == Engine::Postgres {
        assert_eq!(may_enter(site, "acme", "tenant_acme"), ["t", "t"]);
        assert_eq!(may_enter(site, "acme", &old[0]), ["f", "f"], "the old one is locked");
        let part = site.database().query("SELECT left(site_id, 6) FROM fixtool.site")[0][0].clone();
        for (kind, sql) in [("rw", "UPDATE users SET name = 'x' RETURNING 1"), ("ro", "SELECT 1 FROM users")] {
            let rows = site.query("acme", &format!("SET ROLE tenant_acme_{kind}_{part}; {sql}"));
            assert_eq!(rows.len(), 120, "{kind}");
        }
    }
    run(site, "tenant suspend acme --yes").code(0);
    run(site, "backup restore acme --yes").code(0);
    let shown = run(site, "tenant show acme -o json").code(0).json();
    assert_eq!(shown["tenant"]["status"], "suspended");
    if site.engine() == Engine::Postgres {
        assert_eq!(may_enter(site, "acme", "tenant_acme"), ["f", "f"]);
    }
    run(site, "tenant resume acme --yes").code(0);
    if site.engine() == Engine::Postgres {
        assert_eq!(may_enter(site, "acme", "tenant_acme"), ["t", "t"]);
    }
    run(site, "tenant suspend acme --yes").code(0);
    create(site, "acme", "");
    run(site, "backup restore acme --tenant copy").code(0);
    assert_eq!(run(site, "tenant show copy -o json").code(0).json()["tenant"]["status"], "active");
}

fn what_is_not_whole_makes_no_tenant(site: &Site) {
    backups::tenant(site, "acme");
    for (more, text) in
        [("--tables users,ai_sessions", "some of the tables"), ("--schema-only", "structure"), ("--data-only", "rows")]
    {
        let id = create(site, "acme", more);
        run(site, &format!("backup restore {id} --tenant copy")).code(6).says(&[text]);
        run(site, &format!("backup show {id}")).code(0);
        run(site, &format!("backup verify {id}")).code(0);
    }
    run(site, "backup create --tenant acme --tables nothing").code(2).says(&["nothing"]);
    assert!(!site.has_namespace("copy"));
}

/// What `data export` writes of a tenant: the same on every engine.
fn exported(site: &Site, tenant: &str) -> String {
    ["users", "ai_sessions", "content_generated"]
        .map(|table| {
            let out = run(site, &format!("data export --tenant {tenant} --data-types {table} --output-dir -")).code(0);
            let mut lines: Vec<&str> = out.stdout.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        })
        .join("\n")
}

#[test]
fn a_tenant_goes_to_the_other_engine_and_back() {
    let [postgres, sqlite] = Site::both();
    backups::tenant(&postgres, "acme");
    let there = backups::archive(&run(&postgres, "backup create --tenant acme -o json --output-path out").code(0));
    run(&sqlite, &format!("backup restore {}", there.display())).code(0).says(&["PostgreSQL", "SQLite"]);
    assert_eq!(exported(&sqlite, "acme"), exported(&postgres, "acme"));
    let line = "backup create --tenant acme -o json --output-path out --archive zip";
    let back = backups::archive(&run(&sqlite, line).code(0));
    run(&postgres, &format!("backup restore {} --tenant again", back.display())).code(0);
    assert_same(&contents(&postgres, "again"), &contents(&postgres, "acme"));
    run(&postgres, &format!("backup restore {} --yes", back.display())).code(0);
    assert_same(&contents(&postgres, "again"), &contents(&postgres, "acme"));
}

#[test]
fn documents_as_sqlite_keeps_them_go_to_postgres() {
    let [postgres, sqlite] = Site::both();
    backups::tenant(&sqlite, "acme");
    sqlite.query("acme", r#"UPDATE users SET preferences = '{"b":1.0,  "a":[1e2, "x"]}'"#);
    let there = backups::archive(&run(&sqlite, "backup create --tenant acme -o json --output-path out").code(0));
    run(&postgres, &format!("backup restore {}", there.display())).code(0);
    assert_eq!(postgres.count("acme", "users"), 120);
    let said = postgres.value("acme", "SELECT DISTINCT preferences->'a' FROM users");
    assert_eq!(said, r#"[100, "x"]"#);
}

on_both_engines!(
    an_undone_restore_brings_the_changed_rows_back,
    a_restore_makes_a_tenant_of_another_name,
    roles_and_status_are_as_they_were,
    what_is_not_whole_makes_no_tenant,
);
