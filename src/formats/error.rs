//! What can be wrong with a source and with one record of it.

use std::fmt;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use super::{Compression, SourceFormat};

/// A record that cannot be read, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct RecordError {
    /// Line of the fault, from one.
    pub line: u64,
    /// Column of the fault, from one, in characters where the text can be read, else in bytes.
    pub column: u64,
    /// Bytes of the (uncompressed) source before the record.
    pub offset: u64,
    /// Records before this one, broken ones included.
    pub ordinal: u64,
    /// A short stable name: `bad_utf8`, `nul`, `field_count`, `unclosed_quote`, `stray_quote`,
    /// `stray_carriage_return`, `bad_escape`, `too_long`, `invalid_json`, `too_deep`,
    /// `duplicate_key`, `not_an_object`, `not_an_array`, `too_many_fields`, `invalid_yaml`,
    /// `damaged`, `inflated`, `unreadable`, `header`.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub help: String,
    /// The record's text, bytes that are no UTF-8 replaced, cut after 64 KiB.
    pub raw: String,
    /// Whether the reader can go on with the next record.
    pub recoverable: bool,
}

impl RecordError {
    /// The same error where nothing behind it can be read.
    pub(super) fn last(mut self) -> Self {
        self.reason.push_str("; where the record ends is not certain, so the rest of the source was not read");
        self.recoverable = false;
        self
    }
}

impl Diagnostic for RecordError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("fixtool::data::record::{}", self.code)))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(&self.help) as Box<dyn fmt::Display>)
    }
}

/// Longest text of a broken record that is kept for the rejects file, in bytes.
pub(super) const RAW_LIMIT: usize = 64 * 1024;

/// The start of a broken record as text.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let cut = bytes.get(..RAW_LIMIT).unwrap_or(bytes);
    String::from_utf8_lossy(cut).trim_end_matches(['\r', '\n']).to_owned()
}

/// A source that cannot be read at all.
#[derive(Debug, Error, Diagnostic)]
pub enum SourceError {
    /// The file cannot be opened or read.
    #[error("cannot read '{}'", path.display())]
    #[diagnostic(code(fixtool::data::source::unreadable), help("check the path and its permissions"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Neither the name nor a flag says which format it is.
    #[error("'{name}' does not say which format it holds")]
    #[diagnostic(
        code(fixtool::data::source::unknown_format),
        help("name it with --format csv, tsv, json, ndjson or yaml, or give the file that ending")
    )]
    UnknownFormat {
        /// The source by the name the user gave.
        name: String,
    },
    /// The content is not compressed in the way that the name says.
    #[error("'{name}' is not {expected} data, though its name says so: it looks like {found}")]
    #[diagnostic(code(fixtool::data::source::not_compressed), help("{help}"))]
    NotCompressed {
        /// The source by the name the user gave.
        name: String,
        /// What the name says.
        expected: Compression,
        /// What the first bytes say.
        found: Compression,
        /// What to do.
        help: String,
    },
    /// There is not one byte, or no header.
    #[error("'{name}' is empty")]
    #[diagnostic(code(fixtool::data::source::empty), help("{help}"))]
    Empty {
        /// The source by the name the user gave.
        name: String,
        /// What to do.
        help: String,
    },
    /// The first record cannot be used as a header.
    #[error("the header of '{name}' cannot be used: {record}")]
    #[diagnostic(code(fixtool::data::source::header), help("{}", record.help))]
    Header {
        /// The source by the name the user gave.
        name: String,
        /// What is wrong, and where.
        record: Box<RecordError>,
    },
    /// An option does not fit the format.
    #[error("{reason}")]
    #[diagnostic(code(fixtool::data::source::option), help("{help}"))]
    Option {
        /// What is wrong.
        reason: String,
        /// What to do.
        help: String,
    },
}

impl SourceError {
    /// For a source whose name and options do not tell the format.
    pub fn unknown_format(name: &str) -> Self {
        Self::UnknownFormat { name: name.to_owned() }
    }
}

impl fmt::Display for SourceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
