//! Whether keys come twice among the rows of a snapshot, in little memory: a 128th of a table's keys, 125 MB for a billion.
//!
//! Each key is remembered as 128 bits of its hash. What memory does not hold goes to unnamed temporary files, sorted
//! roughly by their first bits, so that two equal ones meet in the same file.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::SnapshotError;
use super::manifest::TableEntry;
use super::source::blocking;
use crate::model::Model;

/// So many keys are held in memory: 32 MiB.
const HELD: usize = 2 << 20;

/// Files that are used beyond that.
const SHELVES: usize = 128;

/// Tables of more rows than this take turns, so that those of a fleet do not fill memory together.
const FEW: u64 = 64 << 10;

/// How many of them are looked at side by side.
static TURNS: Semaphore = Semaphore::const_new(2);

/// The keys of one table's rows.
pub struct Distinct {
    /// Where in a line the columns of the key are.
    places: Vec<usize>,
    seen: Vec<u128>,
    shelves: Vec<BufWriter<File>>,
    held: usize,
    _turn: Option<SemaphorePermit<'static>>,
}

impl Distinct {
    /// Of the primary key of a table; `None` if it has none, or not all of it is in the snapshot.
    pub async fn of(entry: &TableEntry, model: &Model) -> Option<Self> {
        let key = &model.tables.get(&entry.name)?.primary_key;
        let place = |name: &String| entry.columns.iter().position(|column| column == name);
        let places: Vec<usize> = key.iter().map(place).collect::<Option<_>>()?;
        if places.is_empty() {
            return None;
        }
        let turn = if entry.rows > FEW { Some(TURNS.acquire().await.ok()?) } else { None };
        Some(Self { places, seen: Vec::new(), shelves: Vec::new(), held: HELD, _turn: turn })
    }

    /// Remembers the keys of these lines; the inner error is one of a temporary file.
    ///
    /// # Errors
    /// If the thread that does it ends in the middle.
    pub async fn add(mut self, rows: Bytes) -> Result<io::Result<Self>, SnapshotError> {
        blocking(move || Ok(self.push(&rows).map(|()| self))).await
    }

    /// How many rows have a key that another one before them has.
    ///
    /// # Errors
    /// If the thread that does it ends in the middle; the inner error is one of a temporary file.
    pub async fn twice(self) -> Result<io::Result<u64>, SnapshotError> {
        blocking(move || Ok(self.count())).await
    }

    fn push(&mut self, rows: &[u8]) -> io::Result<()> {
        let mut key = Vec::new();
        for line in rows.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            key.clear();
            let mut known = true;
            // No value holds a tab, so where one column of a key ends is certain.
            for (at, field) in line.split(|byte| *byte == b'\t').enumerate() {
                if self.places.contains(&at) {
                    key.extend_from_slice(field);
                    key.push(b'\t');
                    known &= field != b"\\N";
                }
            }
            // A table that SQLite made may have rows without a key, which are equal to none.
            if !known {
                continue;
            }
            let mut bits = [0; 16];
            bits.copy_from_slice(blake3::hash(&key).as_bytes().get(..16).unwrap_or(&[0; 16]));
            self.seen.push(u128::from_be_bytes(bits));
            if self.seen.len() >= self.held {
                self.put_away()?;
            }
        }
        Ok(())
    }

    fn put_away(&mut self) -> io::Result<()> {
        while self.shelves.len() < SHELVES {
            self.shelves.push(BufWriter::new(tempfile::tempfile()?));
        }
        for bits in self.seen.drain(..) {
            let place = usize::try_from(bits >> (u128::BITS - SHELVES.trailing_zeros())).unwrap_or(0);
            if let Some(shelf) = self.shelves.get_mut(place) {
                shelf.write_all(&bits.to_be_bytes())?;
            }
        }
        Ok(())
    }

    fn count(mut self) -> io::Result<u64> {
        if self.shelves.is_empty() {
            return Ok(repeated(&mut self.seen));
        }
        self.put_away()?;
        let mut twice = 0;
        for shelf in self.shelves.drain(..) {
            let mut file = shelf.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            let mut reader = io::BufReader::with_capacity(1 << 20, file);
            let mut bits = [0; 16];
            loop {
                match reader.read_exact(&mut bits) {
                    Ok(()) => self.seen.push(u128::from_be_bytes(bits)),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                    Err(error) => return Err(error),
                }
            }
            twice += repeated(&mut self.seen);
            self.seen.clear();
        }
        Ok(twice)
    }
}

fn repeated(seen: &mut [u128]) -> u64 {
    seen.sort_unstable();
    seen.windows(2).filter(|pair| matches!(pair, [one, other] if one == other)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(places: &[usize], held: usize, lines: &[String]) -> u64 {
        let mut keys = Distinct { places: places.to_vec(), seen: Vec::new(), shelves: Vec::new(), held, _turn: None };
        for part in lines.chunks(7) {
            keys.push(part.concat().as_bytes()).unwrap();
        }
        assert_eq!(keys.shelves.is_empty(), lines.len() < held);
        keys.count().unwrap()
    }

    #[test]
    fn a_key_that_comes_twice_is_counted_in_memory_and_on_the_disk() {
        let mut lines: Vec<String> = (0..1_000).map(|n| format!("{n}\t{}\tsame\n", n % 10)).collect();
        for held in [HELD, 100] {
            assert_eq!(count(&[0], held, &lines), 0);
            assert_eq!(count(&[0, 2], held, &lines), 0);
            assert_eq!(count(&[1], held, &lines), 990);
        }
        lines.push("998\tother\tvalues\n".to_owned());
        lines.push("998\tonce\tmore\n".to_owned());
        assert_eq!(count(&[0], HELD, &lines), 2);
        assert_eq!(count(&[0], 100, &lines), 2);
        assert_eq!(count(&[0], HELD, &["\\N\t1\n".to_owned(), "\\N\t2\n".to_owned()]), 0);
        // "1" and "23" is not "12" and "3".
        assert_eq!(count(&[0, 1], HELD, &["1\t23\n".to_owned(), "12\t3\n".to_owned()]), 0);
    }
}
