//! Loads that change or delete rows keep a safety copy of the tables they touch, and of no other.

use crate::support::{Engine, Site, backups, on_both_engines, words};
use backups::{assert_same, contents, run, safety_copies, starved};

/// The first users of a file, with other names.
fn renamed(rows: usize) -> String {
    let text = words::users(200);
    let mut lines = text.lines();
    let header = lines.next().expect("a header").to_owned();
    let changed = lines.take(rows).map(|line| {
        let mut fields: Vec<&str> = line.splitn(4, ',').collect();
        fields[2] = "Renamed";
        fields.join(",")
    });
    let all: Vec<String> = std::iter::once(header).chain(changed).collect();
    all.join("\n") + "\n"
}

fn undo_newest(site: &Site) {
    let done = words::done_run(site, "data.load");
    site.fixtool(["op", "undo", &done, "--confirm", "acme", "--yes"]).code(0);
}

fn only(rows: u64, tables: &[&str]) -> Vec<(String, u64, Option<Vec<String>>)> {
    vec![("acme".to_owned(), rows, Some(tables.iter().map(|&name| name.to_owned()).collect()))]
}

fn what_is_overwritten_is_kept_and_others_changes_stay(site: &Site) {
    backups::tenant(site, "acme");
    let before = contents(site, "acme");
    site.write("renamed.csv", renamed(110));
    let line = "data load renamed.csv --tenant acme --data-types users --on-conflict overwrite";
    let shown = run(site, &format!("{line} --dry-run")).code(0);
    for text in ["keep a safety copy of users in", "row by row", "30 days"] {
        assert!(shown.stdout.contains(text), "{text}:\n{shown}");
    }
    assert_eq!(safety_copies(site), []);
    run(site, &format!("{line} --yes")).code(0);
    assert_eq!(safety_copies(site), only(120, &["users"]));
    assert_eq!(site.value("acme", "SELECT count(*) FROM users WHERE name = 'Renamed'"), "110");
    let list = run(site, "backup list").code(0);
    assert!(list.stdout.contains("safety copy"), "{list}");

    if site.engine() == Engine::Sqlite {
        // SQLite does not tell who changed a row last.
        undo_newest(site);
        assert_same(&contents(site, "acme"), &before);
        return;
    }
    // What somebody wrote since stays.
    let id = site.value("acme", "SELECT id FROM users WHERE name = 'Renamed' ORDER BY id LIMIT 1");
    site.query("acme", &format!("UPDATE users SET name = 'Later' WHERE id = '{id}'"));
    undo_newest(site);
    assert_eq!(site.value("acme", "SELECT count(*) FROM users WHERE name = 'Renamed'"), "0");
    assert_eq!(site.value("acme", "SELECT id FROM users WHERE name = 'Later'"), id);
    let rest = |all: &backups::Contents| {
        let of_users = |(table, rows): &(String, Vec<Vec<String>>)| {
            let rows = rows.iter().filter(|row| !row.contains(&id) || table != "users").cloned().collect();
            (table.clone(), rows)
        };
        all.iter().map(of_users).collect::<backups::Contents>()
    };
    assert_same(&rest(&contents(site, "acme")), &rest(&before));
}

fn what_goes_with_deleted_rows_comes_back_too(site: &Site) {
    backups::tenant(site, "acme");
    let before = contents(site, "acme");
    // The last 20 users are gone from the source; their sessions and content go with them.
    site.write("fewer.csv", words::users(100));
    let line = "data load fewer.csv --tenant acme --data-types users --mode incremental --delete-missing";
    let shown = run(site, &format!("{line} --dry-run")).code(0);
    assert!(shown.stdout.contains("keep a safety copy of ai_sessions, collaboration_participants,"), "{shown}");
    run(site, &format!("{line} --confirm acme")).code(0);
    assert_eq!(site.count("acme", "users"), 100);
    assert!(site.count("acme", "ai_sessions") < 300, "sessions went with their users");
    assert_eq!(safety_copies(site)[0].1, 470);
    undo_newest(site);
    assert_same(&contents(site, "acme"), &before);
    assert_eq!(backups::namespaces_beside(site), [""; 0]);
}

