//! The contract of bulk loading: a session takes batches of checked rows and makes them durable
//! together with a checkpoint.
//!
//! Two roads. An *empty* table is loaded bare: its indexes and constraints are dropped, the rows
//! stream in, the constraints are built again, all in one transaction; the first checkpoint is
//! also the last. A *filled* table is loaded through a temporary staging table, batch by batch,
//! each batch in one transaction with its checkpoint: set-based probes find every row that a
//! constraint would refuse, then one statement inserts and updates what is left.

pub mod copy_binary;
pub(crate) mod copy_float;
pub mod copy_lines;
pub mod copy_text;
pub mod gaps;
pub(crate) mod parse_text;
pub mod positions;
pub mod probed;
pub mod search;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{DatabaseError, DatabaseErrorKind};
use crate::model::{Checkpoint, Column, Engine, ForeignKey, Namespace, Row, Table};

/// What happens to a record whose key exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// It is refused, like any bad record.
    Error,
    /// The row stays as it is.
    Skip,
    /// The row takes all values of the record.
    Overwrite,
    /// The row takes the record's values that are not null.
    Merge,
    /// The row takes all values if the record's `newest` column is later.
    Newest,
}

/// What is loaded, where to, and how.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// Where.
    pub namespace: Namespace,
    /// The table's name.
    pub table: String,
    /// The table as the model has it.
    pub definition: Table,
    /// The columns that the rows carry, in order; the others take their defaults.
    pub columns: Vec<String>,
    /// The key by which a record meets its row: the primary key, or a unique key.
    pub key: Vec<String>,
    /// What happens when they meet.
    pub conflict: Conflict,
    /// Whether the plan foresaw an empty table to be loaded bare. A table that is no longer empty
    /// is loaded through staging all the same.
    pub bare: bool,
    /// Whether a refused row ends the load (`false`) or is reported and left out (`true`).
    pub reject: bool,
    /// The run that checkpoints and undo records belong to.
    pub run: String,
    /// The step of the run.
    pub step: u32,
    /// What the checkpoint found at the begin says, to go on from; `None` to begin.
    pub resume: Option<Checkpoint>,
    /// Whether the keys that the source holds are remembered, so that
    /// [`Writer::delete_missing`](super::Writer::delete_missing) can tell what it does not hold.
    pub remember_keys: bool,
    /// The most rows that the table may hold in the end; `None` for any number.
    pub most_rows: Option<u64>,
    /// Whether its records may leave columns out.
    pub coverage: Coverage,
    /// The step of the same run that wrote these rows first, if this one only adds to them.
    pub continues: Option<u32>,
}

/// What records carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Every column.
    Whole,
    /// Some leave columns out. Each row of a durable batch then ends with one value more: its
    /// [`Gaps`](gaps::Gaps) as text, or NULL where the record carries every column.
    Partial,
}

impl LoadSpec {
    /// Whether records may leave columns out.
    pub fn is_partial(&self) -> bool {
        self.coverage == Coverage::Partial
    }

    /// Carried columns that only the database can fill where a record leaves them out.
    pub fn server_made(&self) -> impl Iterator<Item = (usize, &String)> {
        let made = |column: &String| self.definition.columns.get(column).is_some_and(Column::is_server_made);
        self.columns.iter().enumerate().filter(move |(_, column)| made(column))
    }

    /// References to rows of the same table.
    pub fn own_references(&self) -> impl Iterator<Item = ForeignKey> {
        self.definition.all_foreign_keys().into_iter().filter(|key| key.table == self.table)
    }

    /// Whether rows point at rows of their own table.
    pub fn points_at_itself(&self) -> bool {
        self.own_references().next().is_some()
    }

    /// The primary key and all unique keys whose columns the rows carry.
    pub fn carried_keys(&self) -> Vec<Vec<String>> {
        let all = std::iter::once(self.definition.primary_key.clone()).chain(self.definition.all_unique_keys());
        all.filter(|key| !key.is_empty() && key.iter().all(|column| self.columns.contains(column))).collect()
    }

    /// Those but the key by which a record meets its row.
    pub fn secondary_keys(&self) -> Vec<Vec<String>> {
        self.carried_keys().into_iter().filter(|key| *key != self.key).collect()
    }

    /// Whether a record may give its row another unique value, so that another row can have the old one.
    pub fn moves_values(&self) -> bool {
        self.carries_key() && matches!(self.conflict, Conflict::Overwrite | Conflict::Merge | Conflict::Newest)
    }

    /// Whether what a row needs may come later in the source.
    pub fn may_wait(&self) -> bool {
        self.points_at_itself() || (self.moves_values() && !self.definition.all_unique_keys().is_empty())
    }

    /// Whether the rows carry every column of the key; otherwise its default makes it.
    pub fn carries_key(&self) -> bool {
        !self.key.is_empty() && self.key.iter().all(|column| self.columns.contains(column))
    }

    /// Refuses a number of rows beyond the limit.
    pub fn allow(&self, engine: Engine, rows: u64) -> Result<(), DatabaseError> {
        match self.most_rows {
            Some(most) if rows > most => Err(DatabaseError::new(
                engine,
                DatabaseErrorKind::Quota,
                format!("'{}' would hold more than {most} rows", self.table),
            )),
            _ => Ok(()),
        }
    }
}

/// Rows that were parsed and checked, already in the form that the session sends.
#[derive(Debug, Clone)]
pub struct RowBatch {
    /// Position in the source of each row, from zero, ascending.
    pub ordinals: Vec<u64>,
    /// Records of the source consumed up to and with this batch, rejected ones included.
    pub position: u64,
    /// The rows.
    pub rows: EncodedRows,
}

