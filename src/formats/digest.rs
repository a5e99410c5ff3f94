//! The fingerprint of a source as it is stored.

use std::fs::File;
use std::path::Path;

use super::SourceError;

/// BLAKE3 digest and size of a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileDigest {
    /// BLAKE3 of all bytes, as lower-case hex.
    pub blake3: String,
    /// Bytes.
    pub size: u64,
}

/// Reads a file whole, in constant memory, and condenses it.
///
/// # Errors
/// If it cannot be read.
pub fn digest_file(path: &Path) -> Result<FileDigest, SourceError> {
    let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
    let mut hasher = blake3::Hasher::new();
    let file = File::open(path).map_err(unreadable)?;
    hasher.update_reader(file).map_err(unreadable)?;
    Ok(FileDigest { blake3: hasher.finalize().to_hex().to_string(), size: hasher.count() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.csv");
        std::fs::write(&path, "a".repeat(300_000)).unwrap();
        let first = digest_file(&path).unwrap();
        assert_eq!(first.size, 300_000);
        std::fs::write(&path, format!("{}b", "a".repeat(299_999))).unwrap();
        assert_ne!(digest_file(&path).unwrap().blake3, first.blake3);
        assert!(matches!(digest_file(directory.path()), Err(SourceError::Unreadable { .. })));
    }
}
