//! Decompression with a guard: damaged data and bombs end in an error that names the place.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::{Compression, Limits, SourceError};

/// A source that gives plain bytes.
pub(super) struct Opened {
    pub(super) input: Box<dyn Read + Send>,
    pub(super) compression: Compression,
}

/// Compares what the name says with the first bytes, then decompresses.
pub(super) fn open(
    name: &str,
    mut input: Box<dyn Read + Send>,
    expected: Option<Compression>,
    limits: Limits,
    may_be_empty: bool,
) -> Result<Opened, SourceError> {
    let mut start = Vec::with_capacity(4);
    let unreadable = |source| SourceError::Unreadable { path: name.into(), source };
    (&mut input).take(4).read_to_end(&mut start).map_err(unreadable)?;
    let found = Compression::of_content(&start);
    let compression = expected.unwrap_or(found);
    if start.is_empty() && !may_be_empty {
        let help = "nothing was written to it: write at least the header, or leave the file out".to_owned();
        return Err(SourceError::Empty { name: name.to_owned(), help });
    }
    if compression != found {
        return Err(mismatch(name, compression, found));
    }
    let whole = Cursor::new(start).chain(input);
    let plain: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => {
            let stored = Stored::new(whole);
            let count = Arc::clone(&stored.count);
            Box::new(Guarded::new(MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, stored)), count, limits))
        }
        Compression::Zstd => {
            let stored = Stored::new(whole);
            let count = Arc::clone(&stored.count);
            let mut decoder =
                ZstdDecoder::with_buffer(BufReader::with_capacity(64 * 1024, stored)).map_err(unreadable)?;
            // 128 MiB, the most that `zstd` itself accepts unless it is told otherwise.
            decoder.window_log_max(27).map_err(unreadable)?;
            Box::new(Guarded::new(decoder, count, limits))
        }
    };
    Ok(Opened { input: plain, compression })
}

fn mismatch(name: &str, expected: Compression, found: Compression) -> SourceError {
    let help = match found {
        Compression::None => "give the file a name without the ending of a compression".to_owned(),
        Compression::Gzip => "give the file the ending .gz, or pass --compression gzip".to_owned(),
        Compression::Zstd => "give the file the ending .zst, or pass --compression zstd".to_owned(),
    };
    SourceError::NotCompressed { name: name.to_owned(), expected, found, help }
}

/// Counts the compressed bytes that the decoder took.
struct Stored<R> {
    input: R,
    count: Arc<AtomicU64>,
}

impl<R> Stored<R> {
    fn new(input: R) -> Self {
        Self { input, count: Arc::default() }
    }
}

impl<R: Read> Read for Stored<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(into)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Stops a bomb and names the place of damage.
struct Guarded<D> {
    decoder: D,
    stored: Arc<AtomicU64>,
    given: u64,
    limits: Limits,
}

impl<D> Guarded<D> {
    fn new(decoder: D, stored: Arc<AtomicU64>, limits: Limits) -> Self {
        Self { decoder, stored, given: 0, limits }
    }
}

impl<D: Read> Read for Guarded<D> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let stored = self.stored.load(Ordering::Relaxed);
        let allowed = self.limits.inflate_free.max(stored.saturating_mul(self.limits.inflate_ratio));
        if self.given > allowed {
            return Err(io::Error::other(Fault::Inflated { stored, given: self.given }));
        }
        match self.decoder.read(into) {
            Ok(n) => {
                self.given += n as u64;
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                let stored = self.stored.load(Ordering::Relaxed);
                Err(io::Error::other(Fault::Damaged { stored, given: self.given, said: e.to_string() }))
            }
        }
    }
}

/// Why decompression ended early.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Fault {
    /// More bytes came out than any honest file gives.
    #[error("{stored} compressed bytes became more than {given} bytes")]
    Inflated {
        /// Compressed bytes taken.
        stored: u64,
        /// Bytes given.
        given: u64,
    },
    /// The data is cut off or broken.
    #[error("the compressed data is cut off or broken at byte {stored} ({given} bytes were readable): {said}")]
    Damaged {
        /// Compressed bytes taken.
        stored: u64,
        /// Bytes given.
        given: u64,
        /// What the decoder said.
        said: String,
    },
}
