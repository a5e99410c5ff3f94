//! TSV: a header, one record a line, fields parted by tabs, escapes as in PostgreSQL's COPY text.

use memchr::{memchr, memchr_iter};

use super::feed::{Feed, Line, More};
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
        Place { line: self.line, column: 1, offset: self.feed.offset, ordinal: self.ordinal, returns: false }
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
            if ends_escaped(raw) {
                return Err(escaped_end(bytes - 1).at(raw, place).last().into());
            }
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
        let error = Trouble::too_long(limit).at(raw, self.place());
        self.ordinal += 1;
        loop {
            let bytes = self.feed.bytes();
            if let Some(end) = memchr(b'\n', bytes) {
                let line = bytes.get(..end).unwrap_or_default();
                let escaped = line.strip_suffix(b"\r").unwrap_or(line).ends_with(b"\\");
                self.feed.consume(end + 1);
                self.line += 1;
                return if escaped { error.last() } else { error };
            }
            // What stands before the line end is kept until the end is found.
            self.feed.consume(bytes.len().saturating_sub(2));
            match self.feed.more() {
                Ok(More::Bytes) => {}
                Ok(_) => return error,
                Err(_) => return error.last(),
            }
        }
    }
}

/// Whether a backslash escapes the line end, so that in PostgreSQL's text the field would go on in the next line.
fn ends_escaped(line: &[u8]) -> bool {
    line.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

fn escaped_end(at: usize) -> Trouble {
    Trouble::new(
        at,
        "bad_escape",
        "a backslash stands before the line end, so the next line may be a part of this field",
        "write a backslash as \\\\ and a line end as \\n",
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Limits, Source, SourceFormat, SourceOptions};
    use crate::model::Raw;

    fn read(text: &str, limits: Limits) -> Vec<Result<String, (u64, &'static str, bool)>> {
        let options = SourceOptions { format: Some(SourceFormat::Tsv), limits, ..SourceOptions::default() };
        let input = std::io::Cursor::new(text.to_owned().into_bytes());
        let mut source = Source::from_read("-", Box::new(input), &options).unwrap();
        let mut record = Record::default();
        let mut seen = Vec::new();
        loop {
            match source.reader.next(&mut record) {
                Ok(false) => return seen,
                Ok(true) => seen.push(Ok(match record.get(1) {
                    Raw::Text(text) => text.to_owned(),
                    other => format!("{other:?}"),
                })),
                Err(e) => {
                    seen.push(Err((e.line, e.code, e.recoverable)));
                    if !e.recoverable {
                        return seen;
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_end_that_is_escaped_ends_the_reading() {
        let all = Limits::default();
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(read("id\ta\n1\tx\\\\\n2\ty\\\\\r\n", all), [ok("x\\"), ok("y\\")]);
        for end in ["\n", "\r\n"] {
            let text = format!("id\ta\n1\tx\\{end}2\tinjected{end}");
            assert_eq!(read(&text, all), [Err((2, "bad_escape", false))], "{end:?}");
            // Nor is it the place where a record that is broken already ends.
            let text = format!("id\ta\n1\t\\q\\{end}2\tinjected{end}");
            assert_eq!(read(&text, all), [Err((2, "bad_escape", false))], "{end:?}");
            let short = Limits { record: 1 << 12, ..all };
            let text = format!("id\ta\n1\t{}\\{end}2\tinjected{end}", "x".repeat(3 << 20));
            assert_eq!(read(&text, short), [Err((2, "too_long", false))], "{end:?}");
        }
        assert_eq!(read("id\ta\n1\t\\q\n2\tx\n", all), [Err((2, "bad_escape", true)), ok("x")]);
        assert_eq!(read("id\ta\n1\tx\\", all), [Err((2, "bad_escape", false))]);
    }
}
