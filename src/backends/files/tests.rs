//! What a folder of files must withstand.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use super::*;

const NAMES: [&str; 3] = [".new", ".old", ".none"];

/// A root with a file outside of the tenant, and the tenant's folder in it.
fn scene() -> (tempfile::TempDir, TenantFolder) {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("tenants/acme/docs")).unwrap();
    fs::write(root.path().join("secret"), "not the tenant's").unwrap();
    fs::write(root.path().join("tenants/acme/docs/a.txt"), "a").unwrap();
    let folder = TenantFolder::new(root.path(), "tenants/acme/");
    (root, folder)
}

#[test]
fn what_becomes_a_link_meanwhile_leads_nowhere() {
    let (root, folder) = scene();
    let acme = root.path().join("tenants/acme");
    let open = folder.open().unwrap().unwrap();
    let seen = open.contents(|_| false).unwrap();
    assert_eq!(seen.files, [SeenFile { path: "docs/a.txt".into(), bytes: 1 }]);
    fs::rename(acme.join("docs"), acme.join("real")).unwrap();
    assert!(open.read("docs/a.txt").unwrap().is_none(), "it vanished");
    symlink(root.path(), acme.join("docs")).unwrap();
    assert!(open.read("docs/secret").unwrap().is_none(), "through a link to a folder");
    assert!(open.write("docs/secret2").is_err());
    assert!(!root.path().join("secret2").exists());
    symlink(root.path().join("secret"), acme.join("link")).unwrap();
    assert!(open.read("link").unwrap().is_none());
    assert!(open.write("link").is_err());
    for path in ["../secret", "real/../../../secret", "real/.."] {
        assert!(!matches!(open.read(path), Ok(Some(_))), "{path}");
        assert!(open.write(path).is_err(), "{path}");
    }
    let seen = open.contents(|_| false).unwrap();
    assert_eq!(seen.passed_over, ["docs: it is a link", "link: it is a link"]);
    assert_eq!(fs::read(root.path().join("secret")).unwrap(), b"not the tenant's");
}

#[test]
fn names_that_cannot_be_kept_are_told() {
    use std::os::unix::ffi::OsStrExt as _;
    let (root, folder) = scene();
    let acme = root.path().join("tenants/acme");
    fs::write(acme.join("back\\slash"), "").unwrap();
    fs::write(acme.join(std::ffi::OsStr::from_bytes(b"not\xffutf8")), "").unwrap();
    let seen = folder.open().unwrap().unwrap().contents(|_| false).unwrap();
    assert_eq!((seen.files.len(), seen.passed_over.len()), (1, 2), "{seen:?}");
}

#[test]
fn a_file_is_private_until_it_is_finished_and_runs_as_nobody_else() {
    let (root, folder) = scene();
    let open = folder.fresh(NAMES[0]).unwrap();
    let path = root.path().join("tenants/.new/a/b");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&root.path().join("tenants/.new")), 0o700);
    let mut file = open.write("a/b").unwrap();
    file.write_all(b"whole").unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(open.write("a/b").is_err(), "one path, two files");
    open.finish("a/b", &file, 0o106_755).unwrap();
    assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o755, b"whole".to_vec()));
    // A second try begins anew.
    folder.fresh(NAMES[0]).unwrap();
    assert!(!path.exists());
}

#[test]
fn an_exchange_goes_on_from_wherever_it_was_stopped() {
    let content = |root: &Path| fs::read_to_string(root.join("tenants/acme/one")).ok();
    for (living, stopped) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
        let root = tempfile::tempdir().unwrap();
        let folder = TenantFolder::new(root.path(), "tenants/acme/");
        let at = |name: &str| root.path().join("tenants").join(name);
        folder.fresh(NAMES[0]).unwrap().write("one").unwrap().write_all(b"new").unwrap();
        if living {
            fs::create_dir(at("acme")).unwrap();
            fs::write(at("acme/one"), "old").unwrap();
        }
        if stopped == 1 {
            // After the first of the two names.
            if living {
                fs::rename(at("acme"), at(".old")).unwrap();
            } else {
                fs::create_dir(at(".none")).unwrap();
            }
        }
        for _ in 0..2 {
            assert_eq!(folder.exchange(NAMES).unwrap(), living);
            assert_eq!(content(root.path()).as_deref(), Some("new"));
        }
        assert!(folder.exchange_back(NAMES).unwrap());
        assert_eq!(content(root.path()).as_deref(), living.then_some("old"));
        assert!(!folder.exchange_back(NAMES).unwrap(), "there is nothing more to take back");
        assert!(folder.remove(NAMES[0]).unwrap() && !folder.remove(NAMES[0]).unwrap());
        assert_eq!(fs::read_dir(root.path().join("tenants")).unwrap().count(), usize::from(living));
    }
}
