//! Every command on one tenant, dry runs too, in an order in which each finds something to do.

use super::scene::Scene;
use crate::support::{often, words};

/// Runs all of them.
pub fn all(scene: &mut Scene, tenant: &str) {
    taking(scene, tenant);
    moving(scene, tenant);
}

/// Runs those that look at a tenant, back it up and load it.
pub fn taking(scene: &mut Scene, tenant: &str) {
    looking(scene, tenant);
    and_undo(scene, &format!("tenant set-tier {tenant} professional"), &format!("--confirm {tenant}"));
    backing_up(scene, tenant);
    loading(scene, tenant);
}

/// Runs those after which a tenant is another one, or somewhere else.
pub fn moving(scene: &mut Scene, tenant: &str) {
    restoring(scene, tenant);
    managing(scene, tenant);
}

/// Runs those that read and write rows; all of them in a thorough run.
pub fn most(scene: &mut Scene, tenant: &str) {
    if often(0, 1) == 1 {
        return all(scene, tenant);
    }
    looking(scene, tenant);
    both(scene, &format!("backup create --tenant {tenant}"), "--yes");
    scene.run(&format!("backup verify --tenant {tenant} --newest --level live --yes"));
    writing(scene, tenant);
    and_undo(scene, &format!("tenant drop {tenant}"), &format!("--confirm {tenant}"));
}

/// Runs those that write rows; all of them in a thorough run.
pub fn writing(scene: &mut Scene, tenant: &str) {
    if often(0, 1) == 1 {
        return all(scene, tenant);
    }
    files(scene);
    let confirm = format!("--confirm {tenant}");
    let load =
        |file: &str, kinds: &str, more: &str| format!("data load {file} --tenant {tenant} --data-types {kinds} {more}");
    scene.run(&format!("backup create --tenant {tenant} --yes"));
    and_undo(
        scene,
        &load("more.csv", "users", "--on-conflict overwrite --on-error reject --rejects rejects"),
        &confirm,
    );
    and_undo(scene, &load("first.csv", "users", "--mode incremental --delete-missing"), &confirm);
    scene.run(&load("seed/users.csv", "users", "--on-conflict skip --yes"));
    and_undo(scene, &load("seed", "ai_sessions,content", ""), &confirm);
    and_undo(scene, &format!("backup restore {tenant} --tables users"), &confirm);
}

/// Runs those that read rows; all of them in a thorough run.
pub fn reading(scene: &mut Scene, tenant: &str) {
    if often(0, 1) == 1 {
        return all(scene, tenant);
    }
    files(scene);
    looking(scene, tenant);
    both(scene, &format!("backup create --tenant {tenant}"), "--yes");
    both(scene, &format!("data load more.csv --tenant {tenant} --data-types users --on-conflict overwrite"), "--yes");
    both(scene, &format!("tenant clone {tenant} copy"), "--yes");
    both(scene, &format!("tenant drop {tenant}"), &format!("--confirm {tenant}"));
}

/// Runs those that read and write rows of one table, which is loaded from the file of its name.
pub fn of_one_table(scene: &mut Scene, tenant: &str, table: &str) {
    let confirm = format!("--confirm {tenant}");
    both(scene, &format!("data export --tenant {tenant} --output-dir out"), "--yes");
    both(scene, &format!("backup create --tenant {tenant}"), "--yes");
    for level in ["live", "drill"] {
        both(scene, &format!("backup verify --tenant {tenant} --newest --level {level}"), "--yes");
    }
    let load = format!("data load {table}.csv --tenant {tenant} --data-types {table}");
    for more in ["--on-conflict overwrite", "--on-conflict merge", "--mode incremental --delete-missing"] {
        and_undo(scene, &format!("{load} {more}"), &confirm);
    }
    and_undo(scene, &format!("backup restore {tenant} --tables {table}"), &confirm);
    and_undo(scene, &format!("backup restore {tenant}"), &confirm);
    and_undo(scene, &format!("tenant drop {tenant}"), &confirm);
}

/// Runs a line as a dry run and for good, and takes back what it did, the same way.
fn and_undo(scene: &mut Scene, line: &str, consent: &str) {
    scene.begun();
    both(scene, line, consent);
    if let Some(run) = scene.begun() {
        both(scene, &format!("op undo {run}"), consent);
    }
}

/// A dry run first, then for good.
fn both(scene: &mut Scene, line: &str, consent: &str) {
    // Most plans look at no more than the catalog.
    let looks = ["data", "backup create", "backup restore", "op", "tenant adopt"];
    if often(0, 1) == 1 || looks.iter().any(|start| line.starts_with(start)) {
        scene.run(&format!("{line} --dry-run"));
    }
    scene.run(&format!("{line} {consent}"));
}

