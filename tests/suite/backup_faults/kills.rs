//! Creating and restoring, killed at many moments each, while readers count.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::{assert_same, contents, create, run};
use crate::support::{Engine, Site, backups, often, on_both_engines, words};

const ROWS: u64 = 6_000;

/// At how many moments each is killed.
fn moments(site: &Site) -> u32 {
    if site.engine() == Engine::Postgres { often(8, 20) } else { often(6, 10) }
}

fn filled(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(ROWS));
    words::load(site, &file, "acme", "users").code(0);
}

/// Each moment lies somewhere else in its part of the run.
fn place(moment: u32, moments: u32) -> f64 {
    (f64::from(moment) + f64::from(moment * 7 % 10) / 10.0) / f64::from(moments)
}

fn a_backup_that_is_killed_is_not_listed_and_made_again(site: &Site) {
    filled(site);
    let took = run(site, "backup create --tenant acme").code(0).took;
    let (mut killed, moments) = (0, moments(site));
    for moment in 0..moments {
        site.query("acme", &format!("UPDATE users SET name = 'at {moment}'"));
        let making = site.spawn(["backup", "create", "--tenant", "acme"]);
        killed += u32::from(making.kill_after(took.mul_f64(place(moment, moments))));
        words::let_leases_expire(site);
        run(site, "backup verify --tenant acme --max-age 1d").code(0);
        create(site, "acme", "");
    }
    assert!(killed >= moments / 4, "{killed} of {moments} runs were killed in the middle");
    assert!(backups::listed(site, "acme").len() > usize::try_from(moments).expect("a small number"));
    run(site, "backup verify --tenant acme").code(0);
    run(site, "backup restore acme --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "acme"));
}

/// What a run leaves that is killed in its last moment: every part, and no manifest.
fn what_a_killed_run_left_is_used_again(site: &Site) {
    filled(site);
    run(site, "backup keygen --yes").code(0);
    let key = site.read("backup-key.txt");
    let public = key.lines().next().and_then(|line| line.split(' ').next_back()).expect("the public half");
    site.write("fixtool.toml", format!("[backup]\nrecipients = ['{public}']\n"));
    for more in ["--encryption", "--no-encryption --compression gzip"] {
        let line = format!("backup create --tenant acme -o json {more}");
        let first = run(site, &line).code(0);
        let id = backups::snapshot(&first);
        let manifest = backups::repository(site).join(format!("tenants/acme/snapshots/{id}.manifest"));
        std::fs::remove_file(manifest).expect("the manifest goes");
        assert_eq!(backups::listed(site, "acme"), [""; 0]);
        let (parts, again) = (backups::parts(site), run(site, &line).code(0));
        assert_eq!(backups::counted(&again, "bytes_written"), 0, "{again}");
        assert_eq!(backups::counted(&again, "parts_reused"), backups::counted(&first, "parts_written"));
        assert_eq!(backups::parts(site), parts);
        let id = backups::snapshot(&again);
        std::fs::remove_file(backups::repository(site).join(format!("tenants/acme/snapshots/{id}.manifest")))
            .expect("the manifest goes");
    }
}

/// Counts users until it is told to stop: how often, and what it read that was none of these.
fn count_until(site: &Site, stop: &AtomicBool, counted: &AtomicU32, right: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let file = if site.engine() == Engine::Sqlite { Some(site.tenant_file("acme")) } else { None };
    while !stop.load(Ordering::Relaxed) {
        let output = match &file {
            None => {
                let url = site.database().url();
                let sql = "SELECT count(*) FROM tenant_acme.users";
                Command::new("psql").args(["-X", "-q", "-At", "-d", &url, "-c", sql]).output()
            }
            Some(file) => {
                let look = ["-batch", "-bail", "-readonly", "-cmd", ".timeout 10000"];
                Command::new("sqlite3").args(look).arg(file).arg("SELECT count(*) FROM users").output()
            }
        };
        let output = output.expect("a reader");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            wrong.push(String::from_utf8_lossy(&output.stderr).into_owned());
        } else if !right.contains(&text) {
            wrong.push(text);
        }
        counted.fetch_add(1, Ordering::Relaxed);
    }
    wrong
}

