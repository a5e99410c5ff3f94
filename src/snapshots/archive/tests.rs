//! Archives of every kind: whole, damaged, hostile.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Read as _, Write};
use std::process::Command;

use super::super::cut::Rows;
use super::super::source::ArchiveSource;
use super::super::tests::{Scene, tenant};
use super::super::{SnapshotSource, layout};
use super::trailer;
use super::*;

fn write(path: &Path, scene: &Scene, format: ArchiveFormat) -> SnapshotId {
    let mut writer = ArchiveWriter::create(path, format).unwrap();
    let (file, entry) = scene.file();
    let mut references = Vec::new();
    // Sealed again each part has other bytes: what counts is what lies in the archive.
    for (first, second) in scene.parts().iter().zip(scene.parts()) {
        let rows = Rows { count: second.1.rows, first: second.1.first.clone(), last: second.1.last.clone() };
        writer.put_part(&first.0, &rows).unwrap();
        references.push(writer.put_part(&second.0, &rows).unwrap());
    }
    writer.put_part(&file, &Rows::default()).unwrap();
    let manifest = scene.manifest("acme", references, vec![entry]);
    writer.publish(&manifest, scene.packing.key()).unwrap()
}

fn name(format: ArchiveFormat) -> String {
    format!("acme_full_20261123T094029Z.{}", format.ending())
}

#[tokio::test]
async fn a_snapshot_comes_back_from_every_kind() {
    let here = tempfile::tempdir().unwrap();
    for format in ArchiveFormat::ALL {
        for scene in [Scene::plain(), Scene::sealed()] {
            let path = here.path().join(name(format));
            let id = write(&path, &scene, format);
            assert!(ArchiveWriter::create(&path, format).is_err());
            let archive = Archive::open(&path).unwrap();
            assert_eq!((archive.tenant().as_str(), archive.id()), ("acme", &id));
            let source = ArchiveSource::open(archive, scene.keys.clone()).unwrap();
            let mut whole = Vec::new();
            // From the end, because workers do not read in order.
            for part in source.manifest().tables[0].parts.iter().rev() {
                whole.insert(0, source.rows("users", part).await.unwrap());
            }
            assert_eq!(whole.concat(), scene.rows.concat().as_bytes(), "{format:?}");
            fs::remove_file(&path).unwrap();
        }
    }
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0);
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let here = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(5);
    for format in ArchiveFormat::ALL {
        let path = here.path().join(name(format));
        write(&path, &Scene::sealed(), format);
        let whole = fs::read(&path).unwrap();
        let last = whole.len() - 700;
        for round in 0..10_000 {
            let at = if round % 3 == 0 { random.usize(last..whole.len()) } else { random.usize(..whole.len()) };
            let mut changed = whole.clone();
            changed[at] ^= 1 << random.u8(..8);
            fs::write(&path, &changed).unwrap();
            let error = Archive::open(&path).unwrap_err();
            assert!(matches!(error, SnapshotError::ArchiveIncomplete { .. }), "{format:?} {at} {error}");
        }
        for percent in 0..100 {
            fs::write(&path, &whole[..whole.len() * percent / 100]).unwrap();
            assert!(Archive::open(&path).is_err(), "{format:?} {percent}");
        }
        fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
        assert!(Archive::open(&path).is_err());
    }
}

/// Hangs the right hash onto bytes, as somebody does who knows the format.
fn finish(path: &Path, bytes: &[u8], format: ArchiveFormat) {
    fs::write(path, bytes).unwrap();
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    trailer::write(&mut file, format).unwrap();
}

type RawEntry<'a> = (&'a [u8], tar::EntryType, &'a [u8]);

