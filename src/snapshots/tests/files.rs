//! Files of hostile snapshots, and of folders that do not hold still.

use super::*;
use crate::snapshots::manifest::FileEntry;

#[test]
fn files_that_no_honest_manifest_names_are_refused() {
    let long = "a/".repeat(20) + "b";
    let refused = [
        (&["/etc/passwd"][..], "outside"),
        (&["../acme2/x"], "outside"),
        (&["docs/../../x"], "outside"),
        (&["docs/.."], "outside"),
        (&["docs//x"], "outside"),
        (&["docs/"], "outside"),
        (&["./x"], "outside"),
        (&[""], "outside"),
        (&["C:\\x"], "outside"),
        (&["a\0b"], "outside"),
        (&["a", "a"], "one path"),
        (&["a", "a/b"], "in another file"),
        (&[&long, "a/a/a"], "in another file"),
    ];
    let scene = Scene::plain();
    let (_, file) = scene.file();
    let read = |files: Vec<FileEntry>| {
        let manifest = scene.manifest("acme", Vec::new(), files);
        Manifest::decode("it", &manifest.encode(None).unwrap(), &scene.keys).map_err(|error| error.to_string())
    };
    let named = |path: &str| FileEntry { path: path.into(), ..file.clone() };
    for (paths, reason) in refused {
        let error = read(paths.iter().map(|path| named(path)).collect()).unwrap_err();
        assert!(error.contains(reason), "{paths:?}: {error}");
    }
    for path in ["a", "a/b/c", "..a", "a..", "a b", "ä", "-rf", &long] {
        read(vec![named(path)]).unwrap();
    }
    let wrong = FileEntry { bytes: 10, ..file.clone() };
    assert!(read(vec![wrong]).unwrap_err().contains("its chunks have 9"));
    let mut huge = file.clone();
    huge.chunks[0].raw_bytes = 1 << 30;
    huge.bytes = 1 << 30;
    assert!(read(vec![huge]).unwrap_err().contains("larger than any honest one"));
}
