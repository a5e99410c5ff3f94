//! `fixtool backup verify`, as it is typed: every kind of damage is found, and the living tenant is told apart from it.

use std::fs;

use crate::support::{Output, Site, backups, on_both_engines, words};
use backups::{create, run};

fn at(site: &Site, level: &str) -> Output {
    run(site, &format!("backup verify --tenant acme --level {level}"))
}

fn damaged(output: Output, words: &[&str]) {
    output.code(10).says(&["is damaged"]).says(words);
}

fn damage_is_found_and_named(site: &Site) {
    backups::tenant(site, "acme");
    let id = create(site, "acme", "--compression none");
    for level in ["list", "quick", "data", "live", "drill"] {
        at(site, level).code(0);
    }
    let parts = backups::parts(site);
    let [one, other, ..] = parts.as_slice() else { panic!("two parts at least: {parts:?}") };
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap()[..16].to_owned();
    let (first, second) = (fs::read(one).unwrap(), fs::read(other).unwrap());

    let mut flipped = first.clone();
    flipped[first.len() / 2] ^= 1;
    fs::write(one, &flipped).unwrap();
    at(site, "quick").code(0);
    damaged(at(site, "data"), &[&id, &name(one)]);
    let list = run(site, "backup list").code(0);
    assert!(list.stdout.contains("DAMAGED"), "{list}");
    run(site, "backup restore acme --tenant copy").code(10).says(&[&name(one)]);

    fs::write(one, &first[..first.len() - 1]).unwrap();
    damaged(at(site, "quick"), &[&id, &name(one)]);
    damaged(at(site, "data"), &[&id, &name(one)]);
    fs::remove_file(one).unwrap();
    damaged(at(site, "quick"), &[&name(one), "missing"]);
    damaged(at(site, "data"), &[&name(one), "missing"]);
    fs::write(one, &second).unwrap();
    fs::write(other, &first).unwrap();
    damaged(at(site, "data"), &[&name(one), &name(other)]);

    fs::write(one, &first).unwrap();
    fs::write(other, &second).unwrap();
    at(site, "data").code(0);
    let manifest = backups::repository(site).join(format!("tenants/acme/snapshots/{id}.manifest"));
    let mut bytes = fs::read(&manifest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&manifest, &bytes).unwrap();
    for level in ["list", "quick", "data"] {
        damaged(at(site, level), &[&id]);
    }
    let list = run(site, "backup list -o json").code(0).json();
    assert!(list["snapshots"][0]["problem"].is_string(), "{list}");
}

fn a_tenant_that_moved_on_says_nothing_against_its_snapshot(site: &Site) {
    backups::tenant(site, "acme");
    create(site, "acme", "");
    at(site, "data").code(0);
    site.query("acme", "UPDATE users SET name = 'moved' WHERE email LIKE 'user5@%'");
    let moved = run(site, "backup verify --tenant acme --level live -o json").code(10);
    assert!(moved.stderr.contains("fixtool::backup::verify::moved") || moved.stdout.contains("moved"), "{moved}");
    let list = run(site, "backup list -o json").code(0).json();
    assert_eq!(list["snapshots"][0]["verified"]["problems"], serde_json::json!([]), "{list}");
    at(site, "data").code(0);
}

fn a_drill_leaves_nothing_behind(site: &Site) {
    backups::tenant(site, "acme");
    create(site, "acme", "");
    let before = backups::contents(site, "acme");
    at(site, "drill").code(0);
    assert_eq!(backups::namespaces_beside(site), [""; 0]);
    backups::assert_same(&backups::contents(site, "acme"), &before);
    fs::remove_file(&backups::parts(site)[0]).unwrap();
    damaged(at(site, "drill"), &["missing"]);
    assert_eq!(backups::namespaces_beside(site), [""; 0]);
}

