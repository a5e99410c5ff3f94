//! From a record to a checked row of the table.

use crate::formats::Record;
use crate::model::{Row, Table};
use crate::rules::{Pipeline, PipelineOptions, RecordCheck, Reject, Shape, Violation};

use super::error::LoadError;

/// Makes rows and checks them.
pub struct Shaper {
    pipeline: Pipeline,
    check: RecordCheck,
}

/// What is wrong with a record: one entry a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The column of the table, if one is at fault.
    pub column: Option<String>,
    /// The field of the source, by its place.
    pub field: Option<usize>,
    /// A short stable name.
    pub code: String,
    /// What is wrong.
    pub reason: String,
}

impl From<Reject> for Fault {
    fn from(reject: Reject) -> Self {
        Self { column: reject.column, field: reject.field, code: reject.code.to_owned(), reason: reject.reason }
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self { column: violation.column, field: None, code: violation.code.into_owned(), reason: violation.reason }
    }
}

impl Shaper {
    /// For records of this shape into this table.
    pub fn compile(name: &str, table: &Table, shape: Shape<'_>, options: PipelineOptions) -> Result<Self, LoadError> {
        let pipeline = Pipeline::compile(name, table, shape, options)?;
        let check = RecordCheck::compile(name, table, pipeline.columns(), options.now)?;
        Ok(Self { pipeline, check })
    }

    /// Columns that the rows carry.
    pub fn columns(&self) -> &[String] {
        self.pipeline.columns()
    }

    /// Makes and checks the row of a record.
    pub fn shape(&mut self, fields: &[String], record: &Record, row: &mut Row) -> Result<(), Vec<Fault>> {
        self.pipeline.bind(fields);
        self.pipeline.run(record, row).map_err(|wrong| wrong.into_iter().map(Fault::from).collect::<Vec<_>>())?;
        let Err(wrong) = self.check.check(row) else { return Ok(()) };
        // A rule of low severity describes the data; it does not keep a record out.
        let mut faults: Vec<Fault> = wrong.into_iter().filter(|v| v.severity.rejects()).map(Fault::from).collect();
        for fault in &mut faults {
            fault.field = fault.column.as_ref().and_then(|column| fields.iter().position(|field| field == column));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}
