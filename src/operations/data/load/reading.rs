//! Reading: a thread that parses, shapes, checks and encodes, and hands over batches.
//!
//! It never waits for the database but for room in the channel, so parsing and checking overlap
//! with writing, and memory is bounded by the batches in flight.

use std::path::Path;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::error::LoadError;
use super::rejects::{Rejected, RejectsFile};
use super::request::{MaxErrors, OnError};
use super::shaper::Shaper;
use crate::backends::database::RowBatch;
use crate::backends::database::load::{EncodedRows, Encoding, copy_binary, copy_text};
use crate::formats::{Record, RecordError, Source, SourceFormat};
use crate::model::{Row, Value};

/// Bytes of a batch on the bare road: small enough to overlap, large enough to be few.
const BARE_BYTES: usize = 256 * 1024;

/// Rows of a batch on the bare road.
const BARE_ROWS: usize = 2000;

/// Bytes after which a durable batch is closed, whatever its number of records.
const STAGED_BYTES: usize = 16 * 1024 * 1024;

/// Batches in flight between reading and writing.
pub const BATCHES_IN_FLIGHT: usize = 2;

/// How the records of one source are read.
pub struct Reading {
    /// What a person calls the source.
    pub name: String,
    /// The opened source.
    pub source: Source,
    /// Makes and checks rows.
    pub shaper: Shaper,
    /// The form that the session wants.
    pub encoding: Encoding,
    /// Records of a durable batch; 0 on the bare road.
    pub batch_size: usize,
    /// Records that durable batches hold already: they are read again, for the rejects file, and not sent.
    pub skip: u64,
    /// What a bad record does.
    pub on_error: OnError,
    /// How many are borne.
    pub max_errors: MaxErrors,
}

/// What is handed over.
pub struct Parcel {
    /// Rows for the session.
    pub batch: RowBatch,
    /// Bytes of the source read so far, as stored.
    pub progress: u64,
}

/// What was read when the source ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records, bad ones included.
    pub read: u64,
    /// Bad ones.
    pub rejected: u64,
}

impl Reading {
    /// Reads to the end. Ends early, without error, when the receiver is dropped.
    pub fn run(mut self, rejects: &mut RejectsFile, out: &mpsc::Sender<Parcel>) -> Result<Totals, LoadError> {
        let mut totals = Totals::default();
        let mut record = Record::default();
        let mut row = Row::new();
        let mut batch = Batch::new(self.encoding.clone());
        loop {
            match self.source.reader.next(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    totals.read += 1;
                    match self.shaper.shape(self.source.reader.fields(), &record, &mut row) {
                        Ok(()) if record.ordinal >= self.skip => batch.push(record.ordinal, &mut row),
                        Ok(()) => {}
                        Err(wrong) => {
                            let fields = self.source.reader.fields();
                            let listed = Rejected::of_record(self.origin(), &record, fields, wrong);
                            self.bad(listed, &mut totals, rejects)?;
                        }
                    }
                }
                Err(broken) => {
                    totals.read += 1;
                    self.broken(*broken, &mut totals, rejects)?;
                }
            }
            if self.is_full(&batch) && !self.hand_over(&mut batch, record.ordinal + 1, out) {
                return Ok(totals);
            }
        }
        if !batch.ordinals.is_empty() {
            self.hand_over(&mut batch, totals.read, out);
        }
        if self.max_errors.exceeded_at_end(totals.rejected, totals.read) {
            return Err(self.too_many(totals, rejects.path()));
        }
        Ok(totals)
    }

    fn broken(&self, error: RecordError, totals: &mut Totals, rejects: &mut RejectsFile) -> Result<(), LoadError> {
        if error.recoverable && self.on_error == OnError::Reject {
            return self.bad(Rejected::of_broken(self.origin(), &error), totals, rejects);
        }
        let mut told = broken_record(&self.name, Box::new(error));
        if let LoadError::BrokenRecord { error, help, .. } = &mut told
            && error.recoverable
        {
            help.push_str("; or load the other records with --on-error reject");
        }
        Err(told)
    }

    fn origin(&self) -> (&str, SourceFormat) {
        (&self.name, self.source.format)
    }

    fn bad(&self, listed: Rejected, totals: &mut Totals, rejects: &mut RejectsFile) -> Result<(), LoadError> {
        totals.rejected += 1;
        if self.on_error == OnError::Stop {
            return Err(listed.into_error());
        }
        rejects.write(&listed)?;
        if self.max_errors.exceeded_by(totals.rejected) { Err(self.too_many(*totals, rejects.path())) } else { Ok(()) }
    }

    fn too_many(&self, totals: Totals, rejects: &Path) -> LoadError {
        LoadError::TooManyErrors {
            source_name: self.name.clone(),
            rejected: totals.rejected,
            read: totals.read,
            limit: self.max_errors.to_string(),
            rejects: rejects.to_owned(),
        }
    }

    fn is_full(&self, batch: &Batch) -> bool {
        let (rows, bytes) = (batch.ordinals.len(), batch.bytes);
        if self.batch_size == 0 {
            rows >= BARE_ROWS || bytes >= BARE_BYTES
        } else {
            rows >= self.batch_size || bytes >= STAGED_BYTES
        }
    }

    fn hand_over(&self, batch: &mut Batch, position: u64, out: &mpsc::Sender<Parcel>) -> bool {
        let progress = self.source.progress.load(Ordering::Relaxed);
        let parcel = Parcel { batch: batch.take(position), progress };
        out.blocking_send(parcel).is_ok()
    }
}

