//! Random access into compressed tar files.
//!
//! fixtool writes each entry as a frame of zstd, or a member of gzip, of its own. Other programs see one
//! stream; here the places where frames begin are kept while the archive is read for the first time, and an
//! entry is read by unpacking its frame alone. An archive of one frame would be read right, too, only slowly.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::GzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::{ArchiveFormat, Place};

/// So much may come out whatever went in.
const FREE: u64 = 256 << 20;

/// Beyond [`FREE`] no honest archive unpacks to more than this.
const RATIO: u64 = 4000;

/// Where a frame begins.
#[derive(Debug, Clone, Copy)]
struct Start {
    packed: u64,
    unpacked: u64,
}

/// Where all frames begin.
#[derive(Debug)]
pub struct Frames {
    starts: Vec<Start>,
    format: ArchiveFormat,
}

impl Frames {
    /// The bytes of an entry.
    pub fn read(&self, path: &Path, place: Place) -> io::Result<Vec<u8>> {
        let after = self.starts.partition_point(|start| start.unpacked <= place.start);
        let start = after.checked_sub(1).and_then(|at| self.starts.get(at)).copied();
        let start = start.ok_or_else(|| io::Error::other("it begins before the archive"))?;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start.packed))?;
        let mut reader = FrameReader::new(file, self.format)?;
        let skipped = place.start - start.unpacked;
        if io::copy(&mut (&mut reader).take(skipped), &mut io::sink())? != skipped {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        exactly(reader, place.size)
    }
}

/// The bytes of an entry that is not compressed.
pub fn read_at(path: &Path, place: Place) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(place.start))?;
    exactly(file, place.size)
}

fn exactly(reader: impl Read, size: u64) -> io::Result<Vec<u8>> {
    // A declared size is only a claim: memory is taken as bytes come.
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(64 << 20)).unwrap_or(0));
    reader.take(size).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A file that knows how many of its bytes were used.
#[derive(Debug)]
struct Counted {
    file: BufReader<File>,
    used: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.used += read as u64;
        Ok(read)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.used += bytes as u64;
        self.file.consume(bytes);
    }
}

enum Frame {
    Gzip(Box<GzDecoder<Counted>>),
    Zstd(Box<ZstdDecoder<'static, Counted>>),
    Between(Counted),
    Broken,
}

/// Unpacks frame after frame and notes where each begins.
pub struct FrameReader {
    frame: Frame,
    given: u64,
    frames: Frames,
}

impl std::fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameReader").field("given", &self.given).finish_non_exhaustive()
    }
}

impl FrameReader {
    /// From where the file stands, which must be the start of a frame.
    pub fn new(file: File, format: ArchiveFormat) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 17, file);
        let used = file.stream_position()?;
        let frame = Frame::Between(Counted { file, used });
        Ok(Self { frame, given: 0, frames: Frames { starts: Vec::new(), format } })
    }

    /// The places that were noted.
    pub fn into_frames(self) -> Frames {
        self.frames
    }

    /// Opens the next frame; `false` at the end of the file.
    fn next(&mut self, mut input: Counted) -> io::Result<bool> {
        if input.fill_buf()?.is_empty() {
            self.frame = Frame::Between(input);
            return Ok(false);
        }
        self.frames.starts.push(Start { packed: input.used, unpacked: self.given });
        self.frame = if self.frames.format == ArchiveFormat::TarGz {
            Frame::Gzip(Box::new(GzDecoder::new(input)))
        } else {
            let mut decoder = ZstdDecoder::with_buffer(input)?.single_frame();
            decoder.window_log_max(27)?;
            Frame::Zstd(Box::new(decoder))
        };
        Ok(true)
    }

    fn used(&self) -> u64 {
        match &self.frame {
            Frame::Gzip(decoder) => decoder.get_ref().used,
            Frame::Zstd(decoder) => decoder.get_ref().used,
            Frame::Between(input) => input.used,
            Frame::Broken => 0,
        }
    }
}

impl Read for FrameReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.frame {
                Frame::Gzip(decoder) => decoder.read(into),
                Frame::Zstd(decoder) => decoder.read(into),
                Frame::Between(_) | Frame::Broken => Ok(0),
            };
            if read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
                // A decoder tells damage once and then claims an end; the next frame must not follow it.
                self.frame = Frame::Broken;
            }
            let read = read?;
            if read > 0 {
                self.given += read as u64;
                let allowed = FREE.max(self.used().saturating_mul(RATIO));
                if self.given > allowed {
                    return Err(io::Error::other(format!("{} bytes became more than {allowed}", self.used())));
                }
                return Ok(read);
            }
            let input = match std::mem::replace(&mut self.frame, Frame::Broken) {
                Frame::Gzip(decoder) => decoder.into_inner(),
                Frame::Zstd(decoder) => decoder.finish(),
                Frame::Between(input) => input,
                Frame::Broken => return Err(io::Error::other("it is cut off or broken")),
            };
            if !self.next(input)? {
                return Ok(0);
            }
        }
    }
}
