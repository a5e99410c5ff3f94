//! `fixtool backup create`, as it is typed: into the repository and into archives, full and incremental.

use std::path::PathBuf;

use crate::support::site::files_below;
use crate::support::{Engine, Site, backups, on_both_engines, words};
use backups::{assert_same, contents, counted, create, run};

const PASSPHRASE: &str = "correct horse battery staple";

/// Runs a line as one who knows the passphrase.
fn with_passphrase(site: &Site, line: &str) -> crate::support::Output {
    let mut command = site.command();
    command.env("BACKUP_ENCRYPTION_KEY", PASSPHRASE).args(line.split(' '));
    site.start(command).wait()
}

fn only_file(site: &Site, folder: &str) -> PathBuf {
    let mut files = files_below(&site.path(folder));
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn the_lines_of_the_old_scripts_run_as_they_stand(site: &Site) {
    backups::tenant(site, "acme");
    let wanted = contents(site, "acme");
    let line = "backup create --tenant acme --backup-type full --compression gzip --encryption --output-path archives";
    with_passphrase(site, line).code(0);
    let archive = only_file(site, "archives");
    let name = archive.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("acme_full_2") && name.ends_with("Z.tar.gz"), "{name}");
    with_passphrase(site, &format!("backup restore {} --tenant copy", archive.display())).code(0);
    assert_same(&contents(site, "copy"), &wanted);
    // Without the passphrase nothing is sealed, and nothing comes out.
    run(site, line).code(2).says(&["BACKUP_ENCRYPTION_KEY"]);
    run(site, &format!("backup restore {} --tenant other", archive.display())).code(1).says(&["key"]);
    assert!(!site.has_namespace("other"));
}

fn every_kind_of_archive_brings_the_tenant_back(site: &Site) {
    backups::tenant(site, "acme");
    let wanted = contents(site, "acme");
    for (number, kind) in ["tar.zst", "tar.gz", "tar", "zip"].into_iter().enumerate() {
        let made =
            run(site, &format!("backup create --tenant acme -o json --output-path {kind} --archive {kind}")).code(0);
        let archive = backups::archive(&made);
        assert_eq!(only_file(site, kind), archive);
        let shown = run(site, &format!("backup show {} -o json", archive.display())).code(0).json();
        assert_eq!(shown["told"]["rows"], 470, "{shown}");
        run(site, &format!("backup restore {} --tenant copy{number}", archive.display())).code(0);
        assert_same(&contents(site, &format!("copy{number}")), &wanted);
    }
    assert!(backups::listed(site, "acme").is_empty(), "archives are not listed");
}

/// Restores each snapshot under another name and compares it with what there was.
fn each_is_what_was(site: &Site, snapshots: &[(String, backups::Contents)]) {
    for (number, (id, wanted)) in snapshots.iter().enumerate() {
        run(site, &format!("backup restore {id} --tenant then{number}")).code(0);
        assert_same(&contents(site, &format!("then{number}")), wanted);
    }
}

fn increments_hold_what_changed(site: &Site) {
    backups::tenant(site, "acme");
    run(site, "backup create --tenant acme --backup-type incremental").code(6).says(&["--backup-type"]);
    let mut kept = vec![(create(site, "acme", ""), contents(site, "acme"))];

    let unchanged = run(site, "backup create --tenant acme --backup-type incremental -o json").code(0);
    assert_eq!((counted(&unchanged, "bytes_written"), counted(&unchanged, "parts_written")), (0, 0), "{unchanged}");
    std::thread::sleep(std::time::Duration::from_millis(1_010));

    site.query("acme", "UPDATE users SET name = 'changed' WHERE email LIKE 'user5%'");
    site.query("acme", "DELETE FROM content_generated");
    site.query("acme", "DELETE FROM ai_sessions WHERE user_id IN (SELECT id FROM users WHERE email LIKE 'user7%')");
    kept.push((create(site, "acme", "--backup-type incremental"), contents(site, "acme")));

    // The tenant goes and comes back: what the increments rested on is another table now.
    run(site, "tenant drop acme --confirm acme --no-safety-backup");
    let (id, wanted) = kept[0].clone();
    run(site, &format!("backup restore {id}")).code(0);
    assert_same(&contents(site, "acme"), &wanted);
    site.query("acme", "UPDATE users SET name = 'another' WHERE email LIKE 'user6%'");
    kept.push((create(site, "acme", "--backup-type incremental"), contents(site, "acme")));
    assert_eq!(backups::listed(site, "acme").len(), 4);
    each_is_what_was(site, &kept);
}

