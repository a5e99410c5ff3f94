//! `fixtool backup key …`, as it is typed, and what keys open afterwards; `age` itself is asked, too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::backup_bucket;
use crate::support::site::files_below;
use crate::support::{Output, Site, backups, on_both_engines};
use backups::{assert_same, contents, create, run};

/// The public half of a new key in a file of this name.
fn person(site: &Site, name: &str) -> String {
    run(site, &format!("backup keygen --output-path {name}.txt --yes")).code(0);
    let text = site.read(format!("{name}.txt"));
    text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("its public half").to_owned()
}

/// The configuration with these recipients, and the keys of these people at hand; what stood there before the backups stays.
fn configure(site: &Site, recipients: &[&str], people: &[&str]) {
    let identities: Vec<String> = people.iter().map(|name| format!("{name}.txt")).collect();
    let place = fs::read_to_string(site.path("place.toml")).unwrap_or_default();
    site.write("fixtool.toml", format!("[backup]\nrecipients = {recipients:?}\nidentities = {identities:?}\n{place}"));
}

/// Whether this person's key opens a sealed key, in the words of age.
fn opens(site: &Site, name: &str, sealed: &Path) -> bool {
    let mut age = Command::new("age");
    age.arg("-d").arg("-i").arg(site.path(format!("{name}.txt"))).arg(sealed);
    let done = age.stderr(Stdio::null()).output().expect("age");
    done.status.success() && String::from_utf8_lossy(&done.stdout).contains("AGE-SECRET-KEY-1")
}

fn sealed(site: &Site, tenant: &str, generation: u32) -> PathBuf {
    backups::repository(site).join(format!("keys/{tenant}/{generation}.age"))
}

fn list(site: &Site, tenant: &str) -> Vec<Value> {
    let view = run(site, &format!("backup key list --tenant {tenant} -o json")).code(0).json();
    view["tenants"][0]["generations"].as_array().cloned().unwrap_or_default()
}

fn recipients(generation: &Value) -> Vec<String> {
    let all = generation["recipients"].as_array().expect("recipients").iter();
    let mut all: Vec<String> = all.map(|one| one["key"].as_str().expect("a key").to_owned()).collect();
    all.sort();
    all
}

fn sorted(mut keys: Vec<&String>) -> Vec<String> {
    keys.sort();
    keys.into_iter().cloned().collect()
}

/// Panics unless the result says all of this; plans that were only shown are results.
#[track_caller]
fn tells(output: &Output, texts: &[&str]) {
    for text in texts {
        assert!(output.stdout.contains(text) || output.stderr.contains(text), "'{text}' is not said:\n{output}");
    }
}

/// Runs with passphrases in the environment.
fn with_words(site: &Site, words: &[(&str, &str)], line: &str) -> Output {
    let mut command = site.command();
    command.envs(words.iter().copied()).args(line.split(' '));
    site.start(command).wait()
}

