//! The buffer between a source and its reader: it holds one record and knows its place.

use std::io::{self, Read};

use super::Limits;
use super::decompress::Fault;

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
    /// Why the source stopped giving bytes. A decoder tells it once and then claims an end, so it is kept here and
    /// answered for ever.
    failed: Option<io::Error>,
    /// Bytes of the source before `start`.
    pub(super) offset: u64,
    pub(super) limits: Limits,
}

impl Feed {
    pub(super) fn new(input: Box<dyn Read + Send>, limits: Limits) -> Self {
        Self { input, buffer: vec![0; CHUNK], start: 0, end: 0, ended: false, failed: None, offset: 0, limits }
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
    pub(super) fn more(&mut self) -> io::Result<More> {
        if let Some(error) = &self.failed {
            return Err(again(error));
        }
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
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // What was read before the damage is parsed first; the next call answers the error.
                Err(e) => {
                    let answer = again(&e);
                    self.failed = Some(e);
                    if self.end == before {
                        return Err(answer);
                    }
                    break;
                }
            }
        }
        Ok(if self.end > before { More::Bytes } else { More::End })
    }

    /// Finds the end of the line at hand: LF or CRLF.
    pub(super) fn line(&mut self) -> io::Result<Line> {
        let mut seen = 0;
        loop {
            let bytes = self.bytes();
            if let Some(at) = memchr::memchr(b'\n', bytes.get(seen..).unwrap_or_default()) {
                let end = seen + at;
                let text = bytes.get(..end).unwrap_or_default();
                let bytes = end - usize::from(text.ends_with(b"\r"));
                return Ok(if bytes > self.limits.record {
                    Line::TooLong
                } else {
                    Line::At { bytes, with_end: end + 1 }
                });
            }
            seen = bytes.len();
            match self.more()? {
                More::Bytes => {}
                More::TooLong => return Ok(Line::TooLong),
                More::End if seen == 0 => return Ok(Line::End),
                More::End if seen > self.limits.record => return Ok(Line::TooLong),
                More::End => {
                    let bytes = seen - usize::from(self.bytes().ends_with(b"\r"));
                    return Ok(Line::At { bytes, with_end: seen });
                }
            }
        }
    }
}

/// The same error once more.
fn again(error: &io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        Some(fault) => io::Error::new(error.kind(), fault.clone()),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// A line at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Its length without and with its end.
    At { bytes: usize, with_end: usize },
    /// It is longer than the limit allows.
    TooLong,
    /// There is none.
    End,
}
