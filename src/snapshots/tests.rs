//! A repository as a whole: order, resume, damage of every kind.

mod files;
mod scene;

pub(super) use scene::{Scene, in_memory, tenant};

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;

use crate::backends::sealing::TenantKey;
use crate::backends::storage::{Put, StorageOptions, Store};
use crate::model::TenantId;

use super::cut::Rows;
use super::error::PartFault;
use super::layout::Object;
use super::part::{self, PartRef};
use super::pins::{Hold, Pin};
use super::source::RepositorySource;
use super::verified::{Level, Outcome};
use super::*;

/// Reads everything that verify reads at level data; the error says what is wrong.
async fn verify(repository: &Repository, tenant_name: &str, keys: &Keys) -> Result<u64, SnapshotError> {
    let repository = Repository::open(repository.store().clone()).await?;
    let tenant = tenant(tenant_name);
    let mut seen = 0;
    for entry in repository.snapshots(&tenant).await? {
        let source = RepositorySource::open(&repository, &tenant, &entry.id, keys.clone()).await?;
        for table in &source.manifest().tables {
            for part in &table.parts {
                seen += source.rows(&table.name, part).await?.len() as u64;
            }
        }
        for file in &source.manifest().files {
            for chunk in &file.chunks {
                seen += source.chunk(&file.path, chunk).await?.len() as u64;
            }
        }
        repository.verified(&tenant, &entry.id).await?;
    }
    repository.pins(&tenant).await?;
    Ok(seen)
}

#[tokio::test]
async fn a_snapshot_comes_back_whole_and_exists_only_after_its_manifest() {
    for scene in [Scene::plain(), Scene::sealed()] {
        let repository = in_memory().await;
        let acme = tenant("acme");
        for (packed, _) in scene.parts() {
            repository.store().put(&layout::part(&packed.name), packed.bytes).await.unwrap();
        }
        assert!(repository.all_snapshots().await.unwrap().is_empty());
        let id = scene.back_up(&repository, "acme").await;
        let source = RepositorySource::open(&repository, &acme, &id, scene.keys.clone()).await.unwrap();
        let mut whole = Vec::new();
        for part in &source.manifest().tables[0].parts {
            whole.extend_from_slice(&source.rows("users", part).await.unwrap());
        }
        assert_eq!(whole, scene.rows.concat().as_bytes());
        let file = &source.manifest().files[0];
        assert_eq!(source.chunk(&file.path, &file.chunks[0]).await.unwrap(), &b"a picture"[..]);
        assert_eq!(source.manifest().rows(), 200);
        assert_eq!(source.manifest().raw_bytes(), whole.len() as u64 + 9);
        let stored: u64 = repository.parts().await.unwrap().iter().map(|part| part.size).sum();
        assert_eq!(source.manifest().stored_bytes(), stored);
        assert_eq!(source.manifest().encryption.is_some(), scene.packing.key().is_some());
    }
}

#[tokio::test]
async fn the_second_run_finds_the_parts_of_the_first() {
    for scene in [Scene::plain(), Scene::sealed()] {
        let repository = in_memory().await;
        let first = scene.parts();
        for (packed, _) in &first[..4] {
            repository.store().put(&layout::part(&packed.name), packed.bytes.clone()).await.unwrap();
        }
        let damaged = first[3].0.clone();
        let path = layout::part(&damaged.name);
        repository.store().put(&path, damaged.bytes.slice(..50)).await.unwrap();
        for (at, (packed, reference)) in first.iter().enumerate() {
            let raw = Bytes::from(part::unpack("users", reference, &packed.bytes, &scene.keys).unwrap());
            let (stored, put) = repository.store_part(&scene.packing, raw.clone(), &scene.keys).await.unwrap();
            assert_eq!(put, if at < 3 { Put::Existed } else { Put::Created }, "{at}");
            assert_eq!(stored.name, packed.name);
            // A machine without the tenant's key finds it, too.
            let (stored, put) = repository.store_part(&scene.packing, raw, &Keys::none()).await.unwrap();
            assert_eq!(put, Put::Existed);
            let found = repository.part("users", &stored.reference(&Rows::default())).await.unwrap();
            assert_eq!(found, stored.bytes);
        }
        let id = scene.back_up(&repository, "acme").await;
        assert_eq!(repository.parts().await.unwrap().len(), first.len() + 1);
        assert!(repository.manifest(&tenant("acme"), &id, &scene.keys).await.is_ok());
    }
}