fn who_is_added_opens_everything_and_who_is_removed_nothing_new(site: &Site) {
    backups::tenant(site, "acme");
    let (ann, eve) = (person(site, "ann"), person(site, "eve"));
    configure(site, &[&ann], &["ann"]);
    let first = create(site, "acme", "");
    let then = contents(site, "acme");
    assert!(!opens(site, "eve", &sealed(site, "acme", 1)));

    let before = files_below(&backups::repository(site));
    tells(&run(site, &format!("backup key add {eve} --tenant acme --dry-run")).code(0), &["dry run", "anew"]);
    assert!(!opens(site, "eve", &sealed(site, "acme", 1)));
    run(site, &format!("backup key add {eve} --tenant acme --yes")).code(0);
    assert_eq!(before, files_below(&backups::repository(site)), "one small file was written again, nothing came");
    assert!(opens(site, "eve", &sealed(site, "acme", 1)) && opens(site, "ann", &sealed(site, "acme", 1)));
    tells(&run(site, &format!("backup key add {eve} --tenant acme --yes")).code(0), &["nothing to do"]);
    assert_eq!(recipients(&list(site, "acme")[0]), sorted(vec![&ann, &eve]));
    // The machine goes on with its generation, and an increment stores nothing twice.
    let again = run(site, "backup create --tenant acme --backup-type incremental -o json").code(0);
    assert_eq!(backups::counted(&again, "bytes_written"), 0, "{again}");
    std::thread::sleep(Duration::from_millis(1_010));

    configure(site, &[&ann, &eve], &["ann"]);
    let planned = run(site, &format!("backup key remove {eve} --tenant acme --dry-run")).code(0);
    tells(&planned, &["backup.recipients still names", "generation 2"]);
    run(site, &format!("backup key remove {eve} --tenant acme --yes")).code(0);
    for generation in [1, 2] {
        assert!(opens(site, "ann", &sealed(site, "acme", generation)));
        assert!(!opens(site, "eve", &sealed(site, "acme", generation)), "generation {generation}");
    }
    // The configuration still names her, and the new backup is none of hers.
    let newest = create(site, "acme", "");
    configure(site, &[&ann, &eve], &["eve"]);
    for id in [&newest, &first] {
        let refused = run(site, &format!("backup restore {id} --tenant copy")).code(1);
        refused.says(&["key", "backup.identities"]);
        assert!(!site.has_namespace("copy"));
    }
    let known = list(site, "acme");
    assert_eq!((known.len(), &known[1]["removed"][0]), (2, &Value::from(eve.clone())));
    assert!(
        known.iter().all(|one| one["opens"] == false && one["seals"] == true && one["proven"] == true),
        "{known:?}"
    );
    // A rotation does not let her in again by accident; adding her does it on purpose.
    configure(site, &[&ann, &eve], &["ann"]);
    run(site, "backup key rotate --tenant acme --yes").code(6).says(&[&eve, "backup.recipients"]);
    run(site, &format!("backup restore {first} --tenant copy")).code(0);
    run(site, &format!("backup restore {newest} --tenant copy2")).code(0);
    assert_same(&contents(site, "copy"), &then);
    assert_same(&contents(site, "copy2"), &then);
    run(site, &format!("backup key add {eve} --tenant acme --yes")).code(0);
    run(site, "backup key rotate --tenant acme --yes").code(0);
    assert!(opens(site, "eve", &sealed(site, "acme", 3)));
    run(site, "backup verify --tenant acme").code(0);
}

fn a_change_takes_the_key_of_an_administrator_and_leaves_one(site: &Site) {
    backups::tenant(site, "acme");
    let (ann, eve) = (person(site, "ann"), person(site, "eve"));
    configure(site, &[&ann], &[]);
    run(site, &format!("backup key add {eve} --tenant acme --yes")).code(1).says(&["repository"]);
    create(site, "acme", "");
    let before = fs::read(sealed(site, "acme", 1)).unwrap();
    for people in [vec![], vec!["eve"]] {
        configure(site, &[&ann], &people);
        for line in [format!("add {eve}"), format!("remove {ann}"), "rotate".to_owned()] {
            let refused = run(site, &format!("backup key {line} --tenant acme --yes")).code(1);
            refused.says(&["backup.identities", "generation 1"]);
        }
    }
    configure(site, &[&ann], &["missing"]);
    run(site, &format!("backup key add {eve} --tenant acme --yes")).code(1).says(&["missing.txt"]);
    configure(site, &[&ann], &["ann"]);
    run(site, &format!("backup key remove {ann} --tenant acme --yes")).code(6).says(&["nobody else"]);
    run(site, &format!("backup key remove {eve} --tenant acme --yes")).code(6).says(&["no administrator"]);
    for wrong in ["age1nonsense", "nowhere.pub", "ann.txt"] {
        let refused = run(site, &format!("backup key add {wrong} --tenant acme --yes"));
        assert!(refused.code != 0 && !refused.stderr.contains("AGE-SECRET"), "{refused}");
    }
    run(site, &format!("backup key add {eve} --yes")).code(2);
    assert_eq!(fs::read(sealed(site, "acme", 1)).unwrap(), before, "nothing was written");
    // A sealed key that was exchanged for another tenant's is told and not used.
    backups::tenant(site, "beta");
    create(site, "beta", "");
    fs::copy(sealed(site, "beta", 1), sealed(site, "acme", 1)).unwrap();
    run(site, &format!("backup key add {eve} --tenant acme --yes")).code(10).says(&["another one"]);
    assert_eq!(list(site, "acme")[0]["opens"], false);
    fs::write(sealed(site, "acme", 1), before).unwrap();
    run(site, &format!("backup key add {eve} --tenant acme --yes")).code(0);
}

