//! `fixtool backup restore --tables`, as it is typed: rows of single tables come back into a living tenant.

use crate::support::{Engine, Site, backups, on_both_engines, words};
use backups::{assert_same, contents, create, run, safety_copies};

fn table(site: &Site, name: &str) -> Vec<Vec<String>> {
    let found = contents(site, "acme").into_iter().find(|(table, _)| table == name);
    found.unwrap_or_else(|| panic!("no table {name}")).1
}

fn undo(site: &Site) -> crate::support::Output {
    let done = words::done_run(site, "backup.restore");
    site.fixtool(["op", "undo", &done, "--confirm", "acme", "--yes"])
}

fn single_tables_come_back_and_the_others_stay(site: &Site) {
    backups::tenant(site, "acme");
    let then = contents(site, "acme");
    let id = create(site, "acme", "");
    site.query("acme", "UPDATE users SET name = 'later'");
    site.query("acme", "DELETE FROM content_generated");
    site.query("acme", "UPDATE ai_sessions SET status = 'failed' WHERE status = 'active'");
    site.query("acme", "DELETE FROM ai_sessions WHERE id IN (SELECT id FROM ai_sessions ORDER BY id LIMIT 7)");
    let later = contents(site, "acme");

    let line = format!("backup restore {id} --tables ai_sessions,content_generated");
    let shown = run(site, &format!("{line} --dry-run")).code(0);
    for text in
        ["keep a safety copy of ai_sessions, content_generated", "ai_sessions: 293 rows now, 300 in the snapshot"]
    {
        assert!(shown.stdout.contains(text), "{text}:\n{shown}");
    }
    assert_same(&contents(site, "acme"), &later);
    run(site, &line).code(6).says(&["--yes"]);
    run(site, &format!("{line} --yes")).code(0);
    for (name, rows) in &then {
        let wanted = if name == "users" { &later.iter().find(|(table, _)| table == "users").unwrap().1 } else { rows };
        assert_eq!(&table(site, name), wanted, "{name}");
    }
    assert_eq!(backups::namespaces_beside(site), [""; 0]);
    let kept = vec!["ai_sessions".to_owned(), "content_generated".to_owned()];
    assert_eq!(safety_copies(site), [("acme".to_owned(), 293, Some(kept))]);
    undo(site).code(0);
    assert_same(&contents(site, "acme"), &later);
    run(site, "backup restore acme --tables users --yes").code(0);
    assert_eq!(table(site, "users"), then.iter().find(|(table, _)| table == "users").unwrap().1);
    run(site, "backup restore acme --tables nothing --yes").code(2).says(&["nothing"]);
    run(site, "backup restore acme --tables users --tenant nobody --yes").code(2).says(&["nobody"]);
}

/// A user of whom the snapshot knows nothing; `more` columns of a session that refers to it.
fn newcomer(site: &Site, email: &str) {
    let id = "00000000-0000-4000-8000-00000000abcd";
    let user = format!(
        "INSERT INTO users (id, email, name, role, is_active, created_at, updated_at) \
         SELECT '{id}', '{email}', 'New', role, is_active, created_at, updated_at FROM users LIMIT 1"
    );
    site.query("acme", &user);
    let columns = match site.engine() {
        Engine::Postgres => "SELECT attname FROM pg_attribute WHERE attrelid = 'ai_sessions'::regclass AND attnum > 0",
        Engine::Sqlite => "SELECT name FROM pragma_table_info('ai_sessions')",
    };
    let columns: Vec<String> = site.query("acme", columns).into_iter().map(|row| row[0].clone()).collect();
    let values = columns.iter().map(|column| match column.as_str() {
        "id" => "'00000000-0000-4000-8000-00000000dcba'".to_owned(),
        "user_id" => format!("'{id}'"),
        other => other.to_owned(),
    });
    let values: Vec<String> = values.collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    site.query("acme", &format!("INSERT INTO ai_sessions ({columns}) SELECT {values} FROM ai_sessions LIMIT 1"));
}

