//! `fixtool backup create --include-files`: a tenant's files go into a backup and come back.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::support::site::files_below;
use crate::support::{Output, Site, backups, on_both_engines, words};
use backups::{assert_same, contents, counted, create, run};

/// Where the files of all tenants lie.
fn tenants(site: &Site) -> PathBuf {
    site.path(".fixtool/storage/tenants")
}

fn put(site: &Site, tenant: &str, path: &str, bytes: &[u8]) -> PathBuf {
    let file = tenants(site).join(tenant).join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    fs::write(&file, bytes).expect("a file");
    file
}

/// The files of a tenant: path, mode, bytes.
fn tree(site: &Site, tenant: &str) -> Vec<(String, u32, Vec<u8>)> {
    let folder = tenants(site).join(tenant);
    let mut all: Vec<_> = files_below(&folder)
        .into_iter()
        .filter(|file| fs::symlink_metadata(file).is_ok_and(|seen| seen.is_file()))
        .map(|file| {
            let path = file.strip_prefix(&folder).expect("below").display().to_string();
            let mode = fs::metadata(&file).expect("a file").permissions().mode() & 0o7777;
            (path, mode, fs::read(&file).expect("its bytes"))
        })
        .collect();
    all.sort();
    all
}

/// What lies beside the tenants' folders.
fn beside(site: &Site) -> Vec<String> {
    let names = fs::read_dir(tenants(site)).expect("the tenants");
    let names = names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

#[track_caller]
fn shows(output: &Output, texts: &[&str]) {
    for text in texts {
        assert!(output.stdout.contains(text), "'{text}' is not shown:\n{output}");
    }
}

fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(bytes).collect()
}

/// A tenant with files of many kinds.
fn with_files(site: &Site) {
    backups::tenant(site, "acme");
    put(site, "acme", "logo.png", b"a picture");
    put(site, "acme", "empty", b"");
    put(site, "acme", "docs/2026/Bericht ä.txt", b"words");
    put(site, "acme", "large.bin", &noise(5 << 20, 1));
    let private = put(site, "acme", "docs/private.key", b"nobody else's");
    fs::set_permissions(private, fs::Permissions::from_mode(0o600)).expect("a mode");
}

fn files_go_round_in_every_kind_of_backup(site: &Site) {
    with_files(site);
    let program = put(site, "acme", "bin/run", b"#!/bin/sh\n");
    fs::set_permissions(program, fs::Permissions::from_mode(0o4755)).expect("a mode");
    let mut wanted = tree(site, "acme");
    for (_, mode, _) in &mut wanted {
        *mode &= 0o777;
    }
    let looked = run(site, "backup create --tenant acme --include-files --dry-run").code(0);
    assert!(looked.stdout.contains("and 6 files of 5.0 MiB"), "{looked}");
    for (round, sealed) in [false, true].into_iter().enumerate() {
        if sealed {
            words::seal_backups(site);
        }
        let id = create(site, "acme", "--include-files");
        let line = format!("backup create --tenant acme --include-files -o json --output-path out{round}");
        let archive = backups::archive(&run(site, &line).code(0)).display().to_string();
        for (what, name) in [(&id, "one"), (&archive, "two")] {
            let name = format!("{name}{round}");
            for level in ["quick", "data", "drill"] {
                run(site, &format!("backup verify {what} --level {level}")).code(0);
            }
            let shown = run(site, &format!("backup show {what} -o json")).code(0).json();
            assert_eq!(shown["files"]["files"], 6, "{shown}");
            assert_eq!(shown["files"]["raw_bytes"], 5_242_917, "{shown}");
            run(site, &format!("backup restore {what} --tenant {name}")).code(0);
            assert_eq!(tree(site, &name), wanted, "{what}");
            assert_same(&contents(site, &name), &contents(site, "acme"));
        }
        let page = run(site, &format!("backup show {id}")).code(0);
        assert!(page.stdout.contains("6 files, "), "{page}");
    }
    // What was sealed shows nothing of the files; what was not shows them.
    let clear = noise(5 << 20, 1);
    for (folder, shows) in [("out0", true), ("out1", false)] {
        let archive = files_below(&site.path(folder)).pop().expect("an archive");
        let stored = fs::read(archive).expect("its bytes");
        assert_eq!(memchr::memmem::find(&stored, &clear[5000..5032]).is_some(), shows, "{folder}");
    }
    let marks = beside(site);
    assert!(marks.iter().all(|name| name.starts_with(".fixtool_none_")), "nothing is kept of nothing: {marks:?}");
}

