//! YAML: one sequence whose items begin in the first column, or one mapping a document.
//!
//! The stream is cut into records by its lines (an item begins with `- ` in the first column, a
//! document with `---`), so that one record is held at a time; each is then parsed by itself.
//! That is also why aliases are not read: an anchor could stand in another record, and a few
//! lines of them can stand for gigabytes.

mod item;

use super::feed::{Feed, More};
use super::names::Names;
use super::record::{Place, Record, RecordReader};
use super::trouble::{self, Trouble};
use super::{RecordError, SourceError};

/// Reads YAML.
pub(super) struct YamlReader {
    feed: Feed,
    names: Names,
    line: u64,
    ordinal: u64,
}

/// What a line is in the plan of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Begins with `- ` in the first column.
    Item,
    /// `---`, `...` or a directive.
    Border,
    /// White space or a comment.
    Blank,
    /// Anything else.
    Content,
}

fn mark(line: &[u8]) -> Mark {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [b'-', b'-', b'-']
        | [b'.', b'.', b'.']
        | [b'%', ..]
        | [b'-', b'-', b'-', b' ' | b'\t', ..]
        | [b'.', b'.', b'.', b' ' | b'\t', ..] => Mark::Border,
        [b'-'] | [b'-', b' ' | b'\t', ..] => Mark::Item,
        _ => match line.iter().find(|b| !matches!(b, b' ' | b'\t')) {
            None | Some(b'#') => Mark::Blank,
            Some(_) => Mark::Content,
        },
    }
}

/// How a search through lines ended.
enum Reach {
    /// At this many bytes.
    At(usize),
    /// Beyond the limit.
    TooLong,
}

impl YamlReader {
    pub(super) fn open(name: &str, mut feed: Feed) -> Result<Self, SourceError> {
        trouble::skip_mark(&mut feed).map_err(|e| trouble::header_error(name, e))?;
        Ok(Self { feed, names: Names::default(), line: 1, ordinal: 0 })
    }

    fn place(&self) -> Place {
        Place { line: self.line, column: 1, offset: self.feed.offset, ordinal: self.ordinal, returns: false }
    }

    fn advance(&mut self, count: usize) {
        let passed = self.feed.bytes().get(..count).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.feed.consume(count);
    }

    /// Bytes of the line that begins here, with its end.
    fn line_from(&mut self, from: usize) -> std::io::Result<Reach> {
        let mut seen = from;
        loop {
            let fresh = self.feed.bytes().get(seen..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', fresh) {
                return Ok(Reach::At(seen + at + 1));
            }
            seen += fresh.len();
            match self.feed.more()? {
                More::Bytes => {}
                More::End => return Ok(Reach::At(seen)),
                More::TooLong => return Ok(Reach::TooLong),
            }
        }
    }

    fn mark_of(&self, from: usize, to: usize) -> Mark {
        mark(self.feed.bytes().get(from..to).unwrap_or_default())
    }

    /// Goes to the first line of the next record; `false` at the end.
    fn seek(&mut self) -> std::io::Result<Result<bool, Trouble>> {
        loop {
            let Reach::At(end) = self.line_from(0)? else { return Ok(Ok(true)) };
            if end == 0 {
                return Ok(Ok(false));
            }
            let line = self.feed.bytes().get(..end).unwrap_or_default();
            match mark(line) {
                Mark::Blank => {}
                Mark::Border => {
                    let rest = line.get(3..).unwrap_or_default();
                    let content = rest.iter().find(|b| !b.is_ascii_whitespace());
                    if line.starts_with(b"---") && !matches!(content, None | Some(b'#')) {
                        return Ok(Err(Trouble::new(
                            3,
                            "invalid_yaml",
                            "a record stands on the line of its '---'",
                            "begin the record on the next line",
                        )));
                    }
                }
                Mark::Item | Mark::Content => return Ok(Ok(true)),
            }
            self.advance(end);
        }
    }

    /// Bytes of the record that begins here.
    fn delimit(&mut self) -> std::io::Result<Reach> {
        let limit = self.feed.limits.record;
        let Reach::At(mut end) = self.line_from(0)? else { return Ok(Reach::TooLong) };
        let item = self.mark_of(0, end) == Mark::Item;
        loop {
            if end > limit {
                return Ok(Reach::TooLong);
            }
            let Reach::At(next) = self.line_from(end)? else { return Ok(Reach::TooLong) };
            if next == end {
                return Ok(Reach::At(end));
            }
            match self.mark_of(end, next) {
                Mark::Border => return Ok(Reach::At(end)),
                Mark::Item if item => return Ok(Reach::At(end)),
                _ => end = next,
            }
        }
    }

    /// Passes over a record beyond the limit, in constant memory. Where a quote stands in it, its end is not certain.
    fn too_long(&mut self) -> RecordError {
        let limit = self.feed.limits.record;
        let raw = self.feed.bytes().get(..limit).unwrap_or(self.feed.bytes());
        let error = Trouble::too_long(limit).at(raw, self.place());
        let item = mark(raw) == Mark::Item;
        let (mut first, mut begins, mut quoted) = (true, true, false);
        loop {
            let (end, whole) = match self.line_from(0) {
                Ok(Reach::At(0)) => break,
                Ok(Reach::At(end)) => (end, true),
                Ok(Reach::TooLong) => (self.feed.bytes().len(), false),
                Err(_) => return error.last(),
            };
            let mark = self.mark_of(0, end);
            if begins && !first && (mark == Mark::Border || item && mark == Mark::Item) {
                break;
            }
            quoted |= memchr::memchr2(b'"', b'\'', self.feed.bytes().get(..end).unwrap_or_default()).is_some();
            self.advance(end);
            (first, begins) = (false, whole);
        }
        self.ordinal += 1;
        if quoted { error.last() } else { error }
    }

    fn stop<T>(&self, error: &std::io::Error) -> Result<T, Box<RecordError>> {
        Err(trouble::unreadable(error, self.place()).into())
    }
}

impl RecordReader for YamlReader {
    fn fields(&self) -> &[String] {
        self.names.list()
    }

    fn next(&mut self, record: &mut Record) -> Result<bool, Box<RecordError>> {
        let misplaced = match self.seek() {
            Ok(Ok(true)) => None,
            Ok(Ok(false)) => return Ok(false),
            Ok(Err(trouble)) => Some(trouble),
            Err(e) => return self.stop(&e),
        };
        let length = match self.delimit() {
            Ok(Reach::At(length)) => length,
            Ok(Reach::TooLong) => return Err(self.too_long().into()),
            Err(e) => return self.stop(&e),
        };
        let (place, limits) = (self.place(), self.feed.limits);
        let raw = self.feed.bytes().get(..length).unwrap_or_default();
        let read = match (misplaced, std::str::from_utf8(raw)) {
            (Some(trouble), _) => Err(trouble),
            (None, Ok(text)) => {
                record.reset(place);
                item::read(text, record, &mut self.names, &limits)
            }
            (None, Err(e)) => Err(Trouble::utf8(e.valid_up_to())),
        };
        let error = read.err().map(|trouble| {
            let error = trouble.at(raw, place);
            if item::ends_surely(raw, &limits) { error } else { error.last() }
        });
        self.advance(length);
        self.ordinal += 1;
        error.map_or(Ok(true), |error| Err(error.into()))
    }
}

#[cfg(test)]
mod tests;
