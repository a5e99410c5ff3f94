//! `fixtool backup keygen`, as it is typed, and what keys open afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::site::files_below;
use crate::support::{Site, TestEnvironment, backups, on_both_engines};
use backups::{assert_same, contents, create, run};

/// The public half of a key file.
fn public(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a key file");
    text.lines().next().and_then(|line| line.strip_prefix("# public key: ")).expect("its public half").to_owned()
}

fn configure(site: &Site, recipients: &str, identities: &str) {
    site.write("fixtool.toml", format!("[backup]\nrecipients = [{recipients}]\nidentities = [{identities}]\n"));
}

#[test]
fn a_key_is_private_and_never_written_over() {
    let site = TestEnvironment::new();
    site.line("fixtool backup keygen --dry-run").code(0);
    assert!(!site.path("backup-key.txt").exists());
    let made = site.line("fixtool backup keygen --yes").code(0);
    let path = site.path("backup-key.txt");
    let key = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = key.lines().last().unwrap();
    assert!(secret.starts_with("AGE-SECRET-KEY-1") && key.contains("# public key: age1"));
    assert!(!made.stdout.contains(secret) && !made.stderr.contains(secret), "the secret is never shown");
    assert!(made.stdout.contains(&public(&path)) || made.stderr.contains(&public(&path)), "{made}");
    site.line("fixtool backup keygen --yes").code(6).says(&["exists already"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), key);
    site.line("fixtool backup keygen --output-path other.txt --yes").code(0);
    site.line("fixtool backup keygen --output-path no/such/folder.txt --yes").code(1).says(&["cannot be written"]);
    assert_ne!(fs::read_to_string(site.path("other.txt")).unwrap(), key);
}

fn backups_are_sealed_as_soon_as_there_is_somebody_to_open_them(site: &Site) {
    backups::tenant(site, "acme");
    run(site, "backup keygen --yes").code(0);
    run(site, "backup keygen --output-path stranger.txt --yes").code(0);
    let ours = format!("{:?}", public(&site.path("backup-key.txt")));

    // Only the public half is here: backups are made, listed, and looked through, and none is restored.
    configure(site, &ours, "");
    let id = create(site, "acme", "");
    assert_eq!(backups::listed(site, "acme"), [id]);
    let list = run(site, "backup list -o json").code(0).json();
    assert_eq!(
        (&list["snapshots"][0]["told"]["sealed"], &list["snapshots"][0]["told"]["rows"]),
        (&true.into(), &470.into())
    );
    let again = run(site, "backup create --tenant acme --backup-type incremental -o json").code(0);
    assert_eq!(backups::counted(&again, "bytes_written"), 0, "{again}");
    run(site, "backup verify --tenant acme --level quick").code(0);
    let refused = run(site, "backup restore acme --tenant copy").code(1);
    assert!(refused.stderr.contains("key"), "{refused}");
    assert!(!site.has_namespace("copy"));
    // Reading rows takes the key; that it is elsewhere is no damage.
    run(site, "backup verify --tenant acme --level data").code(1).says(&["key"]);
    nothing_lies_in_the_open(site);

    configure(site, &ours, "'stranger.txt'");
    run(site, "backup restore acme --tenant copy").code(1).says(&["key"]);
    configure(site, &ours, "'missing.txt'");
    run(site, "backup restore acme --tenant copy").code(1).says(&["missing.txt"]);
    assert!(!site.has_namespace("copy"));
    configure(site, &ours, "'stranger.txt', 'backup-key.txt'");
    run(site, "backup restore acme --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "acme"));
    run(site, "backup create --tenant acme --no-encryption").code(0);
}

/// No text of a row is in a file of the repository, nor in any that others could read.
fn nothing_lies_in_the_open(site: &Site) {
    let known = ["example.com", "Fernández", "playlist", "users", "email"];
    for file in files_below(&backups::repository(site)) {
        let bytes = fs::read(&file).unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
        for text in known {
            let found = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!found, "{text} lies in {}", file.display());
        }
    }
}

fn a_lost_key_is_told_and_another_tenants_key_opens_nothing(site: &Site) {
    backups::tenant(site, "acme");
    backups::tenant(site, "beta");
    run(site, "backup keygen --yes").code(0);
    let ours = format!("{:?}", public(&site.path("backup-key.txt")));
    configure(site, &ours, "'backup-key.txt'");
    for tenant in ["acme", "beta"] {
        create(site, tenant, "");
    }
    let keys = backups::repository(site).join("keys");
    let (acme, beta) = (keys.join("acme/1.age"), keys.join("beta/1.age"));
    let kept = fs::read(&acme).expect("the sealed key of acme");
    fs::copy(&beta, &acme).unwrap();
    let wrong = run(site, "backup restore acme --tenant copy");
    assert!(matches!(wrong.code, 1 | 10) && !site.has_namespace("copy"), "{wrong}");
    wrong.code(1).says(&["key"]);
    fs::remove_file(&acme).unwrap();
    run(site, "backup restore acme --tenant copy").code(1).says(&["key"]);
    // The neighbour is as it was, and the key helps again as soon as it is back.
    run(site, "backup restore beta --tenant beta2").code(0);
    fs::write(&acme, kept).unwrap();
    run(site, "backup restore acme --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "acme"));
}

/// Keys are lost and replaced: from the next backup on, who is named now can open it.
fn a_backup_is_sealed_for_those_who_are_named_now(site: &Site) {
    backups::tenant(site, "acme");
    let mut keys = Vec::new();
    for name in ["old.txt", "new.txt"] {
        run(site, &format!("backup keygen --output-path {name} --yes")).code(0);
        keys.push(format!("{:?}", public(&site.path(name))));
        configure(site, keys.last().unwrap(), "");
        create(site, "acme", "");
    }
    configure(site, &keys[1], "'new.txt'");
    run(site, "backup restore acme --tenant with_new").code(0);
    // An increment rests on a snapshot that cannot be opened here: all of it is stored again.
    let id = create(site, "acme", "--backup-type incremental");
    run(site, &format!("backup restore {id} --tenant from_increment")).code(0);
    site.write("fixtool.toml", "");
    for (number, words) in ["first words", "second words"].into_iter().enumerate() {
        let restore = format!("backup restore acme --tenant with_words{number}");
        for line in ["backup create --tenant acme", &restore] {
            let mut command = site.command();
            command.env("BACKUP_ENCRYPTION_KEY", words).args(line.split(' '));
            site.start(command).wait().code(0);
            std::thread::sleep(std::time::Duration::from_millis(1_010));
        }
    }
    assert_same(&contents(site, "with_words1"), &contents(site, "acme"));
}

on_both_engines!(
    a_backup_is_sealed_for_those_who_are_named_now,
    backups_are_sealed_as_soon_as_there_is_somebody_to_open_them,
    a_lost_key_is_told_and_another_tenants_key_opens_nothing,
);
