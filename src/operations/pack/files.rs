//! Files that `pack new` and `pack introspect` write, as actions.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::source_kind;
use crate::backends::packs::{self, PackSourceError};
use crate::engine::plan::{Draft, Step};
use crate::engine::{Action, Effect, Failure, FailureKind, Fingerprint, Outcome, Size, Undo};
use crate::model::pack::Files;

/// Writes one file of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteFile {
    /// The pack's folder.
    pub folder: PathBuf,
    /// The path inside it.
    pub path: String,
    /// What it will hold.
    pub content: String,
}

impl Action for WriteFile {
    fn describe(&self) -> String {
        format!("write {}", self.folder.join(&self.path).display())
    }

    fn effect(&self) -> Effect {
        Effect::Adds
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        // A new file in a folder of the user's own, like one that an editor wrote.
        Undo::Nothing
    }
}

/// What was seen before files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The pack's folder.
    pub folder: PathBuf,
    /// What will be written.
    pub files: Files,
    /// A file that stands in the way.
    pub obstacle: Option<PathBuf>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl Folder {
    /// Looks at the folder.
    pub fn observe(folder: PathBuf, files: Files, notes: Vec<String>) -> Self {
        let obstacle = packs::obstacle(&folder, &files);
        Self { folder, files, obstacle, notes }
    }

    /// One step a file; nothing is ever overwritten.
    pub fn decide(&self) -> Result<Draft<WriteFile>, PackSourceError> {
        if let Some(path) = &self.obstacle {
            return Err(PackSourceError::Exists { path: path.clone() });
        }
        let steps = self.files.iter().map(|(path, bytes)| Step {
            stage: 0,
            action: WriteFile {
                folder: self.folder.clone(),
                path: path.clone(),
                content: String::from_utf8_lossy(bytes).into_owned(),
            },
        });
        Ok(Draft { steps: steps.collect(), notes: self.notes.clone() })
    }
}

impl Fingerprint for Folder {
    fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, bytes) in &self.files {
            hasher.update(path.as_bytes()).update(&[0]).update(blake3::hash(bytes).as_bytes());
        }
        hasher.update(self.folder.as_os_str().as_encoded_bytes()).update(&[u8::from(self.obstacle.is_some())]);
        hasher.finalize().to_hex().to_string()
    }
}

/// Writes the file of an action. One that is there with the same content was written before a
/// resume and counts as done.
pub async fn perform(action: &WriteFile) -> Result<Outcome, PackSourceError> {
    let WriteFile { folder, path, content } = action.clone();
    let write = move || {
        let there = std::fs::read(folder.join(&path)).is_ok_and(|bytes| bytes == content.as_bytes());
        if there { Ok(()) } else { packs::write_file(&folder, &path, content.as_bytes()) }
    };
    let written = tokio::task::spawn_blocking(write).await;
    written.map_err(|error| PackSourceError::Unwritable {
        path: action.folder.join(&action.path),
        reason: error.to_string(),
    })??;
    Ok(Outcome::default().with("written", 1))
}

impl Failure for PackSourceError {
    fn kind(&self) -> FailureKind {
        source_kind(self)
    }
}
