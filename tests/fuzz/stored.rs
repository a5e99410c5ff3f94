//! Readers of what fixtool stored itself and finds again after others had it: archives, manifests, key records, plans.
//!
//! All of them are guarded by a hash, which no mutation hits. So each target also makes the hash right, as somebody does
//! who knows the format, and reads that.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use fixtool::engine::{Action, PlanFile, chain};
use fixtool::operations::data::load::LoadAction;
use fixtool::operations::tenant::{drop, init};
use fixtool::snapshots::archive::{Archive, ArchiveFormat, trailer};
use fixtool::snapshots::codec::Codec;
use fixtool::snapshots::key_record::KeyRecord;
use fixtool::snapshots::keys::Keys;
use fixtool::snapshots::manifest::Manifest;
use fixtool::snapshots::{layout, part, record};
use serde_json::value::RawValue;

/// A file of this process, written anew for each run.
fn file(ending: &str) -> PathBuf {
    std::env::temp_dir().join(format!("fixtool-fuzz-{}.{ending}", std::process::id()))
}

/// Any of the four kinds, by its first bytes; what is none of them is tar.
pub fn archive(bytes: &[u8]) {
    let format = match bytes {
        [b'P', b'K', ..] => ArchiveFormat::Zip,
        [0x1f, 0x8b, ..] => ArchiveFormat::TarGz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ArchiveFormat::TarZst,
        _ => ArchiveFormat::Tar,
    };
    let path = file(format.ending());
    fs::write(&path, bytes).expect("a file");
    open(&path);
    let mut bytes = bytes.to_vec();
    if format == ArchiveFormat::Tar {
        right_sums(&mut bytes);
        fs::write(&path, &bytes).expect("a file");
    }
    finish(&path, format);
    open(&path);
    if format == ArchiveFormat::Tar {
        for (format, codec) in
            [(ArchiveFormat::TarGz, Codec::Gzip { level: 1 }), (ArchiveFormat::TarZst, Codec::Zstd { level: 1 })]
        {
            let path = file(format.ending());
            fs::write(&path, codec.compress(&bytes).expect("memory")).expect("a file");
            finish(&path, format);
            open(&path);
        }
    }
}

/// Hangs the right hash onto a file; that of a zip file takes the place of its last bytes.
fn finish(path: &PathBuf, format: ArchiveFormat) {
    let mut file = File::options().read(true).write(true).open(path).expect("a file");
    if file.metadata().expect("a file").len() >= 64 {
        trailer::write(&mut file, format).expect("a file");
    }
}

/// Makes the sums of a tar file's headers right.
fn right_sums(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = bytes.get_mut(at..at + 512) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = std::str::from_utf8(&header[124..135]).ok().and_then(|size| usize::from_str_radix(size, 8).ok());
        let content = size.unwrap_or_default().min(1 << 20).next_multiple_of(512);
        at += 512 + content;
    }
}

fn open(path: &PathBuf) {
    let Ok(archive) = Archive::open(path) else { return };
    let keys = Keys::none();
    for (entry, size) in archive.entries() {
        assert!(layout::Object::of(entry).is_some(), "an entry is called {entry}");
        let read = archive.entry(entry, size).map(|bytes| bytes.map(|bytes| bytes.len() as u64));
        assert!(read.is_err() || read.is_ok_and(|read| read == Some(size)), "an entry has another size");
    }
    let Ok(manifest) = archive.manifest(&keys) else { return };
    assert_eq!(&manifest.tenant, archive.tenant());
    for (table, of) in manifest.parts() {
        if let Ok(Some(stored)) = archive.entry(&layout::part(&of.name), of.stored_bytes)
            && let Ok(raw) = part::unpack(table, of, &stored, &keys)
        {
            assert_eq!(raw.len() as u64, of.raw_bytes);
        }
    }
}

/// As it is stored, or the JSON of a manifest, around which everything is made right.
pub fn manifest(bytes: &[u8]) {
    let keys = Keys::none();
    if let Ok(manifest) = Manifest::decode("it", bytes, &keys) {
        same(&manifest, &keys);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let digest = blake3::hash(bytes).to_hex();
    for whole in [text.to_owned(), format!("{{\"format\":1,\"digest\":\"{digest}\",\"manifest\":{text}}}")] {
        let stored = Codec::Zstd { level: 1 }.compress(whole.as_bytes()).expect("memory");
        if let Ok(manifest) = Manifest::decode("it", &stored, &keys) {
            same(&manifest, &keys);
        }
    }
}

fn same(manifest: &Manifest, keys: &Keys) {
    std::hint::black_box([manifest.rows(), manifest.raw_bytes(), manifest.stored_bytes(), manifest.file_bytes()]);
    std::hint::black_box((manifest.generations(), manifest.is_whole()));
    let stored = manifest.encode(None).expect("it can be written");
    assert_eq!(&Manifest::decode("again", &stored, keys).expect("it can be read"), manifest);
}

/// As it is stored, or the record alone, around which everything is made right.
pub fn key_record(bytes: &[u8]) {
    let digest = blake3::hash(bytes).to_hex();
    let whole = [format!("{{\"format\":1,\"digest\":\"{digest}\",\"record\":").as_bytes(), bytes, b"}\n"].concat();
    for stored in [bytes, &whole] {
        if let Ok(found) = record::decode::<KeyRecord>("it", stored) {
            std::hint::black_box((found.fits(stored), found.generation(), found.administrators(), found.removed()));
            assert_eq!(record::encode("again", &found).expect("it can be written"), stored);
        }
    }
}

/// As it is saved, or one plan, around which everything is made right.
pub fn plan_file(bytes: &[u8]) {
    let path = file("json");
    fs::write(&path, bytes).expect("a file");
    load(&path);
    let Ok(plan) = serde_json::from_slice::<&RawValue>(bytes) else { return };
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let digest = chain::digest(&value);
    let all = chain::digest(&serde_json::Value::from(vec![digest.clone()]));
    let mut file = File::create(&path).expect("a file");
    write!(
        file,
        "{{\"schema\":\"fixtool.plan\",\"format_version\":1,\"digest\":\"{all}\",\"plans\":[{{\"digest\":\"{digest}\",\"plan\":{plan}}}]}}"
    )
    .expect("a file");
    load(&path);
}

fn load(path: &PathBuf) {
    let Ok(file) = PlanFile::load(path) else { return };
    assert!(file.operation().is_none() || !file.targets().is_empty());
    plans::<LoadAction>(&file);
    plans::<init::Action>(&file);
    plans::<drop::Action>(&file);
}

/// Plans that are taken out and saved again are the same file.
fn plans<A: Action>(file: &PlanFile) {
    let Ok(plans) = file.plans::<A>() else { return };
    for step in plans.iter().flat_map(|plan| &plan.steps) {
        let action = &step.action;
        std::hint::black_box((action.describe(), action.effect(), action.size(), action.undo(), action.losses()));
    }
    let again = PlanFile::of(&plans).expect("they can be written");
    assert_eq!(serde_json::to_value(&again).ok(), serde_json::to_value(file).ok());
}
