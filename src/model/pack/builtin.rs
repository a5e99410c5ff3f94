//! The packs that fixtool carries with it. Their files lie in `migrations/packs/`.

use std::sync::{Arc, OnceLock};

use super::{Files, Pack, PackError};

/// The pack that is taken when nobody names one.
pub const DEFAULT: &str = "spotify-ai-agent";

macro_rules! files {
    ($pack:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../../migrations/packs/", $pack, "/", $path)).as_slice())),+]
    };
}

const SPOTIFY_AI_AGENT: &[(&str, &[u8])] = files!("spotify-ai-agent":
    "pack.yaml",
    "1.0.0/model.yaml",
    "1.0.0/fixtures/users.csv",
    "1.0.0/fixtures/ai_sessions.ndjson",
    "1.0.0/fixtures/content_generated.ndjson",
    "1.0.0/fixtures/collaborations.json",
    "1.0.0/fixtures/collaboration_participants.csv",
    "1.1.0/migration.yaml",
    "1.1.0/fixtures/users.csv",
    "1.1.0/fixtures/collaboration_invites.json",
    "1.2.0/migration.yaml",
    "2.0.0/migration.yaml",
    "2.0.0/fixtures/users.csv",
);

/// Names of all built-in packs.
pub fn names() -> &'static [&'static str] {
    &[DEFAULT]
}

/// The files of a built-in pack.
pub fn files(name: &str) -> Option<Files> {
    let files = match name {
        DEFAULT => SPOTIFY_AI_AGENT,
        _ => return None,
    };
    Some(files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect())
}

/// A built-in pack, read once in the life of the process. `None` when there is none of this name.
pub fn pack(name: &str) -> Option<Result<Arc<Pack>, PackError>> {
    static READ: OnceLock<Result<Arc<Pack>, PackError>> = OnceLock::new();
    match name {
        DEFAULT => {
            let read = || Pack::from_files(DEFAULT, &files(DEFAULT).unwrap_or_default()).map(Arc::new);
            Some(READ.get_or_init(read).clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_built_in_pack_is_right() {
        for name in names() {
            if let Err(error) = pack(name).unwrap() {
                let places: Vec<String> = error.flaws.iter().map(ToString::to_string).collect();
                panic!("{error}: {places:#?}");
            }
        }
    }

    #[test]
    fn every_file_on_disk_is_carried() {
        fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, root, found);
                } else {
                    found.push(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        for name in names() {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/packs").join(name);
            let mut on_disk = Vec::new();
            walk(&root, &root, &mut on_disk);
            on_disk.sort();
            assert_eq!(on_disk, files(name).unwrap().into_keys().collect::<Vec<_>>());
        }
    }
}
