//! Archives that somebody made to do harm: each is refused by the command, and its entry named.

use std::io::Write;

use super::run;
use crate::support::{Site, backups, on_both_engines};

/// One entry of a tar file, with a name that no honest program would write.
fn entry(name: &str, kind: tar::EntryType, size: u64, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o600);
    header.set_size(size);
    if kind != tar::EntryType::Regular {
        header.set_link_name_literal("/etc/passwd").expect("a link");
    }
    header.set_cksum();
    let mut all = header.as_bytes().to_vec();
    all.extend_from_slice(bytes);
    all.resize(all.len().next_multiple_of(512), 0);
    all
}

/// Ends a tar file as fixtool does, so that it looks whole.
fn ended(mut all: Vec<u8>) -> Vec<u8> {
    all.resize(all.len() + 1_024, 0);
    let start = all.len();
    all.extend_from_slice(b"fixtool archive, BLAKE3 of all before: ");
    all.resize(start + 512 - 64, b' ');
    let hash = blake3::hash(&all).to_hex();
    all.extend_from_slice(hash.as_bytes());
    all
}

/// The same for a compressed one.
fn ended_gzip(all: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(all).expect("memory takes it");
    let mut all = encoder.finish().expect("memory takes it");
    all.extend_from_slice(&[0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 0xff]);
    let hash = blake3::hash(&all).to_hex();
    all.extend_from_slice(hash.as_bytes());
    all.extend_from_slice(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    all
}

fn hostile_archives_are_refused_and_their_entry_is_named(site: &Site) {
    backups::tenant(site, "acme");
    let regular = |name: &str| entry(name, tar::EntryType::Regular, 2, b"{}");
    let twice = "keys/acme/1.age";
    let part = format!("parts/00/{}", "0".repeat(64));
    let bomb = entry(&part, tar::EntryType::Regular, 3 << 30, &vec![0; 4 << 20]);
    let cases = [
        ("absolute.tar", ended(regular("/etc/evil")), "/etc/evil"),
        ("above.tar", ended(regular("parts/../../evil")), "../../evil"),
        ("link.tar", ended(entry(&part, tar::EntryType::Symlink, 0, b"")), &part),
        ("hard-link.tar", ended(entry(&part, tar::EntryType::Link, 0, b"")), &part),
        ("device.tar", ended(entry(&part, tar::EntryType::Char, 0, b"")), &part),
        ("twice.tar", ended([regular(twice), regular(twice)].concat()), twice),
        ("stranger.tar", ended(regular("run-me.sh")), "run-me.sh"),
        ("bomb.tar.gz", ended_gzip(&bomb), &part),
    ];
    for (name, bytes, named) in cases {
        let path = site.write(name, bytes);
        let files = crate::support::site::files_below(&site.work());
        for line in ["backup restore FILE --tenant copy", "backup show FILE"] {
            let refused = run(site, &line.replace("FILE", name)).code(1);
            refused.says(&["is refused because of its entry", named, "nothing was unpacked"]);
        }
        assert!(!site.has_namespace("copy"));
        assert_eq!(files, crate::support::site::files_below(&site.work()), "{}", path.display());
    }
    for (name, bytes) in [("empty.tar", Vec::new()), ("text.zip", b"no archive".to_vec()), ("x.rar", vec![1; 4_096])] {
        site.write(name, bytes);
        run(site, &format!("backup restore {name} --tenant copy")).code(1).says(&["is no whole archive"]);
    }
}

on_both_engines!(hostile_archives_are_refused_and_their_entry_is_named);