fn tar_with(entries: &[RawEntry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn hostile_tar_files_are_refused_by_the_name_of_the_entry() {
    use tar::EntryType as Type;
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("hostile.tar");
    let part = layout::part(&layout::Digest::of(b"x"));
    let part = part.as_bytes();
    let cases: [&[RawEntry]; 10] = [
        &[(b"/etc/passwd", Type::Regular, b"x")],
        &[(b"../../etc/passwd", Type::Regular, b"x")],
        &[(b"parts/../../x", Type::Regular, b"x")],
        &[(part, Type::Symlink, b"")],
        &[(part, Type::Link, b"")],
        &[(part, Type::Char, b"")],
        &[(part, Type::Fifo, b"")],
        &[(b"parts/", Type::Directory, b"")],
        &[(part, Type::Regular, b"x"), (part, Type::Regular, b"x")],
        &[(b"././@LongLink", Type::GNULongName, b"parts/x\0")],
    ];
    for case in cases {
        finish(&path, &tar_with(case), ArchiveFormat::Tar);
        let error = Archive::open(&path).unwrap_err();
        assert!(matches!(error, SnapshotError::ArchiveEntry { .. }), "{error}");
        assert!(!error.to_string().contains('\0'));
    }
    finish(&path, &tar_with(&[(layout::REPOSITORY.as_bytes(), Type::Regular, b"{}")]), ArchiveFormat::Tar);
    assert!(matches!(Archive::open(&path), Err(SnapshotError::ArchiveIncomplete { .. })));
    finish(&path, b"no tar file at all", ArchiveFormat::Tar);
    assert!(Archive::open(&path).is_err());
}

#[test]
fn what_comes_after_the_manifest_is_refused() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("more.tar");
    let id = SnapshotId::of("2026-11-23T09:40:29Z".parse().unwrap(), b"m");
    let manifest = layout::manifest(&tenant("acme"), &id);
    let regular = tar::EntryType::Regular;
    let entries: [RawEntry; 2] =
        [(manifest.as_bytes(), regular, b"m"), (layout::REPOSITORY.as_bytes(), regular, b"{}")];
    finish(&path, &tar_with(&entries), ArchiveFormat::Tar);
    let error = Archive::open(&path).unwrap_err();
    assert!(error.to_string().contains("after the manifest"), "{error}");
}

#[test]
fn bombs_end_in_an_error() {
    let here = tempfile::tempdir().unwrap();
    let part = layout::part(&layout::Digest::of(b"x"));
    let mut header = tar::Header::new_ustar();
    header.set_path(&part).unwrap();
    header.set_size(600 << 20);
    header.set_cksum();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(header.as_bytes()).unwrap();
    for _ in 0..600 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let path = here.path().join("bomb.tar.zst");
    finish(&path, &encoder.finish().unwrap(), ArchiveFormat::TarZst);
    assert!(fs::metadata(&path).unwrap().len() < 100_000);
    let error = Archive::open(&path).unwrap_err();
    assert!(matches!(error, SnapshotError::ArchiveEntry { .. }), "{error}");
}

#[test]
fn a_damaged_frame_is_told_each_time_and_nothing_follows_it() {
    let here = tempfile::tempdir().unwrap();
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &[u8]| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    for (format, mut first, second) in [
        (ArchiveFormat::TarGz, gzip(b"first"), gzip(b"second")),
        (ArchiveFormat::TarZst, zstd(b"first"), zstd(b"second")),
    ] {
        // In the checksum of the first.
        let at = first.len() - if format == ArchiveFormat::TarGz { 8 } else { 1 };
        first[at] ^= 1;
        let path = here.path().join("damaged");
        fs::write(&path, [first, second].concat()).unwrap();
        let mut reader = frames::FrameReader::new(File::open(&path).unwrap(), format).unwrap();
        let mut found = Vec::new();
        for time in 0..3 {
            assert!(reader.read_to_end(&mut found).is_err(), "{format:?}, time {time}");
        }
        assert!(!found.ends_with(b"second"), "{format:?}");
    }
}

fn zip_with(entries: &[(&str, &[u8])], options: zip::write::SimpleFileOptions) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in entries {
        writer.start_file(*path, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.set_raw_comment(trailer::zip_comment()).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn hostile_zip_files_are_refused() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("hostile.zip");
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for name in ["/etc/passwd", "../x", "parts/../x", "C:\\x", "parts\\x", "keys/acme/1.key"] {
        finish(&path, &zip_with(&[(name, b"x")], stored), ArchiveFormat::Zip);
        let error = Archive::open(&path).unwrap_err();
        assert!(matches!(error, SnapshotError::ArchiveEntry { .. }), "{name} {error}");
    }
    // Two entries of one name: the writer refuses that, so a name is changed afterwards, in both of its places.
    let (one, two) = (layout::part(&layout::Digest::of(b"1")), layout::part(&layout::Digest::of(b"2")));
    let mut bytes = zip_with(&[(&one, b"x"), (&two, b"x")], stored);
    for at in 0..bytes.len() - two.len() {
        if bytes[at..].starts_with(two.as_bytes()) {
            bytes[at..at + one.len()].copy_from_slice(one.as_bytes());
        }
    }
    finish(&path, &bytes, ArchiveFormat::Zip);
    let error = Archive::open(&path).unwrap_err();
    assert!(matches!(error, SnapshotError::ArchiveEntry { .. }), "{error}");

    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink(&one, "/etc/passwd", stored).unwrap();
    writer.set_raw_comment(trailer::zip_comment()).unwrap();
    finish(&path, &writer.finish().unwrap().into_inner(), ArchiveFormat::Zip);
    let error = Archive::open(&path).unwrap_err();
    assert!(matches!(error, SnapshotError::ArchiveEntry { .. }), "{error}");
    finish(&path, &[b'0'; 200], ArchiveFormat::Zip);
    assert!(Archive::open(&path).is_err());
}

/// Other programs read archives too. Those that this machine lacks are left out.
#[test]
fn standard_programs_unpack_a_repository() {
    let here = tempfile::tempdir().unwrap();
    let tools: [(ArchiveFormat, &str, &[&str]); 4] = [
        (ArchiveFormat::Tar, "tar", &["-xf"]),
        (ArchiveFormat::TarGz, "tar", &["-xzf"]),
        (ArchiveFormat::TarZst, "tar", &["--zstd", "-xf"]),
        (ArchiveFormat::Zip, "unzip", &["-q"]),
    ];
    for (format, program, flags) in tools {
        let path = here.path().join(name(format));
        let id = write(&path, &Scene::plain(), format);
        let folder = here.path().join(format!("unpacked-{}", format.ending()));
        fs::create_dir(&folder).unwrap();
        let needs = if format == ArchiveFormat::TarZst { "zstd" } else { program };
        if Command::new(needs).arg("--help").output().is_err() {
            continue;
        }
        let done = Command::new(program).args(flags).arg(&path).current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success() && said.is_empty(), "{format:?}: {said}");
        let manifest = folder.join(layout::manifest(&tenant("acme"), &id));
        assert!(id.fits(&fs::read(manifest).unwrap()));
        let archive = Archive::open(&path).unwrap();
        let names: BTreeSet<&str> = archive.entries().map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| folder.join(name).is_file()));
    }
}
