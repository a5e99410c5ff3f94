//! Sources: which format a file holds, how it is compressed, and how it is opened.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::csv::CsvReader;
use super::feed::Feed;
use super::json_array::ArrayReader;
use super::ndjson::NdjsonReader;
use super::tsv::TsvReader;
use super::yaml::YamlReader;
use super::{CsvOptions, Record, RecordError, RecordReader, SourceError, decompress, rejects};

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceFormat {
    /// Comma-separated values with a header, as PostgreSQL's COPY reads them.
    Csv,
    /// Tab-separated values with a header and PostgreSQL's backslash escapes.
    Tsv,
    /// One array of objects.
    #[serde(rename = "json")]
    JsonArray,
    /// One object a line.
    Ndjson,
    /// One sequence of mappings, or one mapping a document.
    Yaml,
}

impl SourceFormat {
    /// The name that `--format` takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::JsonArray => "json",
            Self::Ndjson => "ndjson",
            Self::Yaml => "yaml",
        }
    }

    /// The format that an ending of a file name stands for.
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "json" => Some(Self::JsonArray),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

impl std::str::FromStr for SourceFormat {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::of_ending(text).ok_or_else(|| SourceError::unknown_format(text))
    }
}

/// How a source is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
}

impl Compression {
    /// A word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The compression that an ending of a file name stands for.
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The compression that the first bytes show.
    pub fn of_content(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// What a file's name says: data type (the stem), format, compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameParts {
    /// The name without the endings that are understood.
    pub stem: String,
    /// The format, if an ending tells.
    pub format: Option<SourceFormat>,
    /// The compression; [`Compression::None`] if no ending tells.
    pub compression: Compression,
}

impl NameParts {
    /// Reads a file name such as `users.csv.gz`.
    pub fn of(file_name: &str) -> Self {
        let (rest, compression) = match file_name.rsplit_once('.') {
            Some((rest, ending)) => match Compression::of_ending(ending) {
                Some(compression) => (rest, compression),
                None => (file_name, Compression::None),
            },
            None => (file_name, Compression::None),
        };
        let known = rest.rsplit_once('.').and_then(|(stem, e)| SourceFormat::of_ending(e).map(|f| (stem, f)));
        match known {
            Some((stem, format)) => Self { stem: stem.to_owned(), format: Some(format), compression },
            None => Self { stem: rest.to_owned(), format: None, compression },
        }
    }
}

/// Bounds that keep a hostile source from exhausting memory, disk or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest record, in bytes.
    pub record: usize,
    /// Most different field names in one source.
    pub fields: usize,
    /// Deepest nesting of arrays and objects in one record.
    pub depth: usize,
    /// Uncompressed bytes up to which any ratio is accepted.
    pub inflate_free: u64,
    /// Most uncompressed bytes for one compressed byte beyond that.
    pub inflate_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { record: 16 << 20, fields: 4096, depth: 128, inflate_free: 64 << 20, inflate_ratio: 1000 }
    }
}

/// How to read a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceOptions {
    /// The format; `None` to go by the name.
    pub format: Option<SourceFormat>,
    /// The compression; `None` to go by the name.
    pub compression: Option<Compression>,
    /// What CSV and TSV may be told.
    pub csv: CsvOptions,
    /// Bounds.
    pub limits: Limits,
}

/// An opened source.
pub struct Source {
    /// Its format.
    pub format: SourceFormat,
    /// Its compression.
    pub compression: Compression,
    /// Its records.
    pub reader: Box<dyn RecordReader>,
    /// Bytes read so far, as stored (compressed, if it is): the size of the file at the end.
    pub progress: Arc<AtomicU64>,
}

impl Source {
    /// Opens a file and reads as far as the header.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self, SourceError> {
        let unreadable = |source| SourceError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(unreadable(std::io::Error::from(std::io::ErrorKind::IsADirectory)));
        }
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Self::from_read(&name, Box::new(file), options)
    }

    /// Reads from anything, standard input for one. The name gives format and compression where
    /// the options do not; without a compression in either, the first bytes decide.
    pub fn from_read(name: &str, input: Box<dyn Read + Send>, options: &SourceOptions) -> Result<Self, SourceError> {
        let parts = NameParts::of(name);
        let format = options.format.or(parts.format).ok_or_else(|| SourceError::unknown_format(name))?;
        let progress = Arc::new(AtomicU64::new(0));
        let counted = Counted { input, count: Arc::clone(&progress) };
        let nameless = parts.format.is_none() && parts.compression == Compression::None;
        let expected = options.compression.or_else(|| (!nameless).then_some(parts.compression));
        // No line at all is no record in NDJSON; every other format begins with something.
        let may_be_empty = format == SourceFormat::Ndjson;
        let opened = decompress::open(name, Box::new(counted), expected, options.limits, may_be_empty)?;
        let feed = Feed::new(opened.input, options.limits);
        let reader: Box<dyn RecordReader> = match format {
            SourceFormat::Csv => Box::new(CsvReader::open(name, feed, &options.csv)?),
            SourceFormat::Tsv => Box::new(TsvReader::open(name, feed, &options.csv)?),
            SourceFormat::JsonArray => Box::new(ArrayReader::open(name, feed)?),
            SourceFormat::Ndjson if parts.stem.ends_with(rejects::STEM) => {
                Box::new(NdjsonReader::open_rejects(name, feed)?)
            }
            SourceFormat::Ndjson => Box::new(NdjsonReader::open(name, feed)?),
            SourceFormat::Yaml => Box::new(YamlReader::open(name, feed)?),
        };
        let reader = Box::new(Fused { reader, failed: None });
        Ok(Self { format, compression: opened.compression, reader, progress })
    }
}

/// Answers the error after which nothing can be read each time it is asked again: a caller that missed it once must
/// not take the silence after it for the end of the source.
struct Fused {
    reader: Box<dyn RecordReader>,
    failed: Option<Box<RecordError>>,
}

impl RecordReader for Fused {
    fn fields(&self) -> &[String] {
        self.reader.fields()
    }

    fn next(&mut self, record: &mut Record) -> Result<bool, Box<RecordError>> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let read = self.reader.next(record);
        if let Err(error) = &read
            && !error.recoverable
        {
            self.failed = Some(error.clone());
        }
        read
    }
}

/// Counts the bytes that pass.
struct Counted {
    input: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.input.read(into)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_stem_format_and_compression() {
        let parts = |name: &str| {
            let p = NameParts::of(name);
            (p.stem, p.format, p.compression)
        };
        assert_eq!(parts("users.csv"), ("users".into(), Some(SourceFormat::Csv), Compression::None));
        assert_eq!(parts("users.CSV.GZ"), ("users".into(), Some(SourceFormat::Csv), Compression::Gzip));
        assert_eq!(parts("a.b.jsonl.zst"), ("a.b".into(), Some(SourceFormat::Ndjson), Compression::Zstd));
        assert_eq!(parts("users"), ("users".into(), None, Compression::None));
        assert_eq!(parts("users.txt"), ("users.txt".into(), None, Compression::None));
        assert_eq!(parts("-"), ("-".into(), None, Compression::None));
    }
}
