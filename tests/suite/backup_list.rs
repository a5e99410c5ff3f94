//! `fixtool backup list`, as it is typed.

use crate::support::{Site, backups, on_both_engines};
use backups::{create, run};

fn snapshots_are_listed_also_of_tenants_that_are_gone(site: &Site) {
    let empty = run(site, "backup list").code(0);
    assert!(empty.stdout.contains("no repository yet"), "{empty}");
    assert!(!backups::repository(site).exists(), "looking makes nothing");
    for tenant in ["acme", "beta"] {
        backups::tenant(site, tenant);
    }
    let first = create(site, "acme", "");
    let second = create(site, "acme", "--backup-type incremental --tag before-launch");
    let other = create(site, "beta", "--compression gzip");
    run(site, "tenant drop acme --no-safety-backup --confirm acme").code(0);

    let list = run(site, "backup list -o json").code(0).json();
    let field = |name: &str| -> Vec<String> {
        list["snapshots"].as_array().unwrap().iter().map(|one| one[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(field("id"), [first.clone(), second.clone(), other.clone()]);
    assert_eq!(field("tenant"), ["acme", "acme", "beta"]);
    let told = &list["snapshots"][1]["told"];
    assert_eq!((&told["kind"], &told["rows"]), (&"incremental".into(), &470.into()));
    assert_eq!(told["tags"], serde_json::json!(["before-launch"]));
    assert_eq!(backups::listed(site, "beta"), [other]);
    assert_eq!(backups::listed(site, "nobody"), [""; 0]);
    let table = run(site, "backup list --tenant acme").code(0);
    assert!(table.stdout.contains(&first) && table.stdout.contains(&second) && table.stdout.contains("2 snapshots"));
}

/// The first place that works is used, and the failure of those before it is told.
fn the_next_place_is_used_when_one_does_not_work(site: &Site) {
    backups::tenant(site, "acme");
    let file = site.write("in-the-way", "a file");
    let both = format!("{},{}", file.join("backups").display(), site.path("second").display());
    let mut command = site.command();
    command.env("BACKUP_STORAGE_PATH", &both).args(["backup", "create", "--tenant", "acme"]);
    let made = site.start(command).wait().code(0);
    assert!(made.stdout.contains("in-the-way") && made.stdout.contains("is passed over"), "{made}");
    assert!(made.stdout.contains(&format!("it is stored in {}", site.path("second").display())), "{made}");
    assert!(site.path("second/fixtool-repository.json").exists());
    let mut command = site.command();
    command.env("BACKUP_STORAGE_PATH", file.join("backups")).args(["backup", "create", "--tenant", "acme"]);
    let refused = site.start(command).wait();
    assert!(matches!(refused.code, 1 | 4 | 5), "{refused}");
    refused.says(&["in-the-way"]);
}

on_both_engines!(snapshots_are_listed_also_of_tenants_that_are_gone, the_next_place_is_used_when_one_does_not_work);
