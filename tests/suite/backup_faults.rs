//! Backups and restores that are killed, watched, raced, starved and lied to.

mod hostile;
mod kills;

use std::process::{Command, Stdio};

use crate::support::{Engine, Site, backups, often, on_both_engines, words};
use backups::{assert_same, contents, create, run};

const WRITERS: u32 = 12;

/// Snapshots that are taken while they write. On SQLite one writes at a time, and the others wait.
fn rounds(site: &Site) -> u32 {
    if site.engine() == Engine::Postgres { often(8, 50) } else { often(5, 50) }
}

/// One of the writers: each of its transactions moves a mark from a user to a session, or back.
fn writer(site: &Site) -> Command {
    match site.engine() {
        Engine::Postgres => {
            let mut command = Command::new("psql");
            command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &site.database().url(), "-c"]);
            let moved = |from: &str, to: &str| {
                format!(
                    "SELECT id INTO u FROM tenant_acme.users WHERE is_active = {from} ORDER BY random() LIMIT 1
                         FOR UPDATE SKIP LOCKED;
                     SELECT id INTO s FROM tenant_acme.ai_sessions WHERE (status = 'active') = {to}
                         ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED;
                     IF u IS NOT NULL AND s IS NOT NULL THEN
                         UPDATE tenant_acme.users SET is_active = {to} WHERE id = u;
                         UPDATE tenant_acme.ai_sessions SET status = CASE WHEN {from} THEN 'active' ELSE 'failed' END
                             WHERE id = s;
                     END IF;"
                )
            };
            let sql = format!(
                "DO $$ DECLARE u tenant_acme.users.id%TYPE; s tenant_acme.ai_sessions.id%TYPE; BEGIN
                     FOR i IN 1..100000 LOOP
                         IF random() < 0.5 THEN {} ELSE {} END IF;
                         COMMIT;
                     END LOOP;
                 END $$",
                moved("true", "false"),
                moved("false", "true")
            );
            command.arg(sql).stdin(Stdio::null()).stdout(Stdio::null());
            command
        }
        Engine::Sqlite => {
            let mut command = Command::new("sqlite3");
            command.args(["-batch", "-bail", "-cmd", ".timeout 600000"]).arg(site.tenant_file("acme"));
            let moved = |from: u8, to: u8, status: &str, is: &str| {
                format!(
                    "BEGIN IMMEDIATE;
                     UPDATE users SET is_active = {to} WHERE id = (SELECT id FROM users WHERE is_active = {from} LIMIT 1);
                     UPDATE ai_sessions SET status = '{status}' WHERE changes() = 1 AND id =
                         (SELECT id FROM ai_sessions WHERE status {is} 'active' ORDER BY random() LIMIT 1);
                     COMMIT;"
                )
            };
            let sql = (moved(1, 0, "active", "<>") + &moved(0, 1, "failed", "=")).repeat(5_000);
            // Written once: to write it again would cut it off for those who read it already.
            let script = site.path("writer.sql");
            if !script.exists() {
                site.write("writer.sql", sql);
            }
            command.stdin(std::fs::File::open(script).expect("the script")).stdout(Stdio::null());
            command
        }
    }
}

/// What every transaction of the writers leaves as it is.
fn conserved(site: &Site, tenant: &str) -> String {
    let active = if site.engine() == Engine::Postgres { "is_active" } else { "is_active = 1" };
    site.value(
        tenant,
        &format!(
            "SELECT (SELECT count(*) FROM users WHERE {active}) + \
             (SELECT count(*) FROM ai_sessions WHERE status = 'active')"
        ),
    )
}

