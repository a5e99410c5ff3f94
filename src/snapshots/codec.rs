//! Compression of parts and manifests, and its bounds.

use std::io::{self, Read, Write};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

/// Up to this size anything may come out: it is harmless whatever it was made from.
const FREE: u64 = 64 << 20;

/// Beyond [`FREE`] honest rows never shrink more than this; a bomb does.
const RATIO: u64 = 1000;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// zstd, of which level 3 is the default: level 6 costs three times the time for 2 %.
    Zstd {
        /// From 1, fast, to 22, small.
        level: i32,
    },
    /// gzip, for systems that have nothing else.
    Gzip {
        /// From 1, fast, to 9, small.
        level: u32,
    },
    /// Not at all.
    None,
}

impl Default for Codec {
    fn default() -> Self {
        Self::Zstd { level: 3 }
    }
}

/// How something was compressed: all that one must know to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// One frame of zstd.
    Zstd,
    /// One member of gzip.
    Gzip,
    /// Nothing was done.
    None,
}

impl Compression {
    /// A byte that keeps the names apart that one content has under different compressions.
    pub(super) fn tag(self) -> u8 {
        match self {
            Self::Zstd => b'z',
            Self::Gzip => b'g',
            Self::None => b'n',
        }
    }

    /// What was put into [`Codec::compress`]; more than `most` bytes end in an error.
    pub fn decompress(self, bytes: &[u8], most: u64) -> io::Result<Vec<u8>> {
        match self {
            Self::None => bounded(bytes, bytes.len() as u64, most),
            Self::Gzip => bounded(GzDecoder::new(bytes), most, most),
            // Straight to its place, without a window of its own beside it.
            Self::Zstd if most <= FREE => zstd::bulk::decompress(bytes, usize::try_from(most).unwrap_or(0)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?.single_frame();
                // 128 MiB, the most that `zstd` itself accepts unless it is told otherwise.
                decoder.window_log_max(27)?;
                bounded(decoder, most, most)
            }
        }
    }
}

impl Codec {
    /// How it will have to be read.
    pub fn compression(self) -> Compression {
        match self {
            Self::Zstd { .. } => Compression::Zstd,
            Self::Gzip { .. } => Compression::Gzip,
            Self::None => Compression::None,
        }
    }

    /// The bytes, compressed.
    pub fn compress(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(bytes.to_vec()),
            Self::Gzip { level } => {
                let room = Vec::with_capacity(bytes.len() / 4 + 64);
                let mut encoder = GzEncoder::new(room, flate2::Compression::new(level.clamp(1, 9)));
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Zstd { level } => {
                let mut compressor = zstd::bulk::Compressor::new(level)?;
                // `zstd -d` then notices damage by itself, without fixtool.
                compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true))?;
                compressor.compress(bytes)
            }
        }
    }
}

/// The most bytes that may come out of so few.
pub fn most_out_of(stored: u64) -> u64 {
    FREE.max(stored.saturating_mul(RATIO))
}

/// Whether so many bytes may come out of so few.
pub fn plausible(stored: u64, raw: u64) -> bool {
    raw <= most_out_of(stored)
}

fn bounded(reader: impl Read, expected: u64, most: u64) -> io::Result<Vec<u8>> {
    // A declared size is only a claim: memory is taken as bytes come.
    let room = usize::try_from(expected.min(FREE)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(room);
    reader.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {most} bytes come out")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_codec_gives_back_what_it_took_and_no_more() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(|n| (n % 251).to_string().into_bytes()).collect();
        for codec in [Codec::default(), Codec::Zstd { level: 19 }, Codec::Gzip { level: 6 }, Codec::None] {
            for bytes in [&bytes[..], b""] {
                let small = codec.compress(bytes).unwrap();
                let size = bytes.len() as u64;
                assert_eq!(codec.compression().decompress(&small, size).unwrap(), bytes);
                if size > 0 {
                    assert!(codec.compression().decompress(&small, size - 1).is_err());
                }
            }
        }
        assert!(plausible(10, FREE) && !plausible(10, FREE + 1) && plausible(1 << 20, 1000 << 20));
    }
}
