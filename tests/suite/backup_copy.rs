//! `fixtool backup create --copy-to`: two places hold a snapshot, or the run says that they do not.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::backup_bucket;
use crate::support::site::files_below;
use crate::support::{Output, Site, backups, on_both_engines, words};
use backups::{assert_same, contents, run};

/// The same command with the second place as the only one.
fn in_second(site: &Site, line: &str) -> Output {
    let mut command = site.command();
    command.env("BACKUP_STORAGE_PATH", "second").args(line.split(' '));
    site.start(command).wait()
}

fn second_list(site: &Site) -> Vec<String> {
    let list = in_second(site, "backup list -o json").code(0).json();
    let ids = list["snapshots"].as_array().expect("snapshots").iter();
    ids.map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
}

fn create(site: &Site, more: &str) -> Output {
    // Ids begin with a second: the next snapshot shall come after this one.
    std::thread::sleep(Duration::from_millis(1_010));
    run(site, &format!("backup create --tenant acme -o json {more}"))
}

fn both_places_hold_it_and_both_restore(site: &Site) {
    backups::tenant(site, "acme");
    words::seal_backups(site);
    run(site, "backup create --tenant acme --copy-to second --dry-run").code(0);
    assert!(!site.path("second").exists());
    let made = create(site, "--copy-to second").code(0);
    assert_eq!(second_list(site), [backups::snapshot(&made)]);
    let (first, copy) =
        (files_below(&backups::repository(site).join("parts")), files_below(&site.path("second/parts")));
    assert_eq!(first.len(), copy.len());
    assert!(first.iter().zip(&copy).all(|(one, other)| fs::read(one).unwrap() == fs::read(other).unwrap()));
    for level in ["quick", "data", "drill"] {
        in_second(site, &format!("backup verify --tenant acme --level {level}")).code(0);
    }
    // What is there already is not copied again, be it an increment or a full one.
    for more in ["--backup-type incremental", ""] {
        let again = create(site, &format!("{more} --copy-to second")).code(0);
        assert_eq!(backups::counted(&again, "bytes_copied"), 0, "{again}");
    }
    site.query("acme", "UPDATE users SET name = 'later'");
    let then = contents(site, "acme");
    create(site, "--backup-type incremental --copy-to second").code(0);
    run(site, "backup restore acme --tenant one").code(0);
    in_second(site, "backup restore acme --tenant two").code(0);
    assert_same(&contents(site, "one"), &then);
    assert_same(&contents(site, "two"), &then);
    // The first place is gone, and backups go on in the second with the same key.
    let many = second_list(site).len();
    let alone = in_second(site, "backup create --tenant acme -o json").code(0);
    assert_eq!((backups::counted(&alone, "bytes_written"), second_list(site).len()), (0, many + 1), "{alone}");
}

fn a_bucket_holds_a_copy_as_well(site: &Site) {
    backups::tenant(site, "acme");
    let bucket = backup_bucket::with_bucket(site);
    // The bucket is the second place, and the directory the first.
    let config = site.read("fixtool.toml").replace(&format!("path = ['s3://{bucket}/deep/down']"), "");
    site.write("fixtool.toml", config);
    create(site, &format!("--copy-to s3://{bucket}/copies")).code(0);
    fs::remove_dir_all(backups::repository(site)).unwrap();
    let from = |line: &str| {
        let mut command = site.command();
        command.env("BACKUP_STORAGE_PATH", format!("s3://{bucket}/copies")).args(line.split(' '));
        site.start(command).wait()
    };
    from("backup verify --tenant acme").code(0);
    from("backup restore acme --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "acme"));
}

fn a_place_that_takes_nothing_leaves_the_first_backup_and_is_made_good(site: &Site) {
    backups::tenant(site, "acme");
    site.write("second", "a file is in the way");
    let failed = create(site, "--copy-to second");
    assert!(matches!(failed.code, 1 | 4 | 5), "{failed}");
    let id = words::newest_run(site).expect("the run");
    let ids = backups::listed(site, "acme");
    assert_eq!(ids.len(), 1, "the first backup stands");
    run(site, "backup verify --tenant acme").code(0);
    fs::remove_file(site.path("second")).unwrap();
    if site.engine() == crate::support::Engine::Postgres {
        // A second place that is full: no file can grow.
        let fixtool = site.command();
        let mut command = Command::new("bash");
        command.current_dir(site.work()).env_clear();
        command.envs(fixtool.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let script = format!("trap '' XFSZ; ulimit -f 2; exec \"$0\" op resume {id}");
        command.arg("-c").arg(script).arg(fixtool.get_program());
        site.start(command).wait().code(1).says(&["large"]);
        assert!(second_list(site).is_empty(), "nothing half copied is listed");
    }
    run(site, &format!("op resume {id}")).code(0);
    assert_eq!((second_list(site), backups::listed(site, "acme")), (ids.clone(), ids));
    in_second(site, "backup verify --tenant acme").code(0);
    // Taken back, both are gone.
    run(site, &format!("op undo {id} --confirm acme")).code(0);
    assert!(second_list(site).is_empty() && backups::listed(site, "acme").is_empty());
}

fn a_copy_that_is_killed_is_never_listed_and_goes_on(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(20_000));
    words::load(site, &file, "acme", "users").code(0);
    let took = create(site, "--copy-to second --compression none").code(0).took;
    for moment in 1..=6 {
        site.query("acme", &format!("UPDATE users SET name = 'at {moment}'"));
        let making = site.spawn("backup create --tenant acme --compression none --copy-to second".split(' '));
        making.kill_after(took.mul_f64(0.4 + 0.1 * f64::from(moment)));
        words::let_leases_expire(site);
        in_second(site, "backup verify --tenant acme --max-age 1d").code(0);
    }
    let last = create(site, "--compression none --copy-to second").code(0);
    assert!(second_list(site).contains(&backups::snapshot(&last)));
    in_second(site, "backup verify --tenant acme --newest").code(0);
    in_second(site, "backup restore acme --tenant copy").code(0);
    assert_same(&contents(site, "copy"), &contents(site, "acme"));
}

fn what_another_repository_needs_is_not_replaced(site: &Site) {
    backups::tenant(site, "acme");
    words::seal_backups(site);
    // The second place has backups of its own, with a key of its own.
    in_second(site, "backup create --tenant acme").code(0);
    let before: Vec<Vec<u8>> = files_below(&site.path("second")).iter().map(|file| fs::read(file).unwrap()).collect();
    create(site, "--copy-to second").code(1).says(&["keys/acme/1.age", "--copy-to"]);
    let after: Vec<Vec<u8>> = files_below(&site.path("second")).iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(before == after, "nothing over there was changed");
    create(site, "--copy-to .fixtool/backups").code(1).says(&["no second copy"]);
    create(site, "--copy-to ftp://nowhere").code(1).says(&["scheme"]);
    run(site, "backup create --tenant acme --copy-to second --output-path archives").code(2);
    // A damaged part over there is no obstacle: it is replaced.
    create(site, "--copy-to third").code(0);
    let part = files_below(&site.path("third/parts")).remove(0);
    fs::write(&part, "damaged").unwrap();
    let mended = create(site, "--copy-to third").code(0);
    assert_eq!(backups::counted(&mended, "parts_copied"), 1, "{mended}");
}

on_both_engines!(
    both_places_hold_it_and_both_restore,
    a_bucket_holds_a_copy_as_well,
    a_place_that_takes_nothing_leaves_the_first_backup_and_is_made_good,
    a_copy_that_is_killed_is_never_listed_and_goes_on,
    what_another_repository_needs_is_not_replaced,
);
