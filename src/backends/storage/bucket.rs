//! Objects in an S3-compatible bucket.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{ClientOptions, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig};

use super::error::{Place, is_absent};
use super::{Entry, FailureKind, Put, StorageError, StorageOptions};

/// A connection that is not made in this time will not be made.
const CONNECT: Duration = Duration::from_secs(10);

/// One request, with its object of some megabytes, over a slow line.
const REQUEST: Duration = Duration::from_mins(5);

/// How long a failing request is tried again before the run says that the store is unreachable.
const RETRY: Duration = Duration::from_mins(1);

/// A bucket, or a folder of one.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The crate's own form shows credentials.
        f.debug_struct("Bucket").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Bucket {
    pub(super) fn open(name: &str, prefix: &str, options: &StorageOptions) -> Result<Self, String> {
        // An error says that another part of the program was faster, with the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(REQUEST);
        let retry = RetryConfig { max_retries: 8, retry_timeout: RETRY, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_client_options(client)
            .with_retry(retry)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_bucket_name(name)
            .with_region(options.region.as_deref().unwrap_or("us-east-1"));
        if let Some(endpoint) = &options.endpoint {
            builder =
                builder.with_endpoint(endpoint.trim_end_matches('/')).with_allow_http(endpoint.starts_with("http://"));
        }
        if let (Some(id), Some(secret)) = (&options.access_key_id, &options.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        if let Some(token) = &options.session_token {
            builder = builder.with_token(token);
        }
        let store = builder.build().map_err(|error| error.to_string())?;
        Ok(Self::over(Arc::new(store), prefix))
    }

    pub(super) fn over(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { store, prefix: prefix.trim_matches('/').to_owned() }
    }

    fn path(&self, path: &str) -> Path {
        if self.prefix.is_empty() { Path::from(path) } else { Path::from(format!("{}/{path}", self.prefix)) }
    }

    pub(super) async fn put_new(&self, location: &str, path: &str, bytes: Bytes) -> Result<Put, StorageError> {
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(&self.path(path), bytes.into(), options).await {
            Ok(_) => Ok(Put::Created),
            // Some servers answer a lost race with the code of a failed condition.
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Put::Existed)
            }
            Err(error) => Err(Place { location, path, action: "stored" }.bucket(&error)),
        }
    }

    pub(super) async fn put(&self, location: &str, path: &str, bytes: Bytes) -> Result<(), StorageError> {
        let put = self.store.put_opts(&self.path(path), bytes.into(), PutOptions::default()).await;
        put.map(|_| ()).map_err(|error| Place { location, path, action: "stored" }.bucket(&error))
    }

    pub(super) async fn get(&self, location: &str, path: &str, most: u64) -> Result<Option<Bytes>, StorageError> {
        let place = Place { location, path, action: "read" };
        let too_large =
            |size| StorageError::TooLarge { location: location.to_owned(), path: path.to_owned(), size, most };
        let found = match self.store.get_opts(&self.path(path), GetOptions::default()).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(place.bucket(&error)),
        };
        let size = found.meta.size;
        if size > most {
            return Err(too_large(size));
        }
        let mut bytes = BytesMut::with_capacity(usize::try_from(size).unwrap_or(0));
        let mut stream = found.into_stream();
        while let Some(piece) = stream.try_next().await.map_err(|error| place.bucket(&error))? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > most {
                return Err(too_large(bytes.len() as u64));
            }
        }
        if bytes.len() as u64 != size {
            let reason = format!("{} of {size} bytes arrived", bytes.len());
            return Err(place.failed(FailureKind::Unreachable, reason));
        }
        Ok(Some(bytes.freeze()))
    }

    pub(super) async fn head(&self, location: &str, path: &str) -> Result<Option<u64>, StorageError> {
        match self.store.head(&self.path(path)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Place { location, path, action: "looked at" }.bucket(&error)),
        }
    }

    pub(super) async fn list(&self, location: &str, folder: &str) -> Result<Vec<Entry>, StorageError> {
        let below = if folder.is_empty() { Path::from(self.prefix.as_str()) } else { self.path(folder) };
        let place = Place { location, path: folder, action: "listed" };
        let found: Vec<_> = self.store.list(Some(&below)).try_collect().await.map_err(|error| place.bucket(&error))?;
        let entries = found.into_iter().filter_map(|meta| {
            let path = meta.location.as_ref();
            let path =
                if self.prefix.is_empty() { path } else { path.strip_prefix(&self.prefix)?.strip_prefix('/')? };
            super::check(path).ok()?;
            let modified = SystemTime::from(meta.last_modified);
            Some(Entry { path: path.to_owned(), size: meta.size, modified })
        });
        Ok(entries.collect())
    }

    pub(super) async fn delete(&self, location: &str, path: &str) -> Result<(), StorageError> {
        match self.store.delete(&self.path(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Place { location, path, action: "removed" }.bucket(&error)),
        }
    }
}
