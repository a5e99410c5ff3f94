//! The rejects file: NDJSON, one line a fault, that can be corrected and loaded again.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;

use super::error::LoadError;
use super::shaper::Fault;
use crate::formats::{Record, RecordError, SourceFormat};
use crate::model::Raw;

/// A fault beside the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherFault {
    /// Column of the table, if one is at fault.
    pub column: Option<String>,
    /// A short stable name.
    pub code: String,
    /// What is wrong.
    pub reason: String,
}

/// One rejected record with its first fault.
#[derive(Debug, Clone, Serialize)]
pub struct Rejected {
    /// The source by the name the user gave.
    pub source: String,
    /// Line of the fault, from one.
    pub line: u64,
    /// Column of the fault in its line, from one.
    pub character: u64,
    /// Column of the table, if one is at fault.
    pub column: Option<String>,
    /// A short stable name.
    pub code: String,
    /// What is wrong.
    pub reason: String,
    /// What else is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<OtherFault>,
    /// The format of the source: in CSV and TSV every value is text that its column gives a meaning.
    pub format: SourceFormat,
    /// The record: an object of its fields, or its text where it could not be read.
    pub record: Box<RawValue>,
}

impl Rejected {
    /// What is wrong with a record that could be read.
    pub fn of_record(source: (&str, SourceFormat), record: &Record, fields: &[String], faults: Vec<Fault>) -> Self {
        let mut faults = faults.into_iter();
        let first = faults.next().unwrap_or_else(|| Fault {
            column: None,
            field: None,
            code: "unknown".to_owned(),
            reason: "no reason was given".to_owned(),
        });
        let (line, character) = match first.field {
            Some(field) => record.position(field),
            None => (record.line, 1),
        };
        Self {
            source: source.0.to_owned(),
            line,
            character,
            column: first.column,
            code: first.code,
            reason: first.reason,
            more: faults.map(|f| OtherFault { column: f.column, code: f.code, reason: f.reason }).collect(),
            format: source.1,
            record: body(record, fields),
        }
    }

    /// A record that could not be read.
    pub fn of_broken(source: (&str, SourceFormat), error: &RecordError) -> Self {
        Self {
            source: source.0.to_owned(),
            line: error.line,
            character: error.column,
            column: None,
            code: error.code.to_owned(),
            reason: error.reason.clone(),
            more: Vec::new(),
            format: source.1,
            record: text(&error.raw),
        }
    }

    /// The first fault as the error that ends the load.
    pub fn into_error(self) -> LoadError {
        let others = self.more.len();
        LoadError::BadRecord {
            source_name: self.source,
            line: self.line,
            column: self.column.map(|c| format!(", column '{c}'")).unwrap_or_default(),
            reason: self.reason,
            more: if others > 0 { format!("; the record has {others} more") } else { String::new() },
        }
    }
}

fn text(of: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(of).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A record as an object: numbers and documents exactly as they were written.
fn body(record: &Record, fields: &[String]) -> Box<RawValue> {
    let mut object = String::from("{");
    for (place, name) in fields.iter().enumerate() {
        let value = match record.get(place) {
            Raw::Absent => continue,
            Raw::Null => "null".to_owned(),
            Raw::Bool(truth) => truth.to_string(),
            // A number that no reader of the file could hold is kept as text.
            Raw::Number(text) if text.parse::<f64>().is_ok_and(f64::is_infinite) => format!("\"{text}\""),
            Raw::Number(text) => text.to_owned(),
            // Line ends between the parts of a document mean nothing, and would end the entry.
            Raw::Json(text) => text.replace(['\n', '\r'], " "),
            Raw::Text(text) | Raw::String(text) => serde_json::Value::from(text).to_string(),
        };
        if object.len() > 1 {
            object.push(',');
        }
        object.push_str(&serde_json::Value::from(name.as_str()).to_string());
        object.push(':');
        object.push_str(&value);
    }
    object.push('}');
    RawValue::from_string(object).unwrap_or_else(|_| text(record.raw()))
}

/// The rejects file of one data type. It appears under its name when the load of the table ends,
/// and not at all when nothing was rejected.
pub struct RejectsFile {
    path: PathBuf,
    part: PathBuf,
    writer: Option<BufWriter<File>>,
    lines: u64,
}

impl RejectsFile {
    /// `<folder>/<data type>.rejects.ndjson`.
    pub fn new(folder: &Path, data_type: &str) -> Self {
        let name = format!("{data_type}.rejects.ndjson");
        let part = folder.join(format!(".{name}.part"));
        Self { path: folder.join(name), part, writer: None, lines: 0 }
    }

    /// Where it is when it is complete.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lines so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Adds one line.
    pub fn write(&mut self, entry: &Rejected) -> Result<(), LoadError> {
        let wrong = |error: std::io::Error| LoadError::Rejects { path: self.path.clone(), error };
        if self.writer.is_none() {
            self.writer = Some(BufWriter::new(create(&self.part).map_err(wrong)?));
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let mut line = serde_json::to_vec(entry).map_err(|e| wrong(e.into()))?;
        line.push(b'\n');
        writer.write_all(&line).map_err(wrong)?;
        self.lines += 1;
        Ok(())
    }

    /// Puts the file under its name. `None` when nothing was rejected.
    pub fn finish(mut self) -> Result<Option<PathBuf>, LoadError> {
        let wrong = |error: std::io::Error| LoadError::Rejects { path: self.path.clone(), error };
        let Some(writer) = self.writer.take() else {
            return Ok(None);
        };
        let file = writer.into_inner().map_err(|e| wrong(e.into_error()))?;
        file.sync_all().map_err(wrong)?;
        std::fs::rename(&self.part, &self.path).map_err(wrong)?;
        Ok(Some(self.path.clone()))
    }
}

impl Drop for RejectsFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Nothing depends on the removal: the next run of the load writes it anew.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

/// Rejected records may hold personal data: only the owner may read them.
fn create(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}
