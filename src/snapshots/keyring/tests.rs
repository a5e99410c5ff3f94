//! Who can open what, before and after keys change hands.

use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519;

use super::super::archive::export::export;
use super::super::archive::{Archive, ArchiveFormat};
use super::super::source::{ArchiveSource, RepositorySource};
use super::super::tests::{Scene, in_memory, tenant};
use super::super::{Codec, Packing, SnapshotSource};
use super::*;
use crate::backends::sealing::Passphrase;

/// A person with a key.
struct Person {
    public: Administrator,
    identities: Identities,
}

fn person(folder: &Path, name: &str) -> Person {
    let key = x25519::Identity::generate();
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, format!("{}\n", key.to_string().expose_secret())).unwrap();
    Person { public: Administrator::Age(key.to_public()), identities: Identities::read(&[path]).unwrap() }
}

fn all(people: &[&Person]) -> Administrators {
    Administrators::of(people.iter().map(|person| person.public.clone()).collect()).unwrap()
}

fn machine(repository: &Repository, folder: &Path, name: &str) -> Keyring {
    Keyring::new(repository, &tenant("acme"), LocalKeys::new(&folder.join(name), repository.id()))
}

#[tokio::test]
async fn a_machine_with_public_keys_alone_makes_one_generation_and_stays_with_it() {
    let here = tempfile::tempdir().unwrap();
    let repository = in_memory().await;
    let (ann, none) = (person(here.path(), "ann"), Identities::default());
    let first = machine(&repository, here.path(), "first");
    let (generation, key) = first.for_backup(&all(&[&ann]), &none).await.unwrap();
    let (again, same) = first.for_backup(&all(&[&ann]), &none).await.unwrap();
    assert_eq!((generation, again, key.recipient()), (1, 1, same.recipient()));

    // Another machine cannot name parts like the first, so it makes its own generation.
    let second = machine(&repository, here.path(), "second");
    assert_eq!(second.for_backup(&all(&[&ann]), &none).await.unwrap().0, 2);
    assert_eq!(first.for_backup(&all(&[&ann]), &none).await.unwrap().0, 1);
    // Who can open the newest uses it, and needs no identity for it from then on.
    let third = machine(&repository, here.path(), "third");
    assert_eq!(third.for_backup(&all(&[&ann]), &ann.identities).await.unwrap().0, 2);
    assert_eq!(third.for_backup(&all(&[&ann]), &none).await.unwrap().0, 2);

    let keys = first.keys(&none).await.unwrap();
    assert!(keys.tenant(1).is_none() && keys.sealing(1).is_some() && keys.sealing(2).is_none());
    let keys = first.keys(&ann.identities).await.unwrap();
    assert!(keys.tenant(1).is_some() && keys.tenant(2).is_some());
    let nobody = machine(&repository, here.path(), "fourth").for_backup(&Administrators::default(), &none).await;
    assert!(matches!(nobody, Err(SnapshotError::Key(KeyError::Nobody))));
}

#[tokio::test]
async fn a_key_that_was_lost_or_exchanged_in_the_store_is_not_used() {
    let here = tempfile::tempdir().unwrap();
    let repository = in_memory().await;
    let (ann, none) = (person(here.path(), "ann"), Identities::default());
    let ring = machine(&repository, here.path(), "machine");
    let acme = tenant("acme");
    ring.for_backup(&all(&[&ann]), &none).await.unwrap();
    let wrapped = layout::wrapped_key(&acme, 1);
    let bytes = repository.store().get(&wrapped, 1 << 20).await.unwrap().unwrap();
    let mut changed = bytes.to_vec();
    changed[20] ^= 1;
    repository.store().put(&wrapped, Bytes::from(changed)).await.unwrap();
    assert_eq!(ring.for_backup(&all(&[&ann]), &none).await.unwrap().0, 2);
    repository.store().delete(&layout::wrapped_key(&acme, 2)).await.unwrap();
    repository.store().put(&wrapped, bytes).await.unwrap();
    assert_eq!(ring.for_backup(&all(&[&ann]), &none).await.unwrap().0, 1);

    // Somebody who can write to the store puts a whole generation of their own in its place.
    let key = TenantKey::generate();
    let forged = Generation::new(&acme, 1, &key, Reason::Needed).seal(all(&[&ann])).await.unwrap();
    repository.store().put(&wrapped, forged.wrapped).await.unwrap();
    repository.store().put(&layout::key_record(&acme, 1), forged.record).await.unwrap();
    let (generation, used) = ring.for_backup(&all(&[&ann]), &ann.identities).await.unwrap();
    assert_ne!((generation, used.recipient()), (1, key.sealing().recipient()));
}

