//! One suite for every kind of store, and what only a directory can do wrong.

use super::*;

use object_store::memory::InMemory;

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn conforms(store: &Store) {
    assert_eq!(store.list("").await.unwrap(), []);
    assert_eq!(store.get("a/b", 10).await.unwrap(), None);
    assert_eq!(store.head("a/b").await.unwrap(), None);
    store.delete("a/b").await.unwrap();
    assert_eq!(store.put_new("a/b", text("one")).await.unwrap(), Put::Created);
    assert_eq!(store.put_new("a/b", text("two")).await.unwrap(), Put::Existed);
    assert_eq!(store.get("a/b", 3).await.unwrap(), Some(text("one")));
    assert!(matches!(store.get("a/b", 2).await, Err(StorageError::TooLarge { size: 3, most: 2, .. })));
    store.put("a/b", text("three")).await.unwrap();
    store.put("a/c/d", text("")).await.unwrap();
    store.put("ab", text("x")).await.unwrap();
    assert_eq!(store.head("a/b").await.unwrap(), Some(5));
    let names = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.path).collect::<Vec<_>>();
    assert_eq!(names(store.list("").await.unwrap()), ["a/b", "a/c/d", "ab"]);
    assert_eq!(names(store.list("a").await.unwrap()), ["a/b", "a/c/d"]);
    assert_eq!(names(store.list("nowhere").await.unwrap()), Vec::<String>::new());
    store.delete("a/b").await.unwrap();
    assert_eq!(store.get("a/b", 10).await.unwrap(), None);
    for path in ["", "/a", "../a", "a/../b", "a//b", "a/.", ".a", "a\\b", "a/b\0", "ä", "a b"] {
        assert!(matches!(store.put(path, text("x")).await, Err(StorageError::Path { .. })), "{path}");
    }
}

#[tokio::test]
async fn every_store_conforms() {
    let here = tempfile::tempdir().unwrap();
    conforms(&Store::directory(&here.path().join("new/place"))).await;
    conforms(&Store::over(Arc::new(InMemory::new()), "", "memory")).await;
    let shared: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    conforms(&Store::over(Arc::clone(&shared), "one", "memory")).await;
    conforms(&Store::over(shared, "one-more", "memory")).await;
}

#[tokio::test]
async fn of_many_writers_one_creates() {
    let here = tempfile::tempdir().unwrap();
    let store = Store::directory(here.path());
    let writers = (0..16).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.put_new("x/y", text(&format!("writer {n:02}"))).await.unwrap() })
    });
    let mut created = 0;
    for writer in writers.collect::<Vec<_>>() {
        created += usize::from(writer.await.unwrap() == Put::Created);
    }
    assert_eq!(created, 1);
    assert_eq!(store.list("").await.unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(here.path().join("x")).unwrap().count(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_private_and_old_unfinished_ones_vanish() {
    use std::os::unix::fs::PermissionsExt;
    let here = tempfile::tempdir().unwrap();
    let root = here.path().join("repository");
    let store = Store::directory(&root);
    store.put_new("a/b", text("x")).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&root), mode(&root.join("a")), mode(&root.join("a/b"))), (0o700, 0o700, 0o600));

    let (young, old) = (root.join("a/.fixtool-unfinished-1"), root.join("a/.fixtool-unfinished-2"));
    std::fs::write(&young, "half").unwrap();
    std::fs::write(&old, "half").unwrap();
    let long_ago = SystemTime::now() - std::time::Duration::from_hours(25);
    std::fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("a/link")).unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 1);
    assert!(young.exists() && old.exists());
    assert_eq!(store.clear_abandoned().await.unwrap(), 1);
    assert!(young.exists() && !old.exists());
}

#[tokio::test]
async fn trouble_has_a_kind_and_a_help() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("file"), "x").unwrap();
    let store = Store::directory(&here.path().join("file"));
    let error = store.put_new("a/b", text("x")).await.unwrap_err();
    assert!(error.to_string().contains("a/b cannot be stored"), "{error}");
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert_eq!(error::kind_of_io(&full), FailureKind::Full);
    let read_only = std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem);
    assert_eq!(error::kind_of_io(&read_only), FailureKind::Permission);
    for (said, kind) in [
        ("in 3.507ms - HTTP error: error sending request: tcp connect error", FailureKind::Unreachable),
        ("status code: 503 Slow Down: x", FailureKind::Unreachable),
        ("status code: 507 x", FailureKind::Full),
        ("<Code>XMinioStorageFull</Code>", FailureKind::Full),
        ("<Code>SignatureDoesNotMatch</Code>", FailureKind::Permission),
        ("<Code>NoSuchBucket</Code>", FailureKind::Missing),
        ("in 500 ms: something else", FailureKind::Other),
    ] {
        assert_eq!(error::kind_of_text(said), kind, "{said}");
    }
    let answer = "404: <?xml?><Error><Code>NoSuchBucket</Code><Message>It is gone</Message><HostId>x</HostId></Error>";
    assert_eq!(error::plain(answer), "It is gone (NoSuchBucket)");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let options = StorageOptions {
        endpoint: Some("http://127.0.0.1:9".into()),
        access_key_id: Some("id".into()),
        secret_access_key: Some("very secret".into()),
        ..StorageOptions::default()
    };
    assert!(!format!("{options:?}").contains("secret\""));
    let store = Store::open("s3://bucket/some/prefix/", &options).unwrap();
    assert_eq!(store.location(), "s3://bucket/some/prefix");
    assert!(!format!("{store:?}").contains("very secret"));
    let look = tokio::time::timeout(std::time::Duration::from_millis(50), store.head("x")).await;
    if let Ok(found) = look {
        assert_eq!(found.unwrap_err().kind(), FailureKind::Unreachable);
    }
}

#[test]
fn locations_are_checked_and_shown_without_secrets() {
    let options = StorageOptions::default();
    for wrong in ["", "s3://", "s3://a b/c", "s3://bucket/../x", "ftp://user:pass@host/x", "file://relative"] {
        let error = Store::open(wrong, &options).unwrap_err();
        assert!(!error.to_string().contains("pass"), "{error}");
    }
    assert_eq!(Store::open("file:///var/backups", &options).unwrap().location(), "/var/backups");
    assert_eq!(Store::open("backups", &options).unwrap().location(), "backups");
    assert_eq!(masked("https://u:p@host/x?token=1"), "https://***@host/x");
}
