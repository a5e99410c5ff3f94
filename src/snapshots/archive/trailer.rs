//! The hash at the end of an archive, in a form that every other program skips.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::ArchiveFormat;

/// The digits of a hash.
const DIGITS: usize = 64;

/// Stands where the hash will be until the file is whole.
const BLANK: [u8; DIGITS] = [b'0'; DIGITS];

/// Why a file is no whole archive.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be read.
    Io(io::Error),
    /// It was cut off or changed.
    Wrong(&'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What stands before and after the digits. A zip file keeps them in the comment at its end, which its writer sets.
fn around(format: ArchiveFormat) -> (Vec<u8>, &'static [u8]) {
    match format {
        // tar reads nothing after its two empty blocks; whole blocks keep it from complaining.
        ArchiveFormat::Tar => {
            let mut block = b"fixtool archive, BLAKE3 of all before: ".to_vec();
            block.resize(512 - DIGITS, b' ');
            (block, b"")
        }
        // A frame that decoders skip: its magic number and its size.
        ArchiveFormat::TarZst => (vec![0x50, 0x2a, 0x4d, 0x18, 64, 0, 0, 0], b""),
        // A member without content, with the digits as its comment.
        ArchiveFormat::TarGz => (vec![0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 0xff], &[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ArchiveFormat::Zip => (Vec::new(), b""),
    }
}

/// The comment with which a zip file is to be finished.
pub fn zip_comment() -> Box<[u8]> {
    Box::from(BLANK)
}

/// Writes the hash at the end of a file that holds everything else.
pub fn write(file: &mut File, format: ArchiveFormat) -> io::Result<()> {
    let (before, after) = around(format);
    if format != ArchiveFormat::Zip {
        file.seek(SeekFrom::End(0))?;
        file.write_all(&[&before, &BLANK[..], after].concat())?;
    }
    let length = file.seek(SeekFrom::End(0))?;
    let digits = length - (DIGITS + after.len()) as u64;
    let hash = hash(file, digits)?;
    file.seek(SeekFrom::Start(digits))?;
    file.write_all(hash.to_hex().as_bytes())
}

/// Compares a file with the hash at its end.
pub fn check(mut file: &File, format: ArchiveFormat) -> Result<(), Fault> {
    let (before, after) = around(format);
    let length = file.seek(SeekFrom::End(0))?;
    let tail = DIGITS + after.len();
    let Some(digits) = length.checked_sub(tail as u64).filter(|digits| *digits >= before.len() as u64) else {
        return Err(Fault::Wrong("it is cut off"));
    };
    file.seek(SeekFrom::Start(digits - before.len() as u64))?;
    let mut end = Vec::with_capacity(before.len() + tail);
    file.read_to_end(&mut end)?;
    let hash = hash(file, digits)?;
    let expected = [&before, hash.to_hex().as_bytes(), after].concat();
    let framed = end.len() == expected.len() && end.starts_with(&before) && end.ends_with(after);
    if !framed {
        return Err(Fault::Wrong("its end is missing: it is cut off, or fixtool did not write it"));
    }
    if end != expected {
        return Err(Fault::Wrong("it was changed after it was written"));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(())
}

fn hash(mut file: &File, bytes: u64) -> io::Result<blake3::Hash> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = blake3::Hasher::new();
    let mut left = file.take(bytes);
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = left.read(&mut piece)?;
        if read == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&piece[..read]);
    }
}