/// Rows in the form that one engine sends.
#[derive(Debug, Clone)]
pub enum EncodedRows {
    /// PostgreSQL: COPY text or binary, as the session asked for.
    Copy(Bytes),
    /// SQLite: values to bind.
    Values(Vec<Row>),
}

/// The form in which a session wants its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// COPY binary, without header and trailer.
    CopyBinary {
        /// How the values of each column are written.
        wires: Arc<[copy_binary::Wire]>,
    },
    /// COPY text; with the row's position as the first column where `positions` is set.
    CopyText {
        /// Whether each line begins with the row's position.
        positions: bool,
    },
    /// Values to bind.
    Values,
}

impl Encoding {
    /// Encodes a few rows that are at hand, with their positions.
    pub fn encode(&self, ordinals: &[u64], rows: Vec<Row>) -> EncodedRows {
        let mut bytes = Vec::new();
        match self {
            Self::Values => return EncodedRows::Values(rows),
            Self::CopyBinary { wires } => {
                for row in &rows {
                    copy_binary::encode_row(row, wires, &mut bytes);
                }
            }
            Self::CopyText { positions } => {
                for (ordinal, row) in ordinals.iter().zip(&rows) {
                    copy_text::encode_row(row, positions.then_some(*ordinal), &mut bytes);
                }
            }
        }
        EncodedRows::Copy(bytes.into())
    }
}

/// A row that the database would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its position in the source.
    pub ordinal: u64,
    /// Why.
    pub reason: RefusedReason,
    /// The columns it is about.
    pub columns: Arc<[String]>,
    /// For a duplicate: the position of the record that came first, where it is known.
    pub other: Option<u64>,
    /// The database's own words, for a reason that the model does not know.
    pub message: Option<Box<str>>,
}

impl Refused {
    /// A row that the database refused for a reason that the model does not know.
    pub fn by_database(ordinal: u64, error: &DatabaseError, column: Option<String>) -> Self {
        Self {
            ordinal,
            reason: RefusedReason::Database,
            columns: column.into_iter().collect(),
            other: None,
            message: Some(error.message.clone().into_boxed_str()),
        }
    }

    /// The refusal as JSON, for the journal.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "ordinal": self.ordinal,
            "reason": self.reason,
            "columns": &*self.columns,
            "other": self.other,
            "message": self.message,
        })
        .to_string()
    }

    /// A refusal back from the journal.
    pub fn from_json(text: &str) -> Option<Self> {
        let fields: serde_json::Value = serde_json::from_str(text).ok()?;
        let columns: Vec<String> = serde_json::from_value(fields.get("columns")?.clone()).ok()?;
        Some(Self {
            ordinal: fields.get("ordinal")?.as_u64()?,
            reason: serde_json::from_value(fields.get("reason")?.clone()).ok()?,
            columns: columns.into(),
            other: fields.get("other").and_then(serde_json::Value::as_u64),
            message: fields.get("message").and_then(serde_json::Value::as_str).map(Into::into),
        })
    }
}

/// Why a row was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedReason {
    /// An earlier record of the same source has the same key.
    Duplicate,
    /// A row with this key exists.
    Exists,
    /// The row it points at does not exist.
    Reference,
    /// The row is new, and columns are left out without which a new row is not right.
    Incomplete,
    /// The database refused it for a reason that the model does not know.
    Database,
}

/// Counts and refused rows of what was made durable since the last answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// `inserted`, `updated`, `unchanged`, `skipped`: each row of a batch is in one of them or refused.
    pub counts: BTreeMap<&'static str, u64>,
    /// Rows left out, by position.
    pub refused: Vec<Refused>,
}

/// A load of one table in progress. Dropped without [`finish`](Self::finish) it leaves nothing
/// behind but what checkpoints made durable.
#[async_trait]
pub trait LoadSession: Send {
    /// Whether each batch is durable by itself (the staged road) or all at the end (the bare one).
    fn durable_by_batch(&self) -> bool;

    /// The form in which the rows of a batch are wanted.
    fn encoding(&self) -> Encoding;

    /// Takes one batch; if `reject` is not set and a row is refused, nothing of the batch is
    /// durable and the load is over. On the bare road the answer is empty until the end.
    async fn write(&mut self, batch: RowBatch) -> Result<Written, DatabaseError>;

    /// Ends the load: constraints are built and proved, the last checkpoint is written.
    async fn finish(self: Box<Self>) -> Result<Written, DatabaseError>;
}

/// Which rows a complete source did not hold.
#[derive(Debug, Clone)]
pub struct MissingSpec {
    /// Where.
    pub namespace: Namespace,
    /// The table's name.
    pub table: String,
    /// The table as the model has it.
    pub definition: Table,
    /// The key by which records and rows meet.
    pub key: Vec<String>,
    /// The run.
    pub run: String,
    /// The step that remembered the source's keys.
    pub loaded_by: u32,
    /// The step that deletes.
    pub step: u32,
}

/// What a step of a run loaded and is to be taken back.
#[derive(Debug, Clone)]
pub struct UnloadSpec {
    /// Where.
    pub namespace: Namespace,
    /// The table's name.
    pub table: String,
    /// The table as the model has it.
    pub definition: Table,
    /// The run that loaded.
    pub run: String,
    /// The step of that run.
    pub step: u32,
}

/// What was taken back. The journal keeps it, so that whoever asks again is not told that there was nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unloaded {
    /// Rows removed that the load had inserted.
    pub removed: u64,
    /// Rows brought back to what they were.
    pub restored: u64,
    /// Rows left as they are because somebody changed them after the load.
    pub kept: u64,
}