/// A record that cannot be read, as the error that ends the load.
pub fn broken_record(source_name: &str, error: Box<RecordError>) -> LoadError {
    LoadError::BrokenRecord { source_name: source_name.to_owned(), help: error.help.clone(), error }
}

/// Rows on their way into one batch.
struct Batch {
    encoding: Encoding,
    ordinals: Vec<u64>,
    text: Vec<u8>,
    rows: Vec<Row>,
    bytes: usize,
}

impl Batch {
    fn new(encoding: Encoding) -> Self {
        Self { encoding, ordinals: Vec::new(), text: Vec::new(), rows: Vec::new(), bytes: 0 }
    }

    fn push(&mut self, ordinal: u64, row: &mut Row) {
        self.ordinals.push(ordinal);
        match &self.encoding {
            Encoding::CopyBinary { wires } => {
                copy_binary::encode_row(row, wires, &mut self.text);
                self.bytes = self.text.len();
            }
            Encoding::CopyText { positions } => {
                copy_text::encode_row(row, positions.then_some(ordinal), &mut self.text);
                self.bytes = self.text.len();
            }
            Encoding::Values => {
                self.bytes += row.iter().map(size_of_value).sum::<usize>();
                let width = row.len();
                self.rows.push(std::mem::replace(row, Row::with_capacity(width)));
            }
        }
    }

    fn take(&mut self, position: u64) -> RowBatch {
        self.bytes = 0;
        let rows = match self.encoding {
            Encoding::CopyText { .. } | Encoding::CopyBinary { .. } => {
                let room = self.text.capacity().min(BARE_BYTES * 2);
                EncodedRows::Copy(Bytes::from(std::mem::replace(&mut self.text, Vec::with_capacity(room))))
            }
            Encoding::Values => EncodedRows::Values(std::mem::take(&mut self.rows)),
        };
        RowBatch { ordinals: std::mem::take(&mut self.ordinals), position, rows }
    }
}

fn size_of_value(value: &Value) -> usize {
    let held = match value {
        Value::Text(of) | Value::Json(of) | Value::Decimal(of) => of.len(),
        Value::Bytes(of) => of.len(),
        Value::List(of) => of.iter().flatten().map(String::len).sum(),
        _ => 0,
    };
    held + size_of::<Value>()
}

/// A reading on its thread; it gives the rejects file back.
pub type Reader = tokio::task::JoinHandle<(Result<Totals, LoadError>, RejectsFile)>;

/// Runs a reading on a thread of its own.
pub fn spawn(reading: Reading, mut rejects: RejectsFile) -> (mpsc::Receiver<Parcel>, Reader) {
    let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
    let task = tokio::task::spawn_blocking(move || {
        let totals = reading.run(&mut rejects, &sender);
        (totals, rejects)
    });
    (receiver, task)
}
