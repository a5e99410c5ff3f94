//! The buffer between a source and its reader: it holds one record and knows its place.

use std::io::Read;

use super::Limits;

/// Room for many records at once.
const CHUNK: usize = 256 * 1024;

/// What came of the wish for more bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum More {
    /// There are more bytes than before.
    Bytes,
    /// The source has ended.
    End,
    /// The record is longer than the limit allows.
    TooLong,
}

/// A buffer over a source that grows to one record and never beyond the limit.
pub(super) struct Feed {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    /// Bytes of the source before `start`.
    pub(super) offset: u64,
    pub(super) limits: Limits,
}

impl Feed {
    pub(super) fn new(input: Box<dyn Read + Send>, limits: Limits) -> Self {
        Self { input, buffer: vec![0; CHUNK], start: 0, end: 0, ended: false, offset: 0, limits }
    }

    /// The bytes at hand that were not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether all bytes of the source are at hand or consumed.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Leaves these bytes behind.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Gets more bytes behind those at hand. The buffer is filled whole, so that a reader that
    /// begins its record again after each call does so a logarithmic number of times.
    pub(super) fn more(&mut self) -> std::io::Result<More> {
        if self.ended {
            return Ok(More::End);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            let most = self.limits.record.saturating_add(CHUNK);
            if self.end >= most {
                return Ok(More::TooLong);
            }
            self.buffer.resize((self.buffer.len() * 2).min(most), 0);
        }
        let before = self.end;
        while let Some(room) = self.buffer.get_mut(self.end..).filter(|room| !room.is_empty()) {
            match self.input.read(room) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(n) => self.end += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                // What was read before the damage is still good: it is parsed first, and the
                // damage is met again by the next call.
                Err(_) if self.end > before => break,
                Err(e) => return Err(e),
            }
        }
        Ok(if self.end > before { More::Bytes } else { More::End })
    }
}
