//! TSV: a header, one record a line, fields parted by tabs, escapes as in PostgreSQL's COPY text.

use memchr::{memchr, memchr_iter};

use super::feed::{Feed, Line};
use super::record::{Kind, Place, Record, RecordReader, Span, narrow};
use super::trouble::{self, Trouble};
use super::{CsvOptions, RecordError, SourceError};

/// Reads TSV.
pub(super) struct TsvReader {
    feed: Feed,
    names: Vec<String>,
    null_as: Vec<String>,
    line: u64,
    ordinal: u64,
}

impl TsvReader {
    pub(super) fn open(name: &str, mut feed: Feed, options: &CsvOptions) -> Result<Self, SourceError> {
        if options.delimiter.is_some_and(|delimiter| delimiter != '\t') {
            return Err(SourceError::Option {
                reason: "the delimiter of TSV is the tab".to_owned(),
                help: "for another delimiter pass --format csv --delimiter CHARACTER".to_owned(),
            });
        }
        trouble::skip_mark(&mut feed).map_err(|e| trouble::header_error(name, e))?;
        let null_as = if options.null_as.is_empty() { vec!["\\N".to_owned()] } else { options.null_as.clone() };
        let mut reader = Self { feed, names: Vec::new(), null_as, line: 1, ordinal: 0 };
        let mut header = Record::default();
        match reader.read(&mut header) {
            Ok(true) => {}
            Ok(false) => return Err(trouble::no_header(name)),
            Err(e) => return Err(trouble::header_error(name, e)),
        }
        reader.names =
            trouble::header_names(&header, reader.feed.limits).map_err(|e| trouble::header_error(name, e))?;
        reader.ordinal = 0;
        Ok(reader)
    }

    fn place(&self) -> Place {
        Place { line: self.line, column: 1, offset: self.feed.offset, ordinal: self.ordinal }
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, Box<RecordError>> {
        loop {
            let (bytes, with_end) = match self.feed.line() {
                Ok(Line::At { bytes, with_end }) => (bytes, with_end),
                Ok(Line::End) => return Ok(false),
                Ok(Line::TooLong) => return Err(self.too_long().into()),
                Err(e) => return Err(trouble::unreadable(&e, self.place()).into()),
            };
            let blank = bytes == 0 && self.names.len() != 1;
            let place = self.place();
            let raw = self.feed.bytes().get(..bytes).unwrap_or_default();
            let error = if blank {
                None
            } else {
                record.reset(place);
                fill(raw, record, &self.null_as).err().map(|trouble| trouble.at(raw, place))
            };
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

impl RecordReader for TsvReader {
    fn fields(&self) -> &[String] {
        &self.names
    }

    fn next(&mut self, record: &mut Record) -> Result<bool, Box<RecordError>> {
        if !self.read(record)? {
            return Ok(false);
        }
        if record.fields.len() == self.names.len() {
            return Ok(true);
        }
        Err(trouble::field_count(record, self.names.len()).into())
    }
}

/// Fills a record with the fields of a line.
fn fill(raw: &[u8], record: &mut Record, null_as: &[String]) -> Result<(), Trouble> {
    let text = std::str::from_utf8(raw).map_err(|e| Trouble::utf8(e.valid_up_to()))?;
    if let Some(at) = memchr(0, raw) {
        return Err(Trouble::nul(at));
    }
    if let Some(at) = memchr(b'\r', raw) {
        return Err(Trouble::new(
            at,
            "stray_carriage_return",
            "a carriage return stands inside a field",
            "write it as \\r",
        ));
    }
    record.raw.push_str(text);
    let mut start = 0;
    for end in memchr_iter(b'\t', raw).chain(std::iter::once(raw.len())) {
        let field = text.get(start..end).unwrap_or_default();
        let span = if null_as.iter().any(|null| null == field) {
            Span::raw(Kind::Null, start, end)
        } else if memchr(b'\\', field.as_bytes()).is_none() {
            Span::raw(Kind::Text, start, end)
        } else {
            let from = narrow(record.side.len());
            unescape(field, &mut record.side).map_err(|at| bad_escape(start + at))?;
            Span { kind: Kind::Text, side: true, start: from, end: narrow(record.side.len()), at: narrow(start) }
        };
        record.fields.push(span);
        start = end + 1;
    }
    Ok(())
}

fn bad_escape(at: usize) -> Trouble {
    Trouble::new(
        at,
        "bad_escape",
        "this escape sequence means nothing",
        "write a backslash as \\\\, a tab as \\t, a line end as \\n, and \\N alone for NULL",
    )
}

/// Appends a field without its escapes; the error is the place of one that means nothing.
fn unescape(field: &str, into: &mut String) -> Result<(), usize> {
    let mut rest = field;
    while let Some((plain, after)) = rest.split_once('\\') {
        into.push_str(plain);
        let at = field.len() - after.len() - 1;
        let mut chars = after.chars();
        into.push(match chars.next() {
            Some('\\') => '\\',
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            _ => return Err(at),
        });
        rest = chars.as_str();
    }
    into.push_str(rest);
    Ok(())
}