fn what_only_adds_keeps_nothing_and_a_wish_is_obeyed(site: &Site) {
    words::init(site, "acme");
    words::load(site, &site.write("users.csv", words::users(50)), "acme", "users").code(0);
    let more = site.write("more.csv", words::users(60));
    site.fixtool(words::load_words(&more, "acme", "users", &["--on-conflict", "skip"])).code(0);
    assert_eq!(safety_copies(site), []);
    site.write("renamed.csv", renamed(60));
    let line = "data load renamed.csv --tenant acme --data-types users --on-conflict overwrite --no-safety-backup";
    let shown = run(site, &format!("{line} --dry-run")).code(0);
    assert!(shown.stdout.contains("no safety copy is made (--no-safety-backup)"), "{shown}");
    run(site, &format!("{line} --yes")).code(0);
    assert_eq!(safety_copies(site), []);
    undo_newest(site);
    assert_eq!(site.value("acme", "SELECT count(*) FROM users WHERE name = 'Renamed'"), "0");
    // An incremental load that finds nothing new keeps nothing either.
    let same = ["--mode", "incremental"];
    site.fixtool(words::load_words(&more, "acme", "users", &same)).code(0);
    let copies = safety_copies(site).len();
    site.fixtool(words::load_words(&more, "acme", "users", &same)).code(0).says(&["nothing to do"]);
    assert_eq!(safety_copies(site).len(), copies);
}

fn no_copy_no_change(site: &Site) {
    words::init(site, "acme");
    words::load(site, &site.write("users.csv", words::users(4_000)), "acme", "users").code(0);
    let before = contents(site, "acme");
    site.write("renamed.csv", renamed(100));
    let line = "data load renamed.csv --tenant acme --data-types users --on-conflict overwrite --yes";
    let mut command = site.command();
    command.env("BACKUP_STORAGE_PATH", "/sys/fixtool").args(line.split(' '));
    let refused = site.start(command).wait();
    assert!(matches!(refused.code, 1 | 4 | 5), "{refused}");
    refused.says(&["no safety copy of 'acme' could be made", "/sys/fixtool"]);
    assert_same(&contents(site, "acme"), &before);
    if site.engine() == Engine::Postgres {
        starved(site, 32, line).code(1).says(&["no safety copy", "large"]);
        assert_same(&contents(site, "acme"), &before);
        let failed = words::newest_run(site).expect("a run");
        site.fixtool(["op", "resume", &failed]).code(0);
        assert_eq!(safety_copies(site), only(4_000, &["users"]));
        undo_newest(site);
        assert_same(&contents(site, "acme"), &before);
    }
}

const MOMENTS: u32 = 6;

fn a_load_that_is_killed_has_one_copy_and_is_undone(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(5_000));
    words::load(site, &file, "acme", "users").code(0);
    site.query("acme", "UPDATE users SET name = 'Before'");
    let before = contents(site, "acme");
    let overwrite = words::load_words(&file, "acme", "users", &["--on-conflict", "overwrite", "--batch-size", "500"]);
    let took = site.fixtool(&overwrite).code(0).took;
    undo_newest(site);
    let mut killed = 0;
    for moment in 0..MOMENTS {
        let last = words::newest_run(site);
        let known = safety_copies(site).len();
        let loading = site.spawn(&overwrite);
        killed += u32::from(loading.kill_after(took.mul_f64((f64::from(moment) + 0.5) / f64::from(MOMENTS))));
        words::let_leases_expire(site);
        match words::newest_run(site).filter(|run| Some(run) != last.as_ref()) {
            Some(run) if !words::is_done(site, &run) => drop(site.fixtool(["op", "resume", &run]).code(0)),
            Some(_) => {}
            None => drop(site.fixtool(&overwrite).code(0)),
        }
        assert_eq!(site.value("acme", "SELECT count(*) FROM users WHERE name = 'Before'"), "0");
        assert_eq!(safety_copies(site).len(), known + 1);
        undo_newest(site);
        assert_same(&contents(site, "acme"), &before);
    }
    assert!(killed >= MOMENTS / 3, "{killed} of {MOMENTS} runs were killed in the middle");
}

on_both_engines!(
    what_is_overwritten_is_kept_and_others_changes_stay,
    what_goes_with_deleted_rows_comes_back_too,
    what_only_adds_keeps_nothing_and_a_wish_is_obeyed,
    no_copy_no_change,
    a_load_that_is_killed_has_one_copy_and_is_undone,
);
