//! One record of a source: its fields as they were written, and where they stand.

use super::RecordError;
use crate::model::{Fields, Raw};

/// What a field is; [`Raw`] without the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Absent,
    Null,
    Text,
    String,
    Number,
    True,
    False,
    Json,
}

/// Where the text of a field lies: in the record's raw text, or in its side text when it had to
/// be unescaped. `at` is always the place in the raw text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) kind: Kind,
    pub(super) side: bool,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) at: u32,
}

impl Span {
    pub(super) const ABSENT: Self = Self { kind: Kind::Absent, side: false, start: 0, end: 0, at: 0 };

    /// A field whose text lies in the raw text. The limits keep a record below 4 GiB.
    pub(super) fn raw(kind: Kind, start: usize, end: usize) -> Self {
        let (start, end) = (narrow(start), narrow(end));
        Self { kind, side: false, start, end, at: start }
    }
}

/// A place inside one record; limits keep a record far below 4 GiB.
pub(super) fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// One record, made to be used again for the next one.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The record as it stands in the source, without the line end.
    pub(super) raw: String,
    pub(super) side: String,
    pub(super) fields: Vec<Span>,
    /// Line of its first byte, from one.
    pub line: u64,
    /// Column of its first byte, from one, in characters.
    pub column: u64,
    /// Bytes of the (uncompressed) source before it.
    pub offset: u64,
    /// Records before it, broken ones included.
    pub ordinal: u64,
    /// Whether a lone carriage return in it ends a line.
    pub(super) returns: bool,
}

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) offset: u64,
    pub(super) ordinal: u64,
    /// Whether a lone carriage return ends a line, as it does in a field of CSV.
    pub(super) returns: bool,
}

impl Place {
    /// The first byte of a source.
    pub(super) const BEGIN: Self = Self { line: 1, column: 1, offset: 0, ordinal: 0, returns: false };

    /// Line and column after these bytes of the record.
    pub(super) fn after(self, bytes: &[u8]) -> (u64, u64) {
        let (lines, column) = line_and_column(bytes, self.returns);
        (self.line + lines, if lines == 0 { self.column + column - 1 } else { column })
    }
}

impl Record {
    /// The record as it stands in the source, without the line end.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The field at this place of [`RecordReader::fields`].
    pub fn get(&self, field: usize) -> Raw<'_> {
        let Some(span) = self.fields.get(field) else { return Raw::Absent };
        let text = || {
            let from = if span.side { &self.side } else { &self.raw };
            from.get(span.start as usize..span.end as usize).unwrap_or_default()
        };
        match span.kind {
            Kind::Absent => Raw::Absent,
            Kind::Null => Raw::Null,
            Kind::Text => Raw::Text(text()),
            Kind::String => Raw::String(text()),
            Kind::Number => Raw::Number(text()),
            Kind::True => Raw::Bool(true),
            Kind::False => Raw::Bool(false),
            Kind::Json => Raw::Json(text()),
        }
    }

    /// How many fields the record may hold; those above are absent.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether the record has no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Line and column of a field, both from one; the column counts characters. For a field that
    /// the record does not name, the place of the record itself.
    pub fn position(&self, field: usize) -> (u64, u64) {
        let at = self.fields.get(field).map_or(0, |span| span.at as usize);
        self.place().after(self.raw.as_bytes().get(..at).unwrap_or_default())
    }

    /// Where the record begins.
    pub(super) fn place(&self) -> Place {
        let Self { line, column, offset, ordinal, returns, .. } = *self;
        Place { line, column, offset, ordinal, returns }
    }

    /// Empties the record for the next one.
    pub(super) fn reset(&mut self, place: Place) {
        self.raw.clear();
        self.side.clear();
        self.fields.clear();
        (self.line, self.column) = (place.line, place.column);
        (self.offset, self.ordinal, self.returns) = (place.offset, place.ordinal, place.returns);
    }
}

impl Fields for Record {
    fn field(&self, place: usize) -> Raw<'_> {
        self.get(place)
    }
}

/// Lines ended by these bytes (LF, CRLF, and lone CR where it counts), and where the last of them begins.
pub(super) fn place_of(bytes: &[u8], returns: bool) -> (u64, usize) {
    let mut lines = 0;
    let mut last = 0;
    for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        if bytes.get(at) == Some(&b'\r') && (!returns || bytes.get(at + 1) == Some(&b'\n')) {
            continue;
        }
        lines += 1;
        last = at + 1;
    }
    (lines, last)
}

/// Lines ended by these bytes, and the column after them, from one: in characters where the last
/// line is text, else in bytes.
pub(super) fn line_and_column(bytes: &[u8], returns: bool) -> (u64, u64) {
    let (lines, last) = place_of(bytes, returns);
    let rest = bytes.get(last..).unwrap_or_default();
    let before = std::str::from_utf8(rest).map_or(rest.len(), |text| text.chars().count());
    (lines, before as u64 + 1)
}

/// A stream of records.
pub trait RecordReader: Send {
    /// Names of the fields, by place. Fixed for CSV and TSV. JSON and YAML name fields in each
    /// record, so there a later record may add names at the end.
    fn fields(&self) -> &[String];

    /// Reads the next record; `false` at the end. After an error that is
    /// [recoverable](RecordError::recoverable) the next call goes on with the next record; after
    /// any other a reader of a [`Source`](super::Source) answers the same error for ever.
    fn next(&mut self, record: &mut Record) -> Result<bool, Box<RecordError>>;
}
