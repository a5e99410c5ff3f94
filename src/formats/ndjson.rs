//! NDJSON: one object a line. Blank lines are passed over.
//!
//! A line end ends a record, a broken one too. Where a broken one leaves a bracket or a quote open, it may be a value
//! that somebody wrote over several lines: then a line that is an object by itself is a record only if it cannot be a
//! part of that value.

use super::feed::{Feed, Line, More};
use super::json;
use super::json_border::{Border, Found};
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
    /// The value that broken lines left open, and the line where it begins.
    open: Option<(u64, Border)>,
    /// Where a value over several lines begins, as a line, and ends, in bytes of the source.
    inside: (u64, u64),
}

/// What a line is that is an object by itself.
enum Standing {
    /// A record.
    Apart,
    /// A part of the value that begins on this line.
    Inside(u64),
    /// The limit is reached before it can be told.
    Unknown(u64),
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
        Ok(Self { feed, names: Names::default(), line: 1, ordinal: 0, read, open: None, inside: (0, 0) })
    }

    fn place(&self) -> Place {
        Place { line: self.line, column: 1, offset: self.feed.offset, ordinal: self.ordinal, returns: false }
    }

    /// What the object at hand is, where an earlier line left a value open.
    fn standing(&mut self) -> std::io::Result<Standing> {
        if self.feed.offset < self.inside.1 {
            return Ok(Standing::Inside(self.inside.0));
        }
        let Some((line, mut border)) = self.open.clone() else { return Ok(Standing::Apart) };
        let (mut seen, mut end) = (0, None);
        loop {
            let bytes = self.feed.bytes();
            if end.is_none() {
                match border.scan(bytes.get(seen..).unwrap_or_default()) {
                    Found::Open => {}
                    Found::Torn(_) => return Ok(self.apart()),
                    Found::End(at) => end = Some(seen + at),
                }
            }
            let behind = end.and_then(|end| bytes.get(end..)).unwrap_or_default();
            let behind = behind.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).copied();
            seen = bytes.len();
            match (end, behind) {
                (Some(end), Some(b'\n')) => return Ok(self.spans(line, end)),
                (Some(_), Some(_)) => return Ok(self.apart()),
                _ => {}
            }
            match (self.feed.more()?, end) {
                (More::Bytes, _) => {}
                (More::End, Some(end)) => return Ok(self.spans(line, end)),
                // Nothing closes it as far as the source goes.
                (More::End, None) => return Ok(self.apart()),
                (More::TooLong, _) => return Ok(Standing::Unknown(line)),
            }
        }
    }

    /// The value that was open goes on as far as this.
    fn spans(&mut self, line: u64, end: usize) -> Standing {
        (self.open, self.inside) = (None, (line, self.feed.offset + end as u64));
        Standing::Inside(line)
    }

    /// The error for an object that is not a record for sure.
    fn not_apart(&mut self, bytes: usize, place: Place) -> Result<Option<RecordError>, Box<RecordError>> {
        let standing = self.standing().map_err(|e| trouble::unreadable(&e, place))?;
        let raw = self.feed.bytes().get(..bytes).unwrap_or_default();
        Ok(match standing {
            Standing::Apart => None,
            Standing::Inside(line) => Some(part_of(line, "is").at(raw, place)),
            Standing::Unknown(line) => Some(part_of(line, "may be").at(raw, place).last()),
        })
    }

    /// The value that was open was merely cut off.
    fn apart(&mut self) -> Standing {
        self.open = None;
        Standing::Apart
    }

    /// Goes on with what a broken line leaves open.
    fn follow(&mut self, bytes: usize) {
        if self.feed.offset < self.inside.1 {
            return;
        }
        let line = self.feed.bytes().get(..bytes).unwrap_or_default();
        let goes_on = |(begin, mut border): (u64, Border)| {
            let open = [line, b"\n"].iter().all(|part| border.scan(part) == Found::Open);
            (open && border.is_open()).then_some((begin, border))
        };
        self.open = self.open.take().and_then(goes_on).or_else(|| goes_on((self.line, Border::default())));
    }

    /// Passes over a line beyond the limit, in constant memory.
    fn too_long(&mut self) -> RecordError {
        let limit = self.feed.limits.record;
        let raw = self.feed.bytes().get(..limit).unwrap_or(self.feed.bytes());
        let error = Trouble::too_long(limit).at(raw, self.place());
        self.ordinal += 1;
        let (begin, mut border) = self.open.take().unwrap_or((self.line, Border::default()));
        let mut open = true;
        loop {
            let bytes = self.feed.bytes();
            let end = memchr::memchr(b'\n', bytes).map(|end| end + 1);
            open &= border.scan(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default()) == Found::Open;
            self.feed.consume(end.unwrap_or(bytes.len()));
            if end.is_some() {
                self.line += 1;
                break;
            }
            match self.feed.more() {
                Ok(More::Bytes) => {}
                Ok(_) => break,
                Err(_) => return error.last(),
            }
        }
        self.open = (open && border.is_open()).then_some((begin, border));
        error
    }
}

fn part_of(line: u64, word: &str) -> Trouble {
    let reason = format!("the line {word} a part of the value that begins on line {line}");
    Trouble::new(0, "invalid_json", reason, "write each record on one line; jq -c . FILE does so")
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
            let mut error = read.err().map(|trouble| trouble.at(raw, place));
            if error.is_some() {
                self.follow(bytes);
            } else if !blank {
                error = self.not_apart(bytes, place)?;
            }
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
