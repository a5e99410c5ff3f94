//! NDJSON: one object a line. Blank lines are passed over.

use super::feed::{Feed, Line};
use super::json;
use super::names::Names;
use super::record::{Place, Record, RecordReader};
use super::trouble::{self, Trouble};
use super::{Limits, RecordError, SourceError, rejects};

/// Reads NDJSON.
pub(super) struct NdjsonReader {
    feed: Feed,
    names: Names,
    line: u64,
    ordinal: u64,
    /// How a line becomes a record.
    read: ReadLine,
}

/// How a line becomes a record.
type ReadLine = fn(&str, &mut Record, &mut Names, &Limits) -> Result<(), Trouble>;

impl NdjsonReader {
    /// Lines are records.
    pub(super) fn open(name: &str, feed: Feed) -> Result<Self, SourceError> {
        Self::with(name, feed, json::read)
    }

    /// Lines are entries of a rejects file, each with a record in it.
    pub(super) fn open_rejects(name: &str, feed: Feed) -> Result<Self, SourceError> {
        Self::with(name, feed, rejects::read)
    }

    fn with(name: &str, mut feed: Feed, read: ReadLine) -> Result<Self, SourceError> {
        trouble::skip_mark(&mut feed).map_err(|e| trouble::header_error(name, e))?;
        Ok(Self { feed, names: Names::default(), line: 1, ordinal: 0, read })
    }

    fn place(&self) -> Place {
        Place { line: self.line, column: 1, offset: self.feed.offset, ordinal: self.ordinal }
    }

    /// Passes over a line beyond the limit, in constant memory.
    fn too_long(&mut self) -> RecordError {
        let limit = self.feed.limits.record;
        let raw = self.feed.bytes().get(..limit).unwrap_or(self.feed.bytes());
        let mut error = Trouble::too_long(limit).at(raw, self.place());
        self.ordinal += 1;
        match trouble::skip_past(&mut self.feed, b'\n') {
            Ok(found) => self.line += u64::from(found),
            Err(_) => error.recoverable = false,
        }
        error
    }
}

impl RecordReader for NdjsonReader {
    fn fields(&self) -> &[String] {
        self.names.list()
    }

    fn next(&mut self, record: &mut Record) -> Result<bool, Box<RecordError>> {
        loop {
            let (bytes, with_end) = match self.feed.line() {
                Ok(Line::At { bytes, with_end }) => (bytes, with_end),
                Ok(Line::End) => return Ok(false),
                Ok(Line::TooLong) => return Err(self.too_long().into()),
                Err(e) => return Err(trouble::unreadable(&e, self.place()).into()),
            };
            let place = self.place();
            let limits = self.feed.limits;
            let raw = self.feed.bytes().get(..bytes).unwrap_or_default();
            let blank = raw.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r'));
            let read = match std::str::from_utf8(raw) {
                _ if blank => Ok(()),
                Ok(text) => {
                    record.reset(place);
                    (self.read)(text, record, &mut self.names, &limits)
                }
                Err(e) => Err(Trouble::utf8(e.valid_up_to())),
            };
            let error = read.err().map(|trouble| trouble.at(raw, place));
            self.feed.consume(with_end);
            self.line += 1;
            self.ordinal += u64::from(!blank);
            match error {
                Some(error) => return Err(error.into()),
                None if blank => {}
                None => return Ok(true),
            }
        }
    }
}