fn a_backup_under_writers_is_of_one_moment(site: &Site) {
    backups::tenant(site, "acme");
    let (wanted, before) = (conserved(site, "acme"), contents(site, "acme"));
    let mut writers: Vec<_> = (0..WRITERS).map(|_| writer(site).spawn().expect("a writer")).collect();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let ids: Vec<String> = (0..rounds(site))
        .map(|round| {
            let kind = if round % 5 == 0 { "full" } else { "incremental" };
            let line = format!("backup create --tenant acme --backup-type {kind} -o json");
            backups::snapshot(&run(site, &line).code(0))
        })
        .collect();
    for writer in &mut writers {
        // On SQLite they come to an end by themselves, and must not have failed.
        let ended = writer.try_wait().expect("the writer's state");
        assert!(ended.is_none_or(|status| status.success()), "a writer failed");
        writer.kill().expect("the writer ends");
        writer.wait().expect("the writer ended");
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(conserved(site, "acme"), wanted);
    assert!(contents(site, "acme") != before, "the writers wrote");
    for (number, id) in ids.iter().enumerate() {
        let copy = format!("copy{number}");
        run(site, &format!("backup restore {id} --tenant {copy}")).code(0);
        assert_eq!(conserved(site, &copy), wanted, "{id}");
    }
}

fn of_two_restores_one_is_refused(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(8_000));
    words::load(site, &file, "acme", "users").code(0);
    let then = contents(site, "acme");
    create(site, "acme", "");
    site.query("acme", "DELETE FROM users WHERE email LIKE 'user5%'");
    let mut first = site.spawn(["backup", "restore", "acme", "--yes"]);
    first.wait_for_stderr("started");
    run(site, "backup restore acme --yes").code(7).says(&["backup restore", "tester@"]);
    first.wait().code(0);
    assert_same(&contents(site, "acme"), &then);
}

fn far_fewer_rows_are_a_finding(site: &Site) {
    backups::tenant(site, "acme");
    create(site, "acme", "");
    site.query("acme", "DELETE FROM content_generated; DELETE FROM ai_sessions");
    run(site, "backup create --tenant acme").code(10).says(&["120 rows", "470", "--min-rows-ratio"]);
    // It is kept all the same, and the next one is compared with it.
    assert_eq!(backups::listed(site, "acme").len(), 2);
    std::thread::sleep(std::time::Duration::from_millis(1_010));
    create(site, "acme", "--min-rows-ratio 0");
    run(site, "backup verify --tenant acme").code(0);
}

#[test]
fn a_full_disk_is_told_and_nothing_half_written_stays() {
    let site = Site::postgres();
    words::init(&site, "acme");
    let file = site.write("users.csv", words::users(3_000));
    words::load(&site, &file, "acme", "users").code(0);
    let lines = ["backup create --tenant acme", "backup create --tenant acme --output-path out --archive tar"];
    for line in lines {
        backups::starved(&site, 32, line).code(1).says(&["large"]);
    }
    assert_eq!(backups::listed(&site, "acme"), [""; 0]);
    let left: Vec<_> = crate::support::site::files_below(&site.path("out"));
    assert!(left.is_empty(), "{left:?}");
    assert!(backups::parts(&site).is_empty(), "{:?}", backups::parts(&site));
    for line in lines {
        run(&site, line).code(0);
    }
    run(&site, "backup verify --tenant acme").code(0);
}

fn a_place_that_takes_nothing_is_named(site: &Site) {
    backups::tenant(site, "acme");
    let mut command = site.command();
    command.env("BACKUP_STORAGE_PATH", "/sys/fixtool").args(["backup", "create", "--tenant", "acme"]);
    let refused = site.start(command).wait();
    assert!(matches!(refused.code, 1 | 4 | 5), "{refused}");
    refused.says(&["/sys/fixtool"]);
    let refused = run(site, "backup create --tenant acme --output-path /sys/fixtool");
    assert!(matches!(refused.code, 1 | 4 | 5), "{refused}");
    refused.says(&["/sys/fixtool"]);
}

on_both_engines!(
    a_backup_under_writers_is_of_one_moment,
    of_two_restores_one_is_refused,
    far_fewer_rows_are_a_finding,
    a_place_that_takes_nothing_is_named,
);