fn young_results_are_believed(site: &Site) {
    backups::tenant(site, "acme");
    let first = create(site, "acme", "");
    at(site, "data").code(0);
    let second = create(site, "acme", "");
    let again = run(site, "backup verify --tenant acme --max-age 7d").code(0);
    assert!(again.stderr.contains(&first) && again.stderr.contains("was found right lately"), "{again}");
    assert!(again.stderr.contains(&format!("read every byte of {second}")), "{again}");
    // Neither an older nor a shallower result will do.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let again = run(site, "backup verify --tenant acme --max-age 1s").code(0);
    assert!(again.stderr.contains(&format!("read every byte of {first}")), "{again}");
    let deeper = run(site, "backup verify --tenant acme --max-age 7d --newest --level drill").code(0);
    assert!(!deeper.stderr.contains(&first) && deeper.stderr.contains(&second), "{deeper}");
    run(site, &format!("backup verify {}", &first[..17])).code(0);
    run(site, "backup verify 1999").code(2).says(&["there is no snapshot '1999'"]);
    run(site, "backup verify --tenant nobody").code(2);
}

/// Damage of an archive, on whichever level, is a finding with the same words and the same exit code.
fn an_archive_is_verified_like_a_snapshot(site: &Site) {
    backups::tenant(site, "acme");
    words::seal_backups(site);
    let made = run(site, "backup create --tenant acme --output-path archives -o json").code(0);
    let path = backups::archive(&made);
    let name = path.strip_prefix(site.work()).unwrap_or(&path).display().to_string();
    // The archive is enough: there is no repository, and none is made.
    let _ = fs::remove_dir_all(backups::repository(site));
    for level in ["list", "quick", "data", "live", "drill"] {
        run(site, &format!("backup verify {name} --level {level}")).code(0);
    }
    let told = run(site, &format!("backup verify {name} --tenant acme -o json")).code(0);
    assert!(backups::counted(&told, "bytes_read") > 0 && backups::counted(&told, "objects") > 3, "{told}");
    run(site, &format!("backup verify {name} --tenant other")).code(2).says(&["acme"]);
    assert!(backups::namespaces_beside(site).is_empty() && !backups::repository(site).exists());
    site.query("acme", "DELETE FROM content_generated");
    run(site, &format!("backup verify {name} --level live")).code(10).says(&["differs", "content_generated"]);
    run(site, &format!("backup verify {name} --level drill")).code(0);

    let config = site.read("fixtool.toml");
    site.write("fixtool.toml", config.replace("./key.txt", "./other.txt"));
    run(site, "backup keygen --output-path other.txt --yes").code(0);
    run(site, &format!("backup verify {name}")).code(1).says(&["key"]);
    site.write("fixtool.toml", config);

    let whole = fs::read(&path).unwrap();
    for at in [10, whole.len() / 3, whole.len() / 2, whole.len() - 5] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).unwrap();
        for level in ["list", "data"] {
            damaged(run(site, &format!("backup verify {name} --level {level}")), &[&name]);
        }
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    damaged(run(site, &format!("backup verify {name}")), &["no whole archive"]);
    fs::write(&path, &whole).unwrap();
    // A tenant that is gone needs no registry entry to be looked at.
    run(site, "tenant drop acme --confirm acme --no-safety-backup").code(0);
    run(site, &format!("backup verify {name} --level drill")).code(0);
    run(site, &format!("backup verify {name} --level live")).code(2);
    assert!(backups::namespaces_beside(site).is_empty());
}

fn a_row_that_is_stored_twice_is_found(site: &Site) {
    backups::tenant(site, "acme");
    site.query("acme", "ALTER TABLE users RENAME TO users_before");
    site.query("acme", "CREATE TABLE users AS SELECT * FROM users_before");
    create(site, "acme", "");
    at(site, "data").code(0);
    site.query("acme", "INSERT INTO users SELECT * FROM users_before WHERE email LIKE 'user5@%'");
    create(site, "acme", "");
    at(site, "quick").code(0);
    at(site, "data").code(10).says(&["users: 1 row has a key that another row has already"]);
}

on_both_engines!(
    a_row_that_is_stored_twice_is_found,
    an_archive_is_verified_like_a_snapshot,
    damage_is_found_and_named,
    a_tenant_that_moved_on_says_nothing_against_its_snapshot,
    a_drill_leaves_nothing_behind,
    young_results_are_believed,
);