fn a_restore_exchanges_files_and_undo_brings_them_back(site: &Site) {
    with_files(site);
    let then = tree(site, "acme");
    create(site, "acme", "--include-files");
    put(site, "acme", "logo.png", b"another picture");
    put(site, "acme", "new/one.txt", b"new");
    fs::remove_file(tenants(site).join("acme/large.bin")).expect("gone");
    fs::set_permissions(tenants(site).join("acme"), fs::Permissions::from_mode(0o750)).expect("a mode");
    let later = tree(site, "acme");
    shows(&run(site, "backup restore acme --dry-run").code(0), &["5 files", "storage/tenants/acme"]);
    assert_eq!((tree(site, "acme"), beside(site)), (later.clone(), vec![]));

    let done = run(site, "backup restore acme --yes").code(0);
    assert_eq!(tree(site, "acme"), then, "{done}");
    let mode = fs::metadata(tenants(site).join("acme")).expect("the folder").permissions().mode() & 0o7777;
    assert_eq!(mode, 0o750);
    let kept = beside(site);
    assert_eq!(kept.len(), 1, "{kept:?}");
    shows(&done, &["the files that were there are kept in", &kept[0]]);
    let restored = words::done_run(site, "backup.restore");
    site.fixtool(["op", "undo", &restored, "--confirm", "acme"]).code(0);
    assert_eq!((tree(site, "acme"), beside(site)), (later, vec![]));

    // Where there was no folder, there is none after an undo.
    fs::remove_dir_all(tenants(site).join("acme")).expect("gone");
    run(site, "backup restore acme --yes").code(0);
    assert_eq!(tree(site, "acme"), then);
    let restored = words::done_run(site, "backup.restore");
    site.fixtool(["op", "undo", &restored, "--confirm", "acme"]).code(0);
    assert!(!tenants(site).join("acme").exists());
    assert_eq!(beside(site), [""; 0]);

    // A new tenant's files go with it.
    run(site, "backup restore acme --tenant copy").code(0);
    assert_eq!(tree(site, "copy"), then);
    let restored = words::done_run(site, "backup.restore");
    site.fixtool(["op", "undo", &restored, "--confirm", "copy"]).code(0);
    assert!(!tenants(site).join("copy").exists() && !site.has_namespace("copy"));
}

fn what_a_restore_kept_goes_after_a_day(site: &Site) {
    words::init(site, "acme");
    put(site, "acme", "a.txt", b"then");
    create(site, "acme", "--include-files");
    put(site, "acme", "a.txt", b"now");
    run(site, "backup restore acme --yes").code(0);
    fs::remove_dir_all(tenants(site).join("acme")).expect("gone");
    run(site, "backup restore acme --yes").code(0);
    let prune = "backup prune --tenant acme --keep-last 9 --confirm acme";
    run(site, prune).code(0).says(&["nothing to do"]);
    assert_eq!(beside(site).len(), 2);
    site.catalog("UPDATE fixtool.run SET ended_at = '2026-01-01T00:00:00.000000Z' WHERE operation = 'backup.restore'");
    run(site, prune).code(0);
    assert_eq!((beside(site), backups::namespaces_beside(site)), (vec![], vec![]));
    assert_eq!(tree(site, "acme")[0].2, b"then");
}

fn of_a_large_file_only_what_changed_is_stored_again(site: &Site) {
    words::init(site, "acme");
    let mut bytes = noise(24 << 20, 2);
    put(site, "acme", "film.mp4", &bytes);
    let line = "backup create --tenant acme --include-files -o json";
    let first = run(site, line).code(0);
    assert!(counted(&first, "bytes_written") > 24 << 20, "{first}");
    assert!(counted(&first, "parts_written") > 8, "{first}");
    let again = run(site, line).code(0);
    assert_eq!((counted(&again, "bytes_written"), counted(&again, "parts_written")), (0, 0), "{again}");
    bytes.splice(0..0, *b"a few bytes more");
    put(site, "acme", "film.mp4", &bytes);
    std::thread::sleep(std::time::Duration::from_millis(1_010));
    let changed = run(site, &format!("{line} --backup-type incremental")).code(0);
    assert!((1..=3).contains(&counted(&changed, "parts_written")), "{changed}");
    run(site, "backup restore acme --yes").code(0);
    assert_eq!(tree(site, "acme")[0].2, bytes);
}

