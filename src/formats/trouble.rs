//! What the readers find wrong, and the places and cures that they share.

use std::collections::HashMap;
use std::io;

use super::decompress::Fault;
use super::error::{RAW_LIMIT, excerpt};
use super::feed::Feed;
use super::record::{Place, Record};
use super::{Limits, RecordError, SourceError};
use crate::model::Raw;

/// A fault at a place inside one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Bytes of the record before the fault.
    pub(super) at: usize,
    pub(super) code: &'static str,
    pub(super) reason: String,
    pub(super) help: String,
}

impl Trouble {
    pub(super) fn new(at: usize, code: &'static str, reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at, code, reason: reason.into(), help: help.into() }
    }

    pub(super) fn utf8(at: usize) -> Self {
        let help = "save the source as UTF-8, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW_FILE";
        Self::new(at, "bad_utf8", "the bytes here are not UTF-8", help)
    }

    pub(super) fn nul(at: usize) -> Self {
        let help = "remove the NUL characters: tr -d '\\000' < FILE > NEW_FILE";
        Self::new(at, "nul", "a NUL character stands here, which no database text may hold", help)
    }

    pub(super) fn too_long(limit: usize) -> Self {
        let help = "look for a missing line end or closing quote, or split the record";
        Self::new(0, "too_long", format!("the record is longer than {limit} bytes"), help)
    }

    /// The error for a record whose bytes (up to the fault at least) are these.
    pub(super) fn at(&self, raw: &[u8], place: Place) -> RecordError {
        let (line, column) = place.after(raw.get(..self.at).unwrap_or(raw));
        RecordError {
            line,
            column,
            offset: place.offset,
            ordinal: place.ordinal,
            code: self.code,
            reason: self.reason.clone(),
            help: self.help.clone(),
            raw: excerpt(raw),
            recoverable: true,
        }
    }
}

/// The error for a source that stops giving bytes.
pub(super) fn unreadable(error: &io::Error, place: Place) -> RecordError {
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>());
    let (code, help) = match fault {
        Some(Fault::Inflated { .. }) => {
            ("inflated", "decompress the file yourself if it is really meant to be that large, and load the result")
        }
        Some(Fault::Damaged { .. }) => ("damaged", "get the file again from where it came: it is not whole"),
        None => ("unreadable", "check the disk or the program that feeds standard input"),
    };
    RecordError {
        line: place.line,
        column: place.column,
        offset: place.offset,
        ordinal: place.ordinal,
        code,
        reason: error.to_string(),
        help: help.to_owned(),
        raw: String::new(),
        recoverable: false,
    }
}

/// The error for a source whose first bytes show that it cannot be read at all.
pub(super) fn hopeless(code: &'static str, reason: &str, help: &str) -> RecordError {
    let mut error = Trouble::new(0, code, reason, help).at(&[], Place::BEGIN);
    error.recoverable = false;
    error
}

/// Leaves a UTF-8 byte-order mark behind; other marks name the cure.
pub(super) fn skip_mark(feed: &mut Feed) -> Result<(), Box<RecordError>> {
    if feed.bytes().is_empty() {
        feed.more().map_err(|e| Box::new(unreadable(&e, Place::BEGIN)))?;
    }
    match feed.bytes() {
        [0xef, 0xbb, 0xbf, ..] => feed.consume(3),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err(hopeless(
                "bad_utf8",
                "the source is UTF-16",
                "save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8 FILE > NEW_FILE",
            )
            .into());
        }
        _ => {}
    }
    Ok(())
}

/// A source whose beginning cannot be used.
pub(super) fn header_error(name: &str, record: Box<RecordError>) -> SourceError {
    SourceError::Header { name: name.to_owned(), record }
}

pub(super) fn no_header(name: &str) -> SourceError {
    SourceError::Empty { name: name.to_owned(), help: "its first line must name the columns: id,email,name".to_owned() }
}

/// The names of a header: each once, none empty, all text.
pub(super) fn header_names(header: &Record, limits: Limits) -> Result<Vec<String>, Box<RecordError>> {
    let wrong = |field: usize, reason: String, help: &str| {
        let (line, column) = header.position(field);
        let trouble = Trouble::new(0, "header", reason, help);
        let mut error = trouble.at(header.raw.as_bytes(), header.place());
        (error.line, error.column, error.recoverable) = (line, column, false);
        Box::new(error)
    };
    if header.len() > limits.fields {
        let reason = format!("the header names {} columns; at most {} are read", header.len(), limits.fields);
        return Err(wrong(limits.fields, reason, "check that the delimiter is the right one"));
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut names = Vec::with_capacity(header.len());
    for field in 0..header.len() {
        let name = match header.get(field) {
            Raw::Text(name) => name,
            _ => "",
        };
        if name.trim().is_empty() {
            let reason = format!("column {} of the header has no name", field + 1);
            return Err(wrong(field, reason, "give each column a name in the first line"));
        }
        if let Some(first) = seen.insert(name, field) {
            let reason = format!("the header names '{}' twice: columns {} and {}", shown(name), first + 1, field + 1);
            return Err(wrong(field, reason, "remove or rename one of the two columns"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// A name for people: control characters escaped, cut after 80 characters.
pub(super) fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    if name.chars().nth(80).is_some() {
        text.push('…');
    }
    text
}

/// The error for a record with too many or too few fields.
pub(super) fn field_count(record: &Record, expected: usize) -> RecordError {
    let found = record.fields.len();
    let (line, column) =
        if found > expected { record.position(expected) } else { record.position(found.saturating_sub(1)) };
    let reason = format!("the record has {found} {}, the header {expected}", plural(found));
    let help = if found > expected {
        "quote fields that contain the delimiter"
    } else {
        "add the missing fields, empty ones too, or look for a line break inside a field that is not quoted"
    };
    let kept = record.raw.as_bytes().get(..RAW_LIMIT).unwrap_or(record.raw.as_bytes());
    let mut error = Trouble::new(0, "field_count", reason, help).at(kept, record.place());
    (error.line, error.column) = (line, column);
    error
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "field" } else { "fields" }
}