#[tokio::test]
async fn many_workers_may_store_one_part() {
    let (scene, repository) = (Scene::sealed(), in_memory().await);
    let workers = (0..8).map(|_| {
        let (repository, packing, keys) = (repository.clone(), scene.packing.clone(), scene.keys.clone());
        tokio::spawn(async move { repository.store_part(&packing, Bytes::from_static(b"1\n"), &keys).await.unwrap() })
    });
    for worker in workers.collect::<Vec<_>>() {
        let (stored, _) = worker.await.unwrap();
        let part = stored.reference(&Rows { count: 1, ..Rows::default() });
        assert!(repository.part("users", &part).await.is_ok());
    }
}

async fn objects(repository: &Repository) -> Vec<(String, Bytes)> {
    let mut all = Vec::new();
    for entry in repository.store().list("").await.unwrap() {
        let bytes = repository.store().get(&entry.path, 1 << 30).await.unwrap().unwrap();
        all.push((entry.path, bytes));
    }
    all
}

/// Bits that are flipped, one at a time, in repositories with and without keys together.
const FLIPS: u64 = 10_000;

/// Reads what a verification reads of one part, as a restore does.
async fn read_part(
    repository: &Repository,
    (tenant, id): (&TenantId, &SnapshotId),
    path: &str,
    keys: &Keys,
) -> Result<(), SnapshotError> {
    let source = RepositorySource::open(repository, tenant, id, keys.clone()).await?;
    let named = |part: &PartRef| layout::part(&part.name) == path;
    for table in &source.manifest().tables {
        for part in table.parts.iter().filter(|part| named(part)) {
            source.rows(&table.name, part).await?;
        }
    }
    for file in &source.manifest().files {
        for chunk in file.chunks.iter().filter(|chunk| named(chunk)) {
            source.chunk(&file.path, chunk).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_is_found() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut flipped = 0;
    for scene in [Scene::plain(), Scene::sealed()] {
        let repository = in_memory().await;
        let acme = tenant("acme");
        let id = scene.back_up(&repository, "acme").await;
        let pin =
            Pin { snapshot: id.clone(), hold: Hold::Keep, by: "audit".into(), since: Instant::now(), until: None };
        repository.pin(&acme, &pin).await.unwrap();
        let outcome = Outcome { at: Instant::now(), objects: 3, bytes: 9, problems: vec![], fixtool: "0.1.0".into() };
        repository.keep_verified((&acme, &id), Level::Data, outcome).await.unwrap();
        assert!(verify(&repository, "acme", &scene.keys).await.unwrap() > 5000);
        let all = objects(&repository).await;
        let mut kinds = BTreeSet::new();
        for (path, bytes) in &all {
            let part = matches!(Object::of(path), Some(Object::Part(_)));
            kinds.insert(part);
            // Each of the few others is looked at with everything that hangs on it.
            let flips = if part { FLIPS / 2 / all.len() as u64 + 100 } else { 60 };
            let cuts = if part { 100 } else { 20 };
            for round in 0..flips + cuts {
                let mut changed = bytes.to_vec();
                if round < flips {
                    let at = random.usize(..changed.len() * 8);
                    changed[at / 8] ^= 1 << (at % 8);
                    flipped += 1;
                } else {
                    let at = bytes.len() as u64 * (round - flips) / cuts;
                    changed.truncate(usize::try_from(at).unwrap());
                }
                repository.store().put(path, Bytes::from(changed)).await.unwrap();
                let found = if part && round % 500 != 0 {
                    read_part(&repository, (&acme, &id), path, &scene.keys).await.is_err()
                } else {
                    verify(&repository, "acme", &scene.keys).await.is_err()
                };
                assert!(found, "{path} {round}");
            }
            repository.store().put(path, bytes.clone()).await.unwrap();
        }
        assert_eq!(kinds.len(), 2);
        assert!(verify(&repository, "acme", &scene.keys).await.is_ok());
    }
    assert!(flipped >= FLIPS, "{flipped}");
}

#[tokio::test]
async fn swapped_and_missing_parts_are_named() {
    for scene in [Scene::plain(), Scene::sealed()] {
        let repository = in_memory().await;
        let id = scene.back_up(&repository, "acme").await;
        let manifest = repository.manifest(&tenant("acme"), &id, &scene.keys).await.unwrap();
        let (one, two) = (&manifest.tables[0].parts[0], &manifest.tables[0].parts[1]);
        let bytes = repository.part("users", two).await.unwrap();
        repository.store().put(&layout::part(&one.name), bytes.clone()).await.unwrap();
        let error = repository.part("users", one).await.unwrap_err();
        assert!(matches!(error, SnapshotError::Part { ref table, .. } if table == "users"), "{error}");
        // A forger of the manifest's hashes is found out by the name.
        let forged = PartRef { name: one.name.clone(), ..two.clone() };
        let error = part::unpack("users", &forged, &bytes, &scene.keys).unwrap_err();
        assert!(matches!(error, SnapshotError::Part { fault: PartFault::Name, .. }), "{error}");
        let bomb = PartRef { raw_bytes: 1 << 30, ..two.clone() };
        let error = part::unpack("users", &bomb, &bytes, &scene.keys).unwrap_err();
        assert!(matches!(error, SnapshotError::Part { fault: PartFault::Ratio { .. }, .. }), "{error}");
        let small = PartRef { raw_bytes: two.raw_bytes - 1, ..two.clone() };
        assert!(part::unpack("users", &small, &bytes, &scene.keys).is_err());
        let fewer = PartRef { rows: two.rows - 1, ..two.clone() };
        let error = part::unpack_rows("users", &fewer, &bytes, &scene.keys).unwrap_err();
        assert!(matches!(error, SnapshotError::Part { fault: PartFault::Rows { .. }, .. }), "{error}");
        repository.delete_part(&one.name).await.unwrap();
        let error = repository.part("users", one).await.unwrap_err();
        assert!(matches!(error, SnapshotError::Part { fault: PartFault::Missing, .. }), "{error}");
    }
}

#[tokio::test]
async fn keys_open_what_is_theirs_and_nothing_else() {
    let (ours, theirs) = (Scene::sealed(), Scene::sealed());
    let repository = in_memory().await;
    let id = ours.back_up(&repository, "acme").await;
    theirs.back_up(&repository, "globex").await;
    let acme = tenant("acme");
    for keys in [&theirs.keys, &Keys::none()] {
        let error = repository.manifest(&acme, &id, keys).await.unwrap_err();
        assert!(matches!(error, SnapshotError::Key(_)), "{error}");
    }
    // What a machine keeps opens the manifest, and no part.
    let mut kept = Keys::none();
    kept.add_sealing(1, ours.packing.key().unwrap().clone());
    let source = RepositorySource::open(&repository, &acme, &id, kept).await.unwrap();
    let error = source.rows("users", &source.manifest().tables[0].parts[0]).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Part { fault: PartFault::NoKey(1), .. }), "{error}");
    // One content has different names for different tenants.
    assert_ne!(ours.packing.identify(b"x"), theirs.packing.identify(b"x"));
    assert_eq!(repository.all_snapshots().await.unwrap().len(), 2);
    // A manifest that a provider seals for the public key, without the content key, is not believed.
    let stranger = TenantKey::generate().sealing();
    let text = crate::backends::sealing::SealingKey::from_texts(
        &ours.packing.key().unwrap().recipient(),
        &stranger.content_text(),
    );
    let forged = ours.manifest("acme", vec![], vec![]).encode(Some(&text.unwrap())).unwrap();
    assert!(Manifest::decode("forged", &forged, &ours.keys).is_err());
}