fn looking(scene: &mut Scene, tenant: &str) {
    scene.run("doctor");
    scene.run("tenant list");
    scene.run(&format!("tenant show {tenant}"));
    both(scene, &format!("pack introspect tenant_{tenant} --name looked --output-path packs/looked"), "--yes");
    both(scene, &format!("data export --tenant {tenant} --output-dir out"), "--yes");
    scene.run(&format!("data export --tenant {tenant} --format ndjson --mask-pii --output-dir masked --yes"));
}

fn backing_up(scene: &mut Scene, tenant: &str) {
    both(scene, &format!("backup create --tenant {tenant}"), "--yes");
    scene.run(&format!("backup create --tenant {tenant} --backup-type incremental --yes"));
    scene.run("backup create --all --yes");
    scene.run(&format!("backup create --tenant {tenant} --output-path archives --yes"));
    scene.run(&format!("backup create --tenant {tenant} --tables users --yes"));
    scene.run("backup list");
    let levels: &[&str] =
        if often(0, 1) == 1 { &["list", "quick", "data", "live", "drill"] } else { &["live", "drill"] };
    for level in levels {
        both(scene, &format!("backup verify --tenant {tenant} --newest --level {level}"), "--yes");
    }
}

/// The files that are loaded.
fn files(scene: &Scene) {
    let site = &scene.site;
    words::fixtures(site, "seed");
    // The first 20 users are there already.
    site.write("first.csv", words::users(20));
    site.write("more.csv", words::users(25).replace("example.com", "example.org"));
    let users = words::users(24);
    let twice = users.lines().last().expect("a user");
    site.write("bad.csv", format!("{users}{twice}\n"));
}

fn loading(scene: &mut Scene, tenant: &str) {
    files(scene);
    let load =
        |file: &str, kinds: &str, more: &str| format!("data load {file} --tenant {tenant} --data-types {kinds} {more}");
    let confirm = format!("--confirm {tenant}");
    let all: &[&str] =
        if often(0, 1) == 1 { &["error", "skip", "merge", "overwrite", "newest"] } else { &["merge", "overwrite"] };
    for conflict in all {
        let more = format!("--on-conflict {conflict} --on-error reject --rejects rejects");
        and_undo(scene, &load("more.csv", "users", &more), &confirm);
    }
    and_undo(scene, &load("more.csv", "users", "--mode incremental"), &confirm);
    and_undo(scene, &load("first.csv", "users", "--mode incremental --delete-missing"), &confirm);
    stopping(scene, &load("bad.csv", "users", "--on-conflict overwrite --batch-size 5"), &confirm);
    scene.run(&load("seed/users.csv", "users", "--on-conflict skip --yes"));
    // These tables are empty.
    and_undo(scene, &load("seed", "ai_sessions,content", ""), &confirm);
    scene.run(&load("seed", "ai_sessions,content", "--yes"));
    scene.run("op log");
    scene.run("op verify");
}

/// A load that stops in the middle, behind batches that are durable, and how it is gone on with and taken back.
fn stopping(scene: &mut Scene, line: &str, confirm: &str) {
    scene.begun();
    both(scene, line, "--yes");
    let Some(run) = scene.begun() else { return };
    both(scene, &format!("op resume {run}"), "--yes");
    scene.run(&format!("op show {run}"));
    both(scene, &format!("op undo {run}"), confirm);
}

fn restoring(scene: &mut Scene, tenant: &str) {
    scene.run(&format!("backup create --tenant {tenant} --yes"));
    let confirm = format!("--confirm {tenant}");
    both(scene, &format!("backup restore {tenant} --tenant beside"), "--yes");
    both(scene, "tenant drop beside", "--confirm beside --no-safety-backup");
    and_undo(scene, &format!("backup restore {tenant} --tables users,ai_sessions"), &confirm);
    and_undo(scene, &format!("backup restore {tenant}"), &confirm);
    both(scene, &format!("backup prune --tenant {tenant} --keep-last 1"), &confirm);
}

fn managing(scene: &mut Scene, tenant: &str) {
    let confirm = format!("--confirm {tenant}");
    both(scene, &format!("tenant clone {tenant} copy"), "--yes");
    both(scene, "tenant drop copy", "--confirm copy --no-safety-backup");
    // To take and to give the rights on every trap takes seconds.
    if often(0, 1) == 1 {
        and_undo(scene, &format!("tenant suspend {tenant}"), "--yes");
    }
    scene.run(&format!("tenant suspend {tenant} --yes"));
    both(scene, &format!("tenant resume {tenant}"), "--yes");
    and_undo(scene, &format!("tenant rename {tenant} {tenant}-2"), "--yes");
    and_undo(scene, &format!("tenant drop {tenant}"), &confirm);
    both(scene, &format!("tenant drop {tenant} --keep-data"), &confirm);
    let adopt = format!("tenant adopt {tenant} --namespace tenant_{tenant} --tier enterprise");
    and_undo(scene, &format!("{adopt} --version 1.0.0"), "--yes");
}