/// What came of a restore that was killed: it is gone on with to its end, and taken back.
fn gone_on_with(site: &Site, before: Option<&String>, then: &backups::Contents, later: &backups::Contents) -> bool {
    let found = contents(site, "acme");
    assert!(found == *then || found == *later, "the living tenant was harmed");
    let run_id = words::newest_run(site).filter(|run| Some(run) != before);
    let resumed = match &run_id {
        Some(run) if !words::is_done(site, run) => {
            site.fixtool(["op", "resume", run, "--yes"]).code(0);
            true
        }
        Some(_) => false,
        None => {
            run(site, "backup restore acme --yes").code(0);
            false
        }
    };
    assert_same(&contents(site, "acme"), then);
    let done = words::done_run(site, "backup.restore");
    site.fixtool(["op", "undo", &done, "--confirm", "acme"]).code(0);
    assert_same(&contents(site, "acme"), later);
    assert_eq!(backups::namespaces_beside(site), [""; 0]);
    resumed
}

fn a_restore_that_is_killed_harms_nobody(site: &Site) {
    filled(site);
    let then = contents(site, "acme");
    create(site, "acme", "");
    site.query("acme", "DELETE FROM users WHERE email LIKE 'user5%'");
    let later = contents(site, "acme");
    let right = [ROWS.to_string(), site.count("acme", "users").to_string()];
    let took = run(site, "backup restore acme --yes").code(0).took;
    let done = words::done_run(site, "backup.restore");
    site.fixtool(["op", "undo", &done, "--confirm", "acme"]).code(0);
    let (stop, counted) = (AtomicBool::new(false), AtomicU32::new(0));
    let (mut killed, mut resumed, moments) = (0, 0, moments(site));
    let wrong = std::thread::scope(|scope| {
        let reader = scope.spawn(|| count_until(site, &stop, &counted, &right));
        let watched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for moment in 0..moments {
                let before = words::newest_run(site);
                let restore = site.spawn(["backup", "restore", "acme", "--yes"]);
                killed += u32::from(restore.kill_after(took.mul_f64(place(moment, moments))));
                words::let_leases_expire(site);
                resumed += u32::from(gone_on_with(site, before.as_ref(), &then, &later));
            }
        }));
        stop.store(true, Ordering::Relaxed);
        let wrong = reader.join().expect("the reader");
        watched.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        wrong
    });
    assert!(wrong.is_empty(), "of {} counts: {wrong:?}", counted.into_inner());
    assert!(counted.into_inner() > moments, "the readers counted");
    assert!(killed >= moments / 4, "{killed} of {moments} runs were killed in the middle");
    assert!(resumed >= 1, "{resumed} runs were resumed");
}

/// PostgreSQL fills a table of more than 32 MiB over two connections, each in a transaction of its own.
#[test]
fn a_large_table_that_is_half_filled_is_filled_anew() {
    let site = Site::postgres();
    filled(&site);
    site.query(
        "acme",
        "UPDATE users SET preferences = (SELECT jsonb_object_agg(n, md5(users.id::text || n)) FROM generate_series(1, 150) n)",
    );
    create(&site, "acme", "");
    let digest = |tenant: &str| {
        site.value(tenant, "SELECT count(*) || ':' || sum(hashtextextended(u::text, 0)) || ':' || sum(length(preferences::text)) FROM users u")
    };
    let wanted = digest("acme");
    assert!(wanted.rsplit(':').next().and_then(|size| size.parse().ok()) > Some(33 << 20), "{wanted}");
    let took = run(&site, "backup restore acme --tenant first").code(0).took;
    assert_eq!(digest("first"), wanted);
    let mut killed = 0;
    for moment in 0..often(4, 12) {
        let before = words::newest_run(&site);
        let copy = format!("copy{moment}");
        let restore = site.spawn(["backup", "restore", "acme", "--tenant", &copy, "--yes"]);
        killed += u32::from(restore.kill_after(took.mul_f64(place(moment, often(4, 12)))));
        words::let_leases_expire(&site);
        match words::newest_run(&site).filter(|run| Some(run) != before.as_ref()) {
            Some(run) if !words::is_done(&site, &run) => drop(site.fixtool(["op", "resume", &run, "--yes"]).code(0)),
            Some(_) => {}
            None => drop(run(&site, &format!("backup restore acme --tenant {copy}")).code(0)),
        }
        assert_eq!(digest(&copy), wanted, "moment {moment}");
    }
    assert!(killed > 0, "one of the runs was killed in the middle");
}

on_both_engines!(
    a_backup_that_is_killed_is_not_listed_and_made_again,
    what_a_killed_run_left_is_used_again,
    a_restore_that_is_killed_harms_nobody
);