fn links_and_what_is_no_file_are_passed_over(site: &Site) {
    words::init(site, "acme");
    site.write("outside/secret.txt", "not the tenant's");
    put(site, "acme", "a.txt", b"a");
    let folder = tenants(site).join("acme");
    symlink(site.path("outside/secret.txt"), folder.join("file")).expect("a link");
    symlink(site.path("outside"), folder.join("folder")).expect("a link");
    let pipe = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().expect("mkfifo");
    assert!(pipe.success());
    let notes =
        ["passed over, file: it is a link", "passed over, folder: it is a link", "passed over, pipe: it is no file"];
    shows(&run(site, "backup create --tenant acme --include-files").code(0), &notes);
    run(site, "backup restore acme --tenant copy").code(0);
    assert_eq!(tree(site, "copy"), [("a.txt".to_owned(), 0o644, b"a".to_vec())]);
    assert!(fs::symlink_metadata(tenants(site).join("copy/folder")).is_err());

    // A tenant's folder that is a link leads to what may be anybody's.
    fs::rename(&folder, tenants(site).join("moved")).expect("a new name");
    symlink(tenants(site).join("moved"), &folder).expect("a link");
    let refused = run(site, "backup create --tenant acme --include-files").code(1);
    refused.says(&["fixtool::files::failed", "links are not followed"]);
}

fn the_cache_is_left_out_where_that_is_asked_for(site: &Site) {
    words::init(site, "acme");
    put(site, "acme", "a.txt", b"a");
    put(site, "acme", "docs/cache/kept.txt", b"no cache of ours");
    put(site, "acme", "cache/deep/thumb.png", b"made again");
    put(site, "acme", "tmp/half.txt", b"made again");
    let paths = |tenant: &str| tree(site, tenant).into_iter().map(|(path, ..)| path).collect::<Vec<_>>();
    let some = create(site, "acme", "--include-files --exclude-cache");
    let all = create(site, "acme", "--include-files");
    run(site, &format!("backup restore {some} --tenant some")).code(0);
    run(site, &format!("backup restore {all} --tenant all")).code(0);
    assert_eq!(paths("some"), ["a.txt", "docs/cache/kept.txt"]);
    assert_eq!(paths("all"), paths("acme"));
    let page = run(site, &format!("backup show {some}")).code(0);
    assert!(page.stdout.contains("2 files without 'cache' and 'tmp'"), "{page}");
}

fn without_files_those_that_are_there_stay(site: &Site) {
    words::init(site, "acme");
    shows(&run(site, "backup create --tenant acme --include-files").code(0), &["there are no files"]);
    assert_eq!(run(site, "backup show acme -o json").code(0).json()["files"], serde_json::Value::Null);
    put(site, "acme", "a.txt", b"a");
    run(site, "backup restore acme --yes").code(0).says(&["the files of the tenant stay as they are"]);
    assert_eq!((tree(site, "acme").len(), beside(site)), (1, vec![]));
}

fn a_damaged_chunk_is_found(site: &Site) {
    words::init(site, "acme");
    put(site, "acme", "large.bin", &noise(3 << 20, 3));
    run(site, "backup create --tenant acme --include-files --schema-only").code(0);
    let parts = backups::parts(site);
    assert!(parts.len() > 1);
    let sound = fs::read(&parts[0]).expect("a chunk");
    let mut broken = sound.clone();
    broken[sound.len() / 2] ^= 1;
    overwrite(&parts[0], &broken);
    run(site, "backup verify --tenant acme --level quick").code(0);
    run(site, "backup verify --tenant acme --level data").code(10).says(&["large.bin"]);
    overwrite(&parts[0], &sound);
    run(site, "backup verify --tenant acme --level data").code(0);
    fs::remove_file(&parts[0]).expect("gone");
    run(site, "backup verify --tenant acme --level quick").code(10).says(&["large.bin", "is missing"]);
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("gone");
    fs::write(path, bytes).expect("written");
}

fn a_failed_restore_leaves_the_files_as_they_are(site: &Site) {
    with_files(site);
    let sealed = create(site, "acme", "--include-files");
    let all = files_below(&backups::repository(site).join("parts"));
    let largest = all.iter().max_by_key(|part| fs::metadata(part).map_or(0, |seen| seen.len())).expect("a part");
    let mut bytes = fs::read(largest).expect("a chunk");
    bytes[1000] ^= 1;
    overwrite(largest, &bytes);
    put(site, "acme", "logo.png", b"later");
    let later = tree(site, "acme");
    run(site, &format!("backup restore {sealed} --yes")).code(10).says(&["large.bin"]);
    assert_eq!(tree(site, "acme"), later);
}

on_both_engines!(
    files_go_round_in_every_kind_of_backup,
    a_restore_exchanges_files_and_undo_brings_them_back,
    what_a_restore_kept_goes_after_a_day,
    of_a_large_file_only_what_changed_is_stored_again,
    links_and_what_is_no_file_are_passed_over,
    the_cache_is_left_out_where_that_is_asked_for,
    without_files_those_that_are_there_stay,
    a_damaged_chunk_is_found,
    a_failed_restore_leaves_the_files_as_they_are,
);
