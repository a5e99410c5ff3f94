//! Storage: objects under names, in a directory or in an S3-compatible bucket.
//!
//! | file | holds |
//! |---|---|
//! | [`directory`] | a directory: temporary name, write, fsync, link or rename, fsync of the directory |
//! | [`bucket`] | a bucket, through the crate `object_store` |
//! | [`error`] | what can go wrong, and what to do then |
//!
//! An object is there whole or not at all, whatever is interrupted. The directory is written by our own
//! code because `object_store`'s does not fsync: after a power cut its files may be empty.

pub mod bucket;
pub mod directory;
pub mod error;

#[cfg(test)]
mod tests;

pub use error::{FailureKind, StorageError};

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use object_store::ObjectStore;

use self::bucket::Bucket;
use self::directory::Directory;

/// What a bucket needs besides its name. A directory needs nothing.
#[derive(Clone, Default)]
pub struct StorageOptions {
    /// The address of the server; `None` is Amazon's own. Plain HTTP only where the address says `http://`.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The public half of the credentials.
    pub access_key_id: Option<String>,
    /// The secret half of the credentials.
    pub secret_access_key: Option<String>,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for StorageOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorageOptions")
            .field("endpoint", &self.endpoint.as_deref().map(masked))
            .field("region", &self.region)
            .field("access_key_id", &self.access_key_id.as_ref().map(|_| "***"))
            .field("secret_access_key", &self.secret_access_key.as_ref().map(|_| "***"))
            .field("session_token", &self.session_token.as_ref().map(|_| "***"))
            .finish()
    }
}

/// What became of an object that must not replace another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is stored.
    Created,
    /// There was one of that name already, and it was left alone.
    Existed,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path inside the store.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// When it was stored.
    pub modified: SystemTime,
}

/// A place for objects. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    shown: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Directory(Directory),
    Bucket(Bucket),
}

impl Store {
    /// The place that a location names. Nothing is read or made before it is needed.
    pub fn open(location: &str, options: &StorageOptions) -> Result<Self, StorageError> {
        let refused = |reason: &str| StorageError::Location { location: masked(location), reason: reason.to_owned() };
        if let Some(rest) = location.strip_prefix("s3://") {
            let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = prefix.trim_matches('/');
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if name.is_empty() || !name.chars().all(plain) {
                return Err(refused("the name of the bucket is missing or is none"));
            }
            if !prefix.is_empty() && check(prefix).is_err() {
                return Err(refused("the prefix is no plain path"));
            }
            let shown = format!("s3://{rest}").trim_end_matches('/').to_owned();
            let bucket = Bucket::open(name, prefix, options).map_err(|reason| refused(&reason))?;
            return Ok(Self { shown, place: Place::Bucket(bucket) });
        }
        let path = match location.strip_prefix("file://") {
            Some(path) if path.starts_with('/') => path,
            Some(_) => return Err(refused("a file:// address has three slashes before the directory")),
            None if location.contains("://") => return Err(refused("this scheme is not known")),
            None if location.is_empty() => return Err(refused("it is empty")),
            None => location,
        };
        Ok(Self::directory(Path::new(path)))
    }

    /// A directory.
    pub fn directory(path: &Path) -> Self {
        Self { shown: path.display().to_string(), place: Place::Directory(Directory::new(path)) }
    }

    /// Any store of the crate `object_store`: memory in tests, or one that fails on purpose.
    pub fn over(store: Arc<dyn ObjectStore>, prefix: &str, shown: &str) -> Self {
        Self { shown: shown.to_owned(), place: Place::Bucket(Bucket::over(store, prefix)) }
    }

    /// The location, without secrets.
    pub fn location(&self) -> &str {
        &self.shown
    }

    /// Stores an object unless there is one of that name. Of several writers exactly one creates it.
    pub async fn put_new(&self, path: &str, bytes: Bytes) -> Result<Put, StorageError> {
        check(path)?;
        match &self.place {
            Place::Directory(directory) => directory.put_new(&self.shown, path, bytes).await,
            Place::Bucket(bucket) => bucket.put_new(&self.shown, path, bytes).await,
        }
    }

    /// Stores an object, in place of one of that name.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), StorageError> {
        check(path)?;
        match &self.place {
            Place::Directory(directory) => directory.put(&self.shown, path, bytes).await,
            Place::Bucket(bucket) => bucket.put(&self.shown, path, bytes).await,
        }
    }

    /// The bytes of an object, unless there is none; more than `most` bytes are refused unread.
    pub async fn get(&self, path: &str, most: u64) -> Result<Option<Bytes>, StorageError> {
        check(path)?;
        match &self.place {
            Place::Directory(directory) => directory.get(&self.shown, path, most).await,
            Place::Bucket(bucket) => bucket.get(&self.shown, path, most).await,
        }
    }

    /// The size of an object, unless there is none.
    pub async fn head(&self, path: &str) -> Result<Option<u64>, StorageError> {
        check(path)?;
        match &self.place {
            Place::Directory(directory) => directory.head(&self.shown, path).await,
            Place::Bucket(bucket) => bucket.head(&self.shown, path).await,
        }
    }

    /// All objects below a folder, ordered by path; the empty folder is the whole store.
    pub async fn list(&self, folder: &str) -> Result<Vec<Entry>, StorageError> {
        if !folder.is_empty() {
            check(folder)?;
        }
        let mut entries = match &self.place {
            Place::Directory(directory) => directory.list(&self.shown, folder).await?,
            Place::Bucket(bucket) => bucket.list(&self.shown, folder).await?,
        };
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// Removes what writers left behind that died more than a day ago, and says how many files that were. A listing
    /// never shows these; a bucket has none.
    pub async fn clear_abandoned(&self) -> Result<u64, StorageError> {
        match &self.place {
            Place::Directory(directory) => directory.clear_abandoned(&self.shown).await,
            Place::Bucket(_) => Ok(0),
        }
    }

    /// Removes an object; one that is not there is removed already.
    pub async fn delete(&self, path: &str) -> Result<(), StorageError> {
        check(path)?;
        match &self.place {
            Place::Directory(directory) => directory.delete(&self.shown, path).await,
            Place::Bucket(bucket) => bucket.delete(&self.shown, path).await,
        }
    }
}

/// A path of plain names: relative, no `.` or `..`, nothing hidden, no byte that any store treats specially.
pub fn check(path: &str) -> Result<(), StorageError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '=' | '@');
    let name = |name: &str| !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain);
    if path.len() <= 900 && path.split('/').all(name) {
        return Ok(());
    }
    Err(StorageError::Path { path: path.escape_debug().take(200).collect() })
}

/// An address without a user and a password in it.
fn masked(location: &str) -> String {
    let Some((scheme, rest)) = location.split_once("://") else { return location.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit_once('@').map_or_else(|| host.to_owned(), |(_, host)| format!("***@{host}"));
    let query = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{}", query(path)))
}
