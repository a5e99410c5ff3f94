//! How records look in a file: streams of records from and to CSV, TSV, JSON, NDJSON and YAML,
//! plain or compressed, with exact positions.
//!
//! Everything here blocks; the loader runs it in a thread of its own. Memory does not grow with
//! the source: one record is held at a time, and [`Limits`] bounds how long a record may be.
//!
//! ```no_run
//! use fixtool::formats::{Record, Source, SourceOptions};
//!
//! let mut source = Source::open("users.csv.gz".as_ref(), &SourceOptions::default())?;
//! let mut record = Record::default();
//! loop {
//!     match source.reader.next(&mut record) {
//!         Ok(true) => println!("line {}: {:?}", record.line, record.get(0)),
//!         Ok(false) => break,
//!         Err(broken) if broken.recoverable => println!("skipped: {broken}"),
//!         Err(fatal) => return Err(fatal.into()),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod csv;
mod decompress;
mod digest;
mod error;
mod feed;
mod json;
mod json_array;
mod json_border;
mod names;
mod ndjson;
mod record;
mod rejects;
mod source;
mod trouble;
mod tsv;
mod write;
mod yaml;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod hostile_tests;

pub use csv::CsvOptions;
pub use digest::{FileDigest, digest_file};
pub use error::{RecordError, SourceError};
pub use record::{Record, RecordReader};
pub use source::{Compression, Limits, NameParts, Source, SourceFormat, SourceOptions};
pub use write::{RecordWriter, check_format, file_name};