fn what_others_refer_to_does_not_go(site: &Site) {
    backups::tenant(site, "acme");
    let then = contents(site, "acme");
    create(site, "acme", "");
    newcomer(site, "new@example.com");
    let later = contents(site, "acme");
    let refused = run(site, "backup restore acme --tables users --yes").code(1);
    refused.says(&["'ai_sessions'", "'users'", "--tables"]);
    assert_same(&contents(site, "acme"), &later);
    assert_eq!(backups::namespaces_beside(site), [""; 0]);
    // With both of them, both new rows go.
    run(site, "backup restore acme --tables users,ai_sessions --yes").code(0);
    assert_same(&contents(site, "acme"), &then);
    undo(site).code(0);
    assert_same(&contents(site, "acme"), &later);
}

fn a_value_that_somebody_else_has_now_comes_back(site: &Site) {
    backups::tenant(site, "acme");
    create(site, "acme", "");
    let email = site.value("acme", "SELECT min(email) FROM users");
    site.query("acme", &format!("DELETE FROM users WHERE email = '{email}'"));
    let then = table(site, "ai_sessions");
    newcomer(site, &email);
    site.query("acme", "DELETE FROM ai_sessions WHERE user_id = '00000000-0000-4000-8000-00000000abcd'");
    run(site, "backup restore acme --tables users --yes").code(0);
    assert_eq!(site.count("acme", "users"), 120);
    assert_eq!(
        site.value("acme", &format!("SELECT count(*) FROM users WHERE email = '{email}' AND name = 'New'")),
        "0"
    );
    assert_eq!(table(site, "ai_sessions"), then, "tables that were not chosen stay");
}

fn copies_of_some_tables_come_back(site: &Site) {
    backups::tenant(site, "acme");
    let then = contents(site, "acme");
    let id = create(site, "acme", "--tables users");
    site.query("acme", "UPDATE users SET name = 'later'");
    run(site, &format!("backup restore {id} --yes")).code(6).says(&["--tables"]);
    run(site, &format!("backup restore {id} --tables ai_sessions --yes")).code(2).says(&["ai_sessions"]);
    run(site, &format!("backup restore {id} --tables users --yes")).code(0);
    assert_same(&contents(site, "acme"), &then);

    // And so does the safety copy of a load.
    site.write("users.csv", words::users(120).replace("@example.com", "@example.org"));
    run(site, "data load users.csv --tenant acme --data-types users --on-conflict overwrite --yes").code(0);
    let list = run(site, "backup list -o json").code(0).json();
    let copy = list["snapshots"].as_array().unwrap().iter().rfind(|one| one["told"]["safety_copy"] == true).unwrap();
    let copy = copy["id"].as_str().unwrap().to_owned();
    run(site, &format!("backup restore {copy} --tables users --yes --no-safety-backup"))
        .code(6)
        .says(&["--confirm acme"]);
    run(site, &format!("backup restore {copy} --tables users --no-safety-backup --confirm acme")).code(0);
    assert_same(&contents(site, "acme"), &then);
    undo(site).code(6).says(&["there is no safety copy"]);
}

fn another_structure_is_refused(site: &Site) {
    words::init(site, "acme");
    words::load(site, &site.write("users.csv", words::users(20)), "acme", "users").code(0);
    let archive = backups::archive(&run(site, "backup create --tenant acme -o json --output-path out").code(0));
    run(site, "tenant init beta --tier enterprise --yes").code(0);
    let line = format!("backup restore {} --tenant beta --tables users --yes", archive.display());
    run(site, &line).code(6).says(&["other columns"]);
    words::init(site, "gamma");
    run(site, &line.replace("beta", "gamma")).code(0);
    assert_eq!(site.contents("gamma", "users", "id"), site.contents("acme", "users", "id"));
}

const MOMENTS: u32 = 6;