#[tokio::test]
async fn manifests_under_other_names_and_of_newer_formats_are_refused() {
    let scene = Scene::plain();
    let repository = in_memory().await;
    let id = scene.back_up(&repository, "acme").await;
    let bytes = repository.manifest_bytes(&tenant("acme"), &id).await.unwrap();
    repository.store().put(&layout::manifest(&tenant("globex"), &id), bytes.clone()).await.unwrap();
    let error = repository.manifest(&tenant("globex"), &id, &Keys::none()).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");

    let text = Compression::Zstd.decompress(&bytes, 1 << 30).unwrap();
    let text = String::from_utf8(text).unwrap().replacen("{\"format\":1", "{\"news\":[],\"format\":2", 1);
    let newer = Codec::default().compress(text.as_bytes()).unwrap();
    let error = Manifest::decode("it", &newer, &Keys::none()).unwrap_err();
    assert!(matches!(error, SnapshotError::Newer { found: 2, .. }), "{error}");

    let label = repository.store().get(layout::REPOSITORY, 1 << 20).await.unwrap().unwrap();
    let label = String::from_utf8(label.to_vec()).unwrap().replacen("\"format\":1", "\"format\":9", 1);
    repository.store().put(layout::REPOSITORY, Bytes::from(label)).await.unwrap();
    let error = Repository::open(repository.store().clone()).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Newer { found: 9, .. }), "{error}");
}

