//! CSV as PostgreSQL's COPY reads it, with exact positions.
//!
//! The `csv` crate does not tell whether a field was quoted, and that is the difference between
//! NULL and an empty string; so this reader is our own. It is stricter than most: a quote inside
//! an unquoted field, text after a closing quote and a carriage return that ends no line are
//! errors, never guesses.

mod scan;

use memchr::memchr2;
use serde::{Deserialize, Serialize};

use super::error::RAW_LIMIT;
use super::feed::{Feed, Line, More};
use super::record::{Kind, Place, Record, RecordReader, Span, narrow};
use super::trouble::{self, Trouble};
use super::{RecordError, SourceError};
use scan::{Class, Fault, Found, Scan, Step, classes, scan};

/// What CSV and TSV may be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvOptions {
    /// The character between two fields; `None` for a comma (CSV only).
    pub delimiter: Option<char>,
    /// Unquoted texts that mean NULL; empty for the format's own: the empty text in CSV, `\N` in
    /// TSV. As with COPY, texts given here replace the format's own.
    pub null_as: Vec<String>,
}

/// Reads CSV.
pub(super) struct CsvReader {
    feed: Feed,
    names: Vec<String>,
    classes: [Class; 256],
    null_as: Vec<String>,
    /// Whether a lone carriage return ends a line, as it does if it ends the header.
    returns: bool,
    line: u64,
    ordinal: u64,
    scan: Scan,
}