/// Rows enough for several parts.
fn appended_rows_cost_little(site: &Site) {
    const ROWS: u64 = 60_000;
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(ROWS));
    words::load(site, &file, "acme", "users").code(0);
    let full = run(site, "backup create --tenant acme -o json").code(0);
    std::thread::sleep(std::time::Duration::from_millis(1_010));
    let sql = match site.engine() {
        Engine::Postgres => {
            "INSERT INTO users (id, email, name) SELECT ('ffffffff-ffff-4fff-8fff-' || lpad(to_hex(n), 12, '0'))::uuid, \
             'new' || n || '@example.com', 'New' FROM generate_series(1, 600) n"
        }
        Engine::Sqlite => {
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 600) \
             INSERT INTO users (id, email, name) SELECT 'ffffffff-ffff-4fff-8fff-' || printf('%012x', n), \
             'new' || n || '@example.com', 'New' FROM c"
        }
    };
    site.query("acme", sql);
    let more = run(site, "backup create --tenant acme --backup-type incremental -o json").code(0);
    assert_eq!(counted(&more, "rows"), ROWS + 600);
    let (all, new) = (counted(&full, "bytes_written"), counted(&more, "bytes_written"));
    println!("{new} of {all} bytes, {} parts of {}", counted(&more, "parts_written"), counted(&full, "parts_written"));
    assert!(counted(&full, "parts_written") < 2 || new * 2 < all, "{new} of {all} bytes");
    let wanted = contents(site, "acme");
    run(site, &format!("backup restore {} --tenant copy", backups::snapshot(&more))).code(0);
    assert_same(&contents(site, "copy"), &wanted);
}

fn a_backup_that_is_taken_back_is_not_listed_any_more(site: &Site) {
    backups::tenant(site, "acme");
    let first = create(site, "acme", "");
    create(site, "acme", "--backup-type incremental");
    let done = words::done_run(site, "backup.create");
    site.fixtool(["op", "undo", &done, "--confirm", "acme"]).code(0);
    assert_eq!(backups::listed(site, "acme"), [first]);
    run(site, "backup verify --tenant acme").code(0);
    // An archive is the user's own file; it is whole whatever was asked for.
    run(site, "backup create --tenant acme --backup-type incremental --output-path out").code(0);
    let done = words::done_run(site, "backup.create");
    site.fixtool(["op", "undo", &done, "--confirm", "acme"]).code(6).says(&["by hand"]);
    run(site, &format!("backup restore {} --tenant copy", only_file(site, "out").display())).code(0);
    assert_same(&contents(site, "copy"), &contents(site, "acme"));
}

fn the_newest_of_one_second_is_the_one_made_last(site: &Site) {
    backups::tenant(site, "acme");
    for number in 0..6 {
        site.query("acme", &format!("UPDATE users SET name = 'turn {number}'"));
        let made = backups::snapshot(&run(site, "backup create --tenant acme -o json").code(0));
        assert_eq!(run(site, "backup show acme -o json").code(0).json()["id"], made.as_str());
    }
}

on_both_engines!(
    a_backup_that_is_taken_back_is_not_listed_any_more,
    the_newest_of_one_second_is_the_one_made_last,
    the_lines_of_the_old_scripts_run_as_they_stand,
    every_kind_of_archive_brings_the_tenant_back,
    increments_hold_what_changed,
    appended_rows_cost_little,
);