fn one_that_is_killed_is_finished_and_undone(site: &Site) {
    words::init(site, "acme");
    words::load(site, &site.write("users.csv", words::users(5_000)), "acme", "users").code(0);
    let then = contents(site, "acme");
    create(site, "acme", "");
    site.query("acme", "UPDATE users SET name = 'later'");
    site.query("acme", "DELETE FROM users WHERE email LIKE 'user1%'");
    let later = contents(site, "acme");
    let id = backups::listed(site, "acme")[0].clone();
    let words = ["backup", "restore", &id, "--tables", "users", "--yes"];
    let took = site.fixtool(words).code(0).took;
    undo(site).code(0);
    let mut killed = 0;
    for moment in 0..MOMENTS {
        let last = words::newest_run(site);
        let restoring = site.spawn(words);
        killed += u32::from(restoring.kill_after(took.mul_f64((f64::from(moment) + 0.5) / f64::from(MOMENTS))));
        words::let_leases_expire(site);
        let found = contents(site, "acme");
        assert!(found == then || found == later, "all rows or none");
        match words::newest_run(site).filter(|run| Some(run) != last.as_ref()) {
            Some(run) if !words::is_done(site, &run) => drop(site.fixtool(["op", "resume", &run]).code(0)),
            Some(_) => {}
            None => drop(site.fixtool(words).code(0)),
        }
        assert_same(&contents(site, "acme"), &then);
        undo(site).code(0);
        assert_same(&contents(site, "acme"), &later);
        assert_eq!(backups::namespaces_beside(site), [""; 0]);
    }
    assert!(killed >= MOMENTS / 3, "{killed} of {MOMENTS} runs were killed in the middle");
}

/// What a kill leaves between the exchange of the rows and the removal of what lay beside.
fn leave_beside(site: &Site, run: &str) {
    let name = format!("fixtool_rows_{}", &run[run.len() - 12..]);
    match site.engine() {
        Engine::Postgres => drop(site.database().query(&format!("CREATE SCHEMA {name}"))),
        Engine::Sqlite => {
            let files = crate::support::site::files_below(&site.path(".fixtool"));
            let tenant =
                files.iter().find(|file| file.file_name().is_some_and(|name| name == "tenant_acme.db")).unwrap();
            std::fs::copy(tenant, tenant.with_file_name(format!("{name}.db"))).unwrap();
        }
    }
    assert_eq!(backups::namespaces_beside(site).len(), 1);
}

fn what_a_kill_left_beside_is_removed(site: &Site) {
    words::init(site, "acme");
    words::load(site, &site.write("users.csv", words::users(20)), "acme", "users").code(0);
    create(site, "acme", "");
    let id = backups::listed(site, "acme")[0].clone();
    run(site, &format!("backup restore {id} --tables users --yes")).code(0);
    leave_beside(site, &words::newest_run(site).unwrap());
    undo(site).code(0);
    assert_eq!(backups::namespaces_beside(site), [""; 0]);
}

#[test]
fn tables_go_to_the_other_engine() {
    let [postgres, sqlite] = Site::both();
    backups::tenant(&postgres, "acme");
    let there = backups::archive(&run(&postgres, "backup create --tenant acme -o json --output-path out").code(0));
    words::init(&sqlite, "acme");
    let line = format!("backup restore {} --tables users,ai_sessions --yes", there.display());
    run(&sqlite, &line).code(0);
    assert_eq!((sqlite.count("acme", "users"), sqlite.count("acme", "ai_sessions")), (120, 300));
    assert_eq!(sqlite.count("acme", "content_generated"), 0);
}

on_both_engines!(
    single_tables_come_back_and_the_others_stay,
    what_a_kill_left_beside_is_removed,
    what_others_refer_to_does_not_go,
    a_value_that_somebody_else_has_now_comes_back,
    copies_of_some_tables_come_back,
    another_structure_is_refused,
    one_that_is_killed_is_finished_and_undone,
);