#[tokio::test]
async fn who_was_removed_opens_nothing_new() {
    let here = tempfile::tempdir().unwrap();
    let repository = in_memory().await;
    let (ann, bob, eve) = (person(here.path(), "ann"), person(here.path(), "bob"), person(here.path(), "eve"));
    let none = Identities::default();
    let ring = machine(&repository, here.path(), "machine");
    ring.for_backup(&all(&[&ann]), &none).await.unwrap();
    ring.reseal(1, &all(&[&ann, &eve]), &ann.identities).await.unwrap();
    ring.reseal(1, &all(&[&ann, &bob, &eve]), &eve.identities).await.unwrap();
    assert_eq!(ring.records().await.unwrap()[0].administrators().len(), 3);
    assert_eq!(ring.for_backup(&all(&[&ann]), &none).await.unwrap().0, 1);

    let stranger = person(here.path(), "stranger");
    for wrong in [&none, &stranger.identities] {
        let error = ring.reseal(1, &all(&[&ann]), wrong).await.unwrap_err();
        assert!(matches!(error, SnapshotError::NoKey { generation: 1, .. }), "{error}");
    }
    let gone = [eve.public.shown()];
    assert_eq!(ring.supersede(2, &all(&[&ann, &bob]), &gone).await.unwrap(), 2);
    // Made again after an interruption, it is the same one.
    assert_eq!(ring.supersede(2, &all(&[&ann, &bob]), &gone).await.unwrap(), 2);
    ring.reseal(1, &all(&[&ann, &bob]), &ann.identities).await.unwrap();
    assert_eq!(ring.records().await.unwrap()[1].removed(), gone);

    let (generation, _) = ring.for_backup(&all(&[&ann, &eve]), &none).await.unwrap();
    assert_eq!(generation, 2);
    assert!(ring.clone().keys(&bob.identities).await.unwrap().tenant(2).is_some());
    let eves = machine(&repository, here.path(), "eve's").keys(&eve.identities).await.unwrap();
    assert!(eves.is_empty());
    // A machine whose configuration still names her seals nothing for her.
    let old = machine(&repository, here.path(), "old");
    let error = old.for_backup(&all(&[&eve]), &none).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Superseded { .. }), "{error}");
    assert_eq!(old.for_backup(&all(&[&eve, &bob]), &none).await.unwrap().0, 3);
    assert!(machine(&repository, here.path(), "eve's").keys(&eve.identities).await.unwrap().is_empty());
    assert!(old.keys(&bob.identities).await.unwrap().tenant(3).is_some());
    // Let in again on purpose, she is not remembered as removed.
    ring.reseal(2, &all(&[&ann, &bob, &eve]), &ann.identities).await.unwrap();
    assert!(ring.records().await.unwrap()[1].removed().is_empty());
}

#[tokio::test]
async fn an_interrupted_change_leaves_no_key_that_looks_forged() {
    let here = tempfile::tempdir().unwrap();
    let repository = in_memory().await;
    let (ann, bob) = (person(here.path(), "ann"), person(here.path(), "bob"));
    let ring = machine(&repository, here.path(), "machine");
    ring.for_backup(&all(&[&ann]), &Identities::default()).await.unwrap();
    let paths = [layout::wrapped_key(&tenant("acme"), 1), layout::key_record(&tenant("acme"), 1)];
    let store = repository.store();
    let old = store.get(&paths[0], 1 << 20).await.unwrap().unwrap();
    ring.reseal(1, &all(&[&ann, &bob]), &ann.identities).await.unwrap();
    let bobs = ring.known(&bob.identities).await.unwrap();
    assert!(bobs[0].opens && bobs[0].seals && bobs[0].proven && bobs[0].problem.is_none());
    // As it is after the first of the three writes: the key of before under a record that knows both.
    let (record, new) =
        (ring.records().await.unwrap().remove(0), store.get(&paths[0], 1 << 20).await.unwrap().unwrap());
    let key = ring.believed(&record, &ann.identities).await.unwrap();
    let mut body = record.body.clone();
    body.wrapped = vec![layout::Digest::of(&old), layout::Digest::of(&new)];
    let both = record::encode("it", KeyRecord::new(body, &key.sealing()).unwrap()).unwrap();
    let finished = store.get(&paths[1], 1 << 20).await.unwrap().unwrap();
    store.put(&paths[1], Bytes::from(both)).await.unwrap();
    for sealed in [&old, &new] {
        store.put(&paths[0], sealed.clone()).await.unwrap();
        assert!(ring.known(&ann.identities).await.unwrap()[0].opens);
    }
    store.put(&paths[1], finished).await.unwrap();
    store.put(&paths[0], old).await.unwrap();
    let exchanged = ring.known(&ann.identities).await.unwrap();
    assert!(!exchanged[0].opens && exchanged[0].proven, "a key that its record does not know is not used");
    assert!(exchanged[0].problem.as_deref().is_some_and(|problem| problem.contains("another one")));
    store.delete(&paths[0]).await.unwrap();
    let missing = ring.known(&ann.identities).await.unwrap();
    assert!(!missing[0].opens && missing[0].problem.as_deref().is_some_and(|problem| problem.contains("missing")));
    let nobody = machine(&repository, here.path(), "elsewhere").known(&Identities::default()).await.unwrap();
    assert!(!nobody[0].opens && !nobody[0].seals && !nobody[0].proven);
}