impl CsvReader {
    /// Reads as far as the header.
    pub(super) fn open(name: &str, mut feed: Feed, options: &CsvOptions) -> Result<Self, SourceError> {
        let delimiter = delimiter(options)?;
        trouble::skip_mark(&mut feed).map_err(|e| trouble::header_error(name, e))?;
        let null_as = if options.null_as.is_empty() { vec![String::new()] } else { options.null_as.clone() };
        let mut reader = Self {
            feed,
            names: Vec::new(),
            classes: classes(delimiter),
            null_as,
            returns: false,
            line: 1,
            ordinal: 0,
            scan: Scan::default(),
        };
        reader.returns = reader.header_ends_with_return().map_err(|e| trouble::header_error(name, e))?;
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

    /// Whether the first line end outside quotes is a lone carriage return.
    fn header_ends_with_return(&mut self) -> Result<bool, Box<RecordError>> {
        loop {
            let mut quoted = false;
            let bytes = self.feed.bytes();
            for (at, byte) in bytes.iter().enumerate() {
                match byte {
                    b'"' => quoted = !quoted,
                    b'\n' if !quoted => return Ok(false),
                    b'\r' if !quoted => match bytes.get(at + 1) {
                        Some(next) => return Ok(*next != b'\n'),
                        None if self.feed.ended() => return Ok(true),
                        None => break,
                    },
                    _ => {}
                }
            }
            match self.feed.more() {
                Ok(More::Bytes) => {}
                Ok(More::End | More::TooLong) => return Ok(false),
                Err(e) => return Err(trouble::unreadable(&e, Place::BEGIN).into()),
            }
        }
    }

    /// Reads one record without a look at the number of its fields.
    fn read(&mut self, record: &mut Record) -> Result<bool, Box<RecordError>> {
        loop {
            if !self.fill()? {
                return Ok(false);
            }
            if self.skip_blank_line() {
                continue;
            }
            self.ordinal += 1;
            record.reset(self.place());
            let (bytes, with_end) = self.delimit()?;
            let text = match std::str::from_utf8(self.feed.bytes().get(..bytes).unwrap_or_default()) {
                Ok(text) => text,
                Err(e) => return Err(self.broken(&Trouble::utf8(e.valid_up_to()), bytes, with_end).into()),
            };
            record.raw.push_str(text);
            for found in &self.scan.fields {
                record.fields.push(field(found, &record.raw, &mut record.side, &self.null_as));
            }
            self.feed.consume(with_end);
            self.line += self.scan.lines;
            return Ok(true);
        }
    }

    /// Makes sure that a byte is at hand; `false` at the end.
    fn fill(&mut self) -> Result<bool, Box<RecordError>> {
        if !self.feed.bytes().is_empty() {
            return Ok(true);
        }
        match self.feed.more() {
            Ok(more) => Ok(more == More::Bytes),
            Err(e) => Err(trouble::unreadable(&e, self.place()).into()),
        }
    }

    /// A blank line says nothing where a record has several fields.
    fn skip_blank_line(&mut self) -> bool {
        if self.names.len() == 1 {
            return false;
        }
        let ending = match self.feed.bytes() {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            [b'\r', ..] if self.returns => 1,
            _ => return false,
        };
        self.feed.consume(ending);
        self.line += 1;
        true
    }

    /// Finds the end of the record at hand.
    fn delimit(&mut self) -> Result<(usize, usize), Box<RecordError>> {
        loop {
            let ended = self.feed.ended();
            let step = scan(self.feed.bytes(), ended, &self.classes, self.returns, &mut self.scan);
            match step {
                Step::Record { bytes, with_end } if bytes > self.feed.limits.record => {
                    let limit = self.feed.limits.record;
                    return Err(self.broken(&Trouble::too_long(limit), limit, with_end).into());
                }
                Step::Record { bytes, with_end } => return Ok((bytes, with_end)),
                Step::Broken { at, fault } => return Err(self.fault(at, fault).into()),
                Step::Short { quoted } => match self.feed.more() {
                    Ok(More::End) if quoted && ended => {
                        let reason = "a quote is opened and never closed";
                        let help = "close the quote, or double it if it belongs to the text";
                        return Err(self.unclosed(Trouble::new(0, "unclosed_quote", reason, help)).into());
                    }
                    // At the end the scan is told so, and ends the record there.
                    Ok(More::Bytes | More::End) => {}
                    Ok(More::TooLong) if quoted => {
                        return Err(self.unclosed(Trouble::too_long(self.feed.limits.record)).into());
                    }
                    Ok(More::TooLong) => return Err(self.too_long().into()),
                    Err(e) => return Err(trouble::unreadable(&e, self.place()).into()),
                },
            }
        }
    }

    /// A fault inside a record. Only where no quote is near is its line end certain; else reading stops, because
    /// a line inside a quoted field must never become a record.
    fn fault(&mut self, at: usize, fault: Fault) -> RecordError {
        let trouble = match fault {
            Fault::StrayQuote => Trouble::new(
                at,
                "stray_quote",
                "a quote stands inside a field that is not quoted",
                "quote the whole field and double the quotes inside it: \"say \"\"hello\"\"\"",
            ),
            Fault::AfterQuote => Trouble::new(
                at,
                "stray_quote",
                "text follows the closing quote of a field",
                "double the quotes inside a quoted field, or put a delimiter after the closing quote",
            ),
            Fault::StrayReturn => Trouble::new(
                at,
                "stray_carriage_return",
                "a carriage return stands inside a field that is not quoted",
                "quote the field, or remove the carriage return",
            ),
            Fault::Nul => Trouble::nul(at),
        };
        let quotes = matches!(fault, Fault::StrayQuote | Fault::AfterQuote) || self.returns;
        match self.feed.line() {
            Ok(Line::At { bytes, with_end })
                if !quotes
                    && bytes >= at
                    && memchr::memchr(b'"', self.feed.bytes().get(..bytes).unwrap_or_default()).is_none() =>
            {
                self.scan.lines = 1;
                self.broken(&trouble, bytes, with_end)
            }
            _ => self.stopped(&trouble),
        }
    }

    /// The quote that is open at the end of what may be read.
    fn unclosed(&self, mut trouble: Trouble) -> RecordError {
        trouble.at = self.scan.fields.last().map_or(0, |open| open.start.saturating_sub(1));
        self.stopped(&trouble)
    }

    /// The error after which nothing more of the source is read.
    fn stopped(&self, trouble: &Trouble) -> RecordError {
        let kept = self.feed.bytes().len().min(RAW_LIMIT.max(trouble.at));
        self.error(trouble, kept).last()
    }

    /// A record beyond the limit is left behind up to its line end, in constant memory; where a quote stands before
    /// that end, reading stops.
    fn too_long(&mut self) -> RecordError {
        let limit = self.feed.limits.record;
        let error = self.error(&Trouble::too_long(limit), self.feed.bytes().len().min(limit));
        let ending = if self.returns { b'\r' } else { b'\n' };
        loop {
            let bytes = self.feed.bytes();
            let found = memchr2(ending, b'"', bytes);
            if let Some(at) = found {
                if bytes.get(at) == Some(&b'"') {
                    break;
                }
                self.feed.consume(at + 1);
                self.line += 1;
                return error;
            }
            self.feed.consume(bytes.len());
            match self.feed.more() {
                Ok(More::Bytes) => {}
                Ok(_) => return error,
                Err(_) => break,
            }
        }
        error.last()
    }

    /// Leaves a broken record behind and says what is wrong with it.
    fn broken(&mut self, trouble: &Trouble, bytes: usize, with_end: usize) -> RecordError {
        let error = self.error(trouble, bytes);
        self.feed.consume(with_end);
        self.line += self.scan.lines;
        error
    }

    /// Where the record being read begins.
    fn place(&self) -> Place {
        let ordinal = self.ordinal.saturating_sub(1);
        Place { line: self.line, column: 1, offset: self.feed.offset, ordinal, returns: true }
    }

    fn error(&self, trouble: &Trouble, bytes: usize) -> RecordError {
        let raw = self.feed.bytes().get(..bytes).unwrap_or_default();
        trouble.at(raw, self.place())
    }
}

impl RecordReader for CsvReader {
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

fn delimiter(options: &CsvOptions) -> Result<u8, SourceError> {
    let delimiter = options.delimiter.unwrap_or(',');
    match u8::try_from(delimiter) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => Ok(byte),
        _ => Err(SourceError::Option {
            reason: format!("'{}' cannot be a delimiter", delimiter.escape_default()),
            help: "use one ASCII character that is neither a quote nor a line end, for example --delimiter ';'"
                .to_owned(),
        }),
    }
}

/// The field as the record keeps it: NULL, a part of the raw text, or an unescaped copy.
fn field(found: &Found, raw: &str, side: &mut String, null_as: &[String]) -> Span {
    if found.escaped {
        let start = narrow(side.len());
        let text = raw.get(found.start..found.end).unwrap_or_default();
        let mut parts = text.split("\"\"");
        side.push_str(parts.next().unwrap_or_default());
        for part in parts {
            side.push('"');
            side.push_str(part);
        }
        return Span { kind: Kind::Text, side: true, start, end: narrow(side.len()), at: narrow(found.start) - 1 };
    }
    let text = raw.get(found.start..found.end).unwrap_or_default();
    let null = !found.quoted && null_as.iter().any(|null| null == text);
    let mut span = Span::raw(if null { Kind::Null } else { Kind::Text }, found.start, found.end);
    span.at -= u32::from(found.quoted);
    span
}

#[cfg(test)]
mod tests;
