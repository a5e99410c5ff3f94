//! Writing records so that reading them gives the same values.
//!
//! A field of CSV is quoted where it must be, and an empty text always: bare, it would be NULL.
//! In JSON, numbers and documents stand as they are and all else is a string; NaN and the
//! infinities are strings too. One thing cannot be told in JSON: a document that is only `null`
//! reads back as NULL.

use std::io::{self, Write};

use super::{Compression, SourceError, SourceFormat};
use crate::model::Value;
use crate::model::value_text::push_json_string;

/// Bytes that are gathered before they go on.
const GATHERED: usize = 64 * 1024;

/// Writes records.
pub struct RecordWriter<W: Write> {
    out: Packer<W>,
    format: SourceFormat,
    /// For CSV nothing; for JSON `"name":`, ready to write.
    keys: Vec<String>,
    text: String,
    rows: u64,
}

/// A writer that compresses, or does not.
enum Packer<W: Write> {
    Plain(W),
    Gzip(Box<flate2::write::GzEncoder<W>>),
    Zstd(Box<zstd::Encoder<'static, W>>),
}

impl<W: Write> Packer<W> {
    fn new(out: W, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(out),
            Compression::Gzip => {
                Self::Gzip(Box::new(flate2::write::GzEncoder::new(out, flate2::Compression::default())))
            }
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(out, 3)?;
                encoder.include_checksum(true)?;
                Self::Zstd(Box::new(encoder))
            }
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(out) => out.write_all(bytes),
            Self::Zstd(out) => out.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Gzip(out) => out.finish(),
            Self::Zstd(out) => out.finish(),
        }
    }
}

impl<W: Write> RecordWriter<W> {
    /// Begins a file of records with these columns: a header where the format has one.
    ///
    /// # Errors
    /// If the output fails. Formats that are only read (TSV, YAML) are refused by
    /// [`check_format`].
    pub fn begin(out: W, format: SourceFormat, compression: Compression, columns: &[String]) -> io::Result<Self> {
        let mut writer =
            Self { out: Packer::new(out, compression)?, format, keys: Vec::new(), text: String::new(), rows: 0 };
        match format {
            SourceFormat::Csv | SourceFormat::Tsv => {
                for (place, column) in columns.iter().enumerate() {
                    separate(place, &mut writer.text);
                    push_csv_text(column, &mut writer.text);
                }
                writer.text.push('\n');
            }
            _ => {
                for (place, column) in columns.iter().enumerate() {
                    let mut key = String::from(if place == 0 { "{" } else { "," });
                    push_json_string(column, &mut key);
                    key.push(':');
                    writer.keys.push(key);
                }
                if format == SourceFormat::JsonArray {
                    writer.text.push('[');
                }
            }
        }
        Ok(writer)
    }

    /// Writes one record: a value a column.
    ///
    /// # Errors
    /// If the output fails.
    pub fn write(&mut self, row: &[Value]) -> io::Result<()> {
        match self.format {
            SourceFormat::Csv | SourceFormat::Tsv => {
                for (place, value) in row.iter().enumerate() {
                    separate(place, &mut self.text);
                    push_csv(value, &mut self.text);
                }
            }
            SourceFormat::JsonArray => {
                self.text.push_str(if self.rows == 0 { "\n" } else { ",\n" });
                push_object(&self.keys, row, &mut self.text);
            }
            SourceFormat::Ndjson | SourceFormat::Yaml => push_object(&self.keys, row, &mut self.text),
        }
        if self.format != SourceFormat::JsonArray {
            self.text.push('\n');
        }
        self.rows += 1;
        if self.text.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    /// Ends the file; the answer is the output and the number of records.
    ///
    /// # Errors
    /// If the output fails.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        if self.format == SourceFormat::JsonArray {
            self.text.push_str("\n]\n");
        }
        self.flush()?;
        let mut out = self.out.finish()?;
        out.flush()?;
        Ok((out, self.rows))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }
}

/// Refuses formats that are only read.
///
/// # Errors
/// For TSV and YAML.
pub fn check_format(format: SourceFormat) -> Result<(), SourceError> {
    match format {
        SourceFormat::Csv | SourceFormat::JsonArray | SourceFormat::Ndjson => Ok(()),
        SourceFormat::Tsv | SourceFormat::Yaml => Err(SourceError::Option {
            reason: format!("{format} is read, not written"),
            help: "write --format csv, json or ndjson".to_owned(),
        }),
    }
}

/// The name of a file of records: `users.csv.gz`.
pub fn file_name(data_type: &str, format: SourceFormat, compression: Compression) -> String {
    let ending = match compression {
        Compression::None => "",
        Compression::Gzip => ".gz",
        Compression::Zstd => ".zst",
    };
    format!("{data_type}.{format}{ending}")
}

fn separate(place: usize, into: &mut String) {
    if place > 0 {
        into.push(',');
    }
}

fn push_csv(value: &Value, into: &mut String) {
    match value {
        Value::Null => {}
        Value::Text(text) | Value::Json(text) | Value::Decimal(text) => push_csv_text(text, into),
        Value::List(_) => push_csv_text(&value.to_text().unwrap_or_default(), into),
        plain => {
            plain.push_text(into);
        }
    }
}

fn push_csv_text(text: &str, into: &mut String) {
    let special = |b: u8| matches!(b, b',' | b'"' | b'\n' | b'\r');
    // Bare, `\.` alone on a line ends the data for COPY.
    let bare = !text.is_empty() && text != "\\." && !text.starts_with('\u{feff}');
    if bare && !text.bytes().any(special) {
        into.push_str(text);
        return;
    }
    into.push('"');
    let mut parts = text.split('"');
    into.push_str(parts.next().unwrap_or_default());
    for part in parts {
        into.push_str("\"\"");
        into.push_str(part);
    }
    into.push('"');
}

fn push_object(keys: &[String], row: &[Value], into: &mut String) {
    if keys.is_empty() {
        into.push('{');
    }
    for (key, value) in keys.iter().zip(row) {
        into.push_str(key);
        match value {
            // Line ends between the parts of a document mean nothing, and would end the record.
            Value::Json(document) if document.contains(['\n', '\r']) => {
                into.push_str(&document.replace(['\n', '\r'], " "));
            }
            // NaN is no JSON number.
            Value::Decimal(text) if !text.ends_with(|c: char| c.is_ascii_digit()) => push_json_string(text, into),
            value => value.push_json(into),
        }
    }
    into.push('}');
}

#[cfg(test)]
mod tests;
