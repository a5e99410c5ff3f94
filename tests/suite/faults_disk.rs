//! A full disk is called a full disk, wherever it is met.

use std::process::Command;

use crate::support::{Output, Site, words};

/// Runs a script of commands with a small file system of its own at `folder`; `None`, said aloud, where this is not allowed.
fn on_a_small_disk(site: &Site, (folder, room): (&str, &str), script: &str) -> Option<Output> {
    let program = site.command();
    let mount = format!(
        "mkdir -p {folder} && mount -t tmpfs -o size={room},mode=0700 tmpfs {folder} || exit 99; set -u; {script}"
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]).env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("FIXTOOL", program.get_program()).current_dir(site.path("."));
    let output = site.start(command).wait();
    if output.code == 99 || output.stderr.contains("unshare failed") {
        println!("SKIPPED: this user may not mount a file system: {}", output.stderr);
        return None;
    }
    Some(output)
}

#[test]
fn a_full_disk_ends_a_load_on_sqlite_at_once() {
    let site = Site::sqlite();
    let users = site.write("users.csv", words::users(20_000));
    let script = format!(
        "$FIXTOOL tenant init acme --tier enterprise --version 1.0.0 --yes || exit 98; \
         $FIXTOOL data load {} --tenant acme --data-types users --yes",
        users.display()
    );
    let Some(output) = on_a_small_disk(&site, (".fixtool", "2500k"), &script) else { return };
    let output = output.code(1).says(&["full", "make room on the disk, then resume the run"]);
    assert!(!output.stderr.contains("tried again"), "{output}");
}

#[test]
fn a_full_disk_under_the_catalog_is_told_on_sqlite() {
    let site = Site::sqlite();
    let script = "$FIXTOOL tenant init acme --tier enterprise --version 1.0.0 --yes || exit 98; \
                  cat /dev/zero > .fixtool/ballast 2>/dev/null; \
                  $FIXTOOL tenant set-tier acme professional --yes; echo \"tier=$?\" >&2; \
                  rm .fixtool/ballast; $FIXTOOL tenant set-tier acme professional --yes; echo \"again=$?\" >&2; exit 0";
    let Some(output) = on_a_small_disk(&site, (".fixtool", "4m"), script) else { return };
    let output = output.code(0).says(&["full", "make room", "tier=1", "again=0"]);
    assert!(output.took < std::time::Duration::from_secs(20), "nothing was tried again and again:\n{output}");
}

#[test]
fn a_full_disk_under_the_backups_is_told() {
    let site = Site::sqlite();
    words::init(&site, "acme");
    words::seal_backups(&site);
    let users = site.write("users.csv", words::users(20_000));
    words::load(&site, &users, "acme", "users").code(0);
    let script = "$FIXTOOL backup create --tenant acme; code=$?; rm -f .fixtool/backups/*; exit $code";
    let Some(output) = on_a_small_disk(&site, (".fixtool/backups", "200k"), script) else { return };
    output.code(1).says(&["No space left on device", "free some space"]);
}

#[test]
fn a_full_disk_under_the_safety_copy_or_the_rejects_is_told() {
    let site = Site::sqlite();
    words::init(&site, "acme");
    let users = site.write("users.csv", words::users(20_000));
    words::load(&site, &users, "acme", "users").code(0);
    let script = format!(
        "$FIXTOOL data load {} --tenant acme --data-types users --on-conflict overwrite --yes",
        users.display()
    );
    if let Some(output) = on_a_small_disk(&site, (".fixtool/backups", "200k"), &script) {
        output.code(1).says(&["No space left on device", "nothing was destroyed"]);
    }
    let bad: String = "id,email,name\n".to_owned() + &"not a number,nobody,nothing\n".repeat(5_000);
    let bad = site.write("bad.csv", bad);
    let script = format!(
        "$FIXTOOL data load {} --tenant acme --data-types users --on-error reject --max-errors 100% --rejects rejects --yes",
        bad.display()
    );
    if let Some(output) = on_a_small_disk(&site, ("rejects", "100k"), &script) {
        output.code(1).says(&["the rejects file", "No space left on device", "make room"]);
    }
}

#[test]
fn a_full_disk_of_a_server_is_told() {
    let site = Site::postgres();
    words::init(&site, "acme");
    let full = |table: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION USING \
             ERRCODE = 'disk_full', MESSAGE = 'could not extend file: No space left on device'; END$$; \
             CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.full()"
        )
    };
    let file = site.write("users.csv", words::users(10));
    site.database().query(&full("tenant_acme.users"));
    let output = words::load(&site, &file, "acme", "users").code(1);
    assert!(output.took < std::time::Duration::from_secs(20), "{output}");
    output.says(&["No space left on device", "make room", "fixtool::database::full"]);
    site.database().query("DROP TRIGGER full_disk ON tenant_acme.users");

    site.database().query(&full("fixtool.run_step"));
    let output = words::load(&site, &file, "acme", "users").code(1);
    assert!(output.took < std::time::Duration::from_secs(20), "{output}");
    output.says(&["the disk of the catalog is full", "No space left on device"]);
    assert_eq!(site.count("acme", "users"), 0);
}