fn a_fleet_is_changed_at_once_and_tenants_that_are_gone_with_it(site: &Site) {
    for tenant in ["acme", "beta", "gone"] {
        backups::tenant(site, tenant);
    }
    let (ann, eve) = (person(site, "ann"), person(site, "eve"));
    configure(site, &[&ann, &eve], &["ann"]);
    for tenant in ["acme", "gone"] {
        create(site, tenant, "");
    }
    run(site, "tenant drop gone --confirm gone --no-safety-backup").code(0);
    site.write("eve.pub", format!("# leaves\n{eve}\n"));
    run(site, "backup key remove eve.pub --all --plan-out plan.json").code(0);
    run(site, "backup key remove --plan plan.json").code(0);
    for tenant in ["acme", "gone"] {
        for generation in [1, 2] {
            assert!(!opens(site, "eve", &sealed(site, tenant, generation)), "{tenant} {generation}");
        }
    }
    tells(&run(site, "op log").code(0), &["backup key remove"]);
    tells(&run(site, "backup key remove eve.pub --all --exclude beta --yes").code(0), &["nothing to do"]);
    run(site, "backup key rotate --tenant nobody --yes").code(2);
    let shown = run(site, "backup key list").code(0).stdout;
    assert!(
        shown.contains("gone") && shown.contains(&format!("removed: {eve}")) && !shown.contains("SECRET"),
        "{shown}"
    );
}