#[tokio::test]
async fn the_erased_tenant_is_lost_and_its_neighbour_is_not() {
    let here = tempfile::tempdir().unwrap();
    let repository = in_memory().await;
    let words = Passphrase::new("four words of mine".into());
    let (who, with) = (Administrators::passphrase(words.clone()), Identities::default().with_passphrase(&words));
    let local = LocalKeys::new(here.path(), repository.id());
    let (acme, globex) = (
        Keyring::new(&repository, &tenant("acme"), local.clone()),
        Keyring::new(&repository, &tenant("globex"), local),
    );
    acme.for_backup(&who, &with).await.unwrap();
    globex.for_backup(&who, &with).await.unwrap();
    acme.erase().await.unwrap();
    assert!(acme.keys(&with).await.unwrap().is_empty());
    assert!(globex.keys(&with).await.unwrap().tenant(1).is_some());
    let new = Passphrase::new("four other words".into());
    // Two passphrases are tried one after the other, whichever comes first.
    let both = Identities::default().with_passphrase(&new).with_passphrase(&words);
    globex.reseal(1, &Administrators::passphrase(new.clone()), &both).await.unwrap();
    let with_new = Identities::default().with_passphrase(&new);
    assert!(globex.keys(&with_new).await.unwrap().tenant(1).is_some());
    assert!(globex.keys(&with).await.unwrap().tenant(1).is_none());
}

#[tokio::test]
async fn an_exported_snapshot_is_opened_with_an_administrators_key_alone() {
    let here = tempfile::tempdir().unwrap();
    let repository = in_memory().await;
    let (ann, eve) = (person(here.path(), "ann"), person(here.path(), "eve"));
    let ring = machine(&repository, here.path(), "machine");
    let (generation, key) = ring.for_backup(&all(&[&ann]), &Identities::default()).await.unwrap();
    let keys = ring.keys(&ann.identities).await.unwrap();
    let scene =
        Scene { packing: Packing::sealed(Codec::default(), generation, key), keys: keys.clone(), ..Scene::plain() };
    let id = scene.back_up(&repository, "acme").await;
    // The machine itself can read the manifest, and that is all it needs.
    let own = ring.keys(&Identities::default()).await.unwrap();
    let source = RepositorySource::open(&repository, &tenant("acme"), &id, own).await.unwrap();
    for format in ArchiveFormat::ALL {
        let path = here.path().join(format!("acme.{}", format.ending()));
        export(&repository, &source, &path, format).await.unwrap();
        let archive = Archive::open(&path).unwrap();
        assert_eq!(archive.id(), &id);
        assert!(archive.keys(&eve.identities).unwrap().is_empty());
        let opened = ArchiveSource::open(archive.clone(), archive.keys(&ann.identities).unwrap()).unwrap();
        let part = &opened.manifest().tables[0].parts[0];
        assert!(scene.rows.concat().as_bytes().starts_with(&opened.rows("users", part).await.unwrap()));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_machine_keeps_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let here = tempfile::tempdir().unwrap();
    let local = LocalKeys::new(here.path(), "repository");
    let (acme, key) = (tenant("acme"), TenantKey::generate().sealing());
    assert!(local.get(&acme, 1).unwrap().is_none());
    local.put(&acme, 1, &key).unwrap();
    assert_eq!(local.get(&acme, 1).unwrap().unwrap().recipient(), key.recipient());
    let path = here.path().join("repository/acme/1.json");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(local.get(&acme, 1), Err(SnapshotError::LocalKey { .. })));
    local.forget(&acme).unwrap();
    assert!(local.get(&acme, 1).unwrap().is_none());
}