#[tokio::test]
async fn snapshots_are_found_by_their_beginning() {
    let repository = in_memory().await;
    let (scene, acme) = (Scene::plain(), tenant("acme"));
    let id = scene.back_up(&repository, "acme").await;
    let mut other = scene.manifest("acme", vec![], vec![]);
    other.tags.insert("other".into());
    let second = repository.publish(&other, None).await.unwrap();
    assert_eq!(repository.publish(&other, None).await.unwrap(), second);
    let found = |given: String| {
        let (repository, acme) = (repository.clone(), acme.clone());
        async move { repository.find(Some(&acme), &given).await }
    };
    assert_eq!(found(id.to_string()).await.unwrap().id, id);
    assert_eq!(found(id.as_str()[17..22].to_owned()).await.unwrap().id, id);
    assert!(
        matches!(found("20261123".into()).await, Err(SnapshotError::Ambiguous { matches, .. }) if matches.len() == 2)
    );
    assert!(matches!(found("nothing".into()).await, Err(SnapshotError::Unknown { .. })));
    assert!(matches!(found(String::new()).await, Err(SnapshotError::Unknown { .. })));
    repository.delete_manifest(&acme, &id).await.unwrap();
    assert_eq!(repository.snapshots(&acme).await.unwrap().len(), 1);
}

#[tokio::test]
async fn pins_and_results_are_kept() {
    let repository = in_memory().await;
    let (acme, id) = (tenant("acme"), Scene::plain().back_up(&repository, "acme").await);
    let now = Instant::now();
    let pin = Pin { snapshot: id.clone(), hold: Hold::Reader, by: "restore".into(), since: now, until: Some(now) };
    let name = repository.pin(&acme, &pin).await.unwrap();
    assert!(!pin.holds_at(now));
    let pin = Pin { until: None, ..pin };
    repository.renew_pin(&acme, &name, &pin).await.unwrap();
    assert!(pin.holds_at(now));
    assert_eq!(repository.pins(&acme).await.unwrap(), [(name.clone(), pin)]);
    repository.unpin(&acme, &name).await.unwrap();
    assert!(repository.pins(&acme).await.unwrap().is_empty());

    let outcome = Outcome { at: now, objects: 1, bytes: 1, problems: vec![], fixtool: "0.1.0".into() };
    repository.keep_verified((&acme, &id), Level::Quick, outcome.clone()).await.unwrap();
    assert!(!repository.verified(&acme, &id).await.unwrap().is_sound());
    repository.keep_verified((&acme, &id), Level::Drill, outcome).await.unwrap();
    let verified = repository.all_verified(&acme).await.unwrap().remove(&id).unwrap();
    assert!(verified.is_sound());
    assert_eq!(verified.since(Level::Data, now).map(|(level, _)| level), Some(Level::Drill));
    repository.delete_verified(&acme, &id).await.unwrap();
    assert!(repository.all_verified(&acme).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_store_without_a_repository_says_so() {
    let here = tempfile::tempdir().unwrap();
    let store = Store::open(&here.path().join("new").display().to_string(), &StorageOptions::default()).unwrap();
    let error = Repository::open(store.clone()).await.unwrap_err();
    assert!(matches!(error, SnapshotError::NoRepository { .. }), "{error}");
    assert!(!Path::new(store.location()).exists());
    let made = Repository::open_or_init(store.clone()).await.unwrap();
    assert_eq!(made.id(), Repository::open_or_init(store).await.unwrap().id());
}

#[test]
fn a_manifest_that_is_a_bomb_or_of_no_format_is_refused() {
    let bomb = Codec::default().compress(&vec![b' '; 200 << 20]).unwrap();
    assert!(bomb.len() < 50_000);
    let error = Manifest::decode("it", &bomb, &Keys::none()).unwrap_err();
    assert!(error.to_string().contains("buffer is too small"), "{error}");
    let honest = Scene::plain().manifest("acme", vec![], vec![]).encode(None).unwrap();
    let text = String::from_utf8(Compression::Zstd.decompress(&honest, 1 << 20).unwrap()).unwrap();
    let none = Codec::default().compress(text.replacen("\"format\":1", "\"format\":0", 1).as_bytes()).unwrap();
    let error = Manifest::decode("it", &none, &Keys::none()).unwrap_err();
    assert!(error.to_string().contains("no format 0"), "{error}");
}