fn a_rotation_changes_the_administrators_and_the_passphrase(site: &Site) {
    backups::tenant(site, "acme");
    let (old, new) = ("BACKUP_OLD_ENCRYPTION_KEY", "BACKUP_ENCRYPTION_KEY");
    with_words(site, &[(new, "first words")], "backup create --tenant acme").code(0);
    let bob = person(site, "bob");
    with_words(site, &[(new, "first words")], &format!("backup key add {bob} --tenant acme --yes"))
        .code(1)
        .says(&["passphrase"]);
    with_words(site, &[(new, "second words")], "backup key rotate --tenant acme --yes").code(1).says(&["generation 1"]);
    let both = [(new, "second words"), (old, "first words")];
    with_words(site, &both, "backup key rotate --tenant acme --yes").code(0);
    with_words(site, &[(new, "first words")], "backup restore acme --tenant copy").code(1).says(&["key"]);
    with_words(site, &[(new, "first words")], "backup create --tenant acme").code(1).says(&["rotated"]);
    with_words(site, &[(new, "second words")], "backup restore acme --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "acme"));
    // From the passphrase to keys.
    configure(site, &[&bob], &["bob"]);
    with_words(site, &[(old, "second words")], "backup key rotate --tenant acme --yes").code(0);
    create(site, "acme", "");
    run(site, "backup verify --tenant acme").code(0);
    assert!((1..=3).all(|generation| opens(site, "bob", &sealed(site, "acme", generation))));
}

fn a_destroyed_key_opens_nothing_and_the_neighbour_is_as_it_was(site: &Site) {
    let ann = person(site, "ann");
    configure(site, &[&ann], &["ann"]);
    for tenant in ["acme", "beta"] {
        backups::tenant(site, tenant);
        create(site, tenant, "");
    }
    tells(&run(site, "backup key destroy --tenant acme --dry-run").code(0), &["for good"]);
    run(site, "backup key destroy --tenant acme --yes").code(6).says(&["--confirm acme"]);
    assert!(sealed(site, "acme", 1).exists());
    run(site, "backup key destroy --tenant acme --confirm acme").code(0);
    let kept = files_below(&site.path(".fixtool/backup-keys"));
    let of = |tenant: &str| kept.iter().filter(|file| file.parent().is_some_and(|of| of.ends_with(tenant))).count();
    assert!(!sealed(site, "acme", 1).exists() && of("acme") == 0 && of("beta") == 1, "{kept:?}");
    run(site, "backup restore acme --tenant copy").code(1).says(&["key"]);
    tells(&run(site, "backup key destroy --tenant acme --confirm acme").code(0), &["nothing to do"]);
    run(site, "backup restore beta --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "beta"));
    // The next backup has a key of its own.
    let id = create(site, "acme", "");
    run(site, &format!("backup restore {id} --tenant anew")).code(0);
}

fn it_is_the_same_in_a_bucket(site: &Site) {
    let bucket = backup_bucket::with_bucket(site);
    let place = site.read("fixtool.toml").replace("[backup]\n", "");
    site.write("place.toml", place);
    let (ann, eve) = (person(site, "ann"), person(site, "eve"));
    configure(site, &[&ann, &eve], &["ann"]);
    for tenant in ["acme", "beta"] {
        backups::tenant(site, tenant);
        create(site, tenant, "");
    }
    run(site, &format!("backup key remove {eve} --all --yes")).code(0);
    let fetched = |key: &str| {
        let answer = backup_bucket::fetched(&bucket, key);
        site.write("fetched.age", answer)
    };
    for key in ["acme/1", "acme/2", "beta/1", "beta/2"] {
        let file = fetched(&format!("deep/down/keys/{key}.age"));
        assert!(opens(site, "ann", &file) && !opens(site, "eve", &file), "{key}");
    }
    create(site, "acme", "");
    run(site, "backup verify --tenant acme").code(0);
    configure(site, &[&ann, &eve], &["eve"]);
    run(site, "backup verify --tenant acme").code(1).says(&["key"]);
    run(site, "backup key destroy --tenant acme --confirm acme").code(0);
    configure(site, &[&ann], &["ann"]);
    run(site, "backup restore acme --tenant copy").code(1).says(&["key"]);
    run(site, "backup restore beta --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "beta"));
}

/// Killed again and again in the middle of a removal over many generations: what is half done can be finished.
fn a_killed_removal_is_finished_by_running_it_again(site: &Site) {
    backups::tenant(site, "acme");
    let (ann, eve) = (person(site, "ann"), person(site, "eve"));
    configure(site, &[&ann, &eve], &["ann"]);
    let id = create(site, "acme", "");
    for _ in 0..5 {
        run(site, "backup key rotate --tenant acme --yes").code(0);
    }
    for delay in [5, 20, 40, 60, 80, 110] {
        let line = format!("backup key remove {eve} --tenant acme --yes");
        site.spawn(line.split(' ')).kill_after(Duration::from_millis(delay));
        // Whatever was half done, the backups can be opened.
        assert!(list(site, "acme").iter().all(|one| one["opens"] == true), "{:?}", list(site, "acme"));
        crate::support::words::let_leases_expire(site);
    }
    run(site, &format!("backup key remove {eve} --tenant acme --yes")).code(0);
    let known = list(site, "acme");
    assert!(known.iter().all(|one| recipients(one) == std::slice::from_ref(&ann)), "{known:?}");
    for one in &known {
        let generation = u32::try_from(one["generation"].as_u64().expect("a number")).unwrap();
        assert!(!opens(site, "eve", &sealed(site, "acme", generation)));
    }
    run(site, &format!("backup restore {id} --tenant copy")).code(0);
}

fn the_doctor_asks_for_a_key_as_soon_as_there_are_tenants(site: &Site) {
    let found = |site: &Site| {
        let view = run(site, "doctor -o json").json();
        let checks = view["checks"].as_array().expect("checks").clone();
        checks.into_iter().find(|one| one["check"] == "backups.key").expect("the check")
    };
    crate::support::words::init(site, "acme");
    let without = found(site);
    assert_eq!(without["health"], "warning", "{without}");
    assert!(without["cure"].as_str().is_some_and(|cure| cure.contains("backup keygen")), "{without}");
    let ann = person(site, "ann");
    configure(site, &[&ann], &["ann"]);
    assert_eq!(found(site)["health"], "good");
    configure(site, &[&ann], &["lost"]);
    assert_eq!(found(site)["health"], "failed");
}

on_both_engines!(
    the_doctor_asks_for_a_key_as_soon_as_there_are_tenants,
    who_is_added_opens_everything_and_who_is_removed_nothing_new,
    a_change_takes_the_key_of_an_administrator_and_leaves_one,
    a_fleet_is_changed_at_once_and_tenants_that_are_gone_with_it,
    a_rotation_changes_the_administrators_and_the_passphrase,
    a_destroyed_key_opens_nothing_and_the_neighbour_is_as_it_was,
    it_is_the_same_in_a_bucket,
    a_killed_removal_is_finished_by_running_it_again,
);
