//! From the fields of a record to the row of a table.

use jiff::tz::TimeZone;
use miette::Diagnostic;
use thiserror::Error;

use super::clock::Clock;
use super::coerce::Coercer;
use super::reject::{Reject, shown};
use crate::model::literal::DefaultValue;
use crate::model::near::nearest;
use crate::model::{Fields, Raw, Row, Table, Value};

/// Which fields the records of a source have.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// Always these: CSV, TSV, a query.
    Fixed(&'a [String]),
    /// Each record names its own; those of the first one are these.
    Open(&'a [String]),
}

impl<'a> Shape<'a> {
    /// The fields that are known at the begin.
    pub fn fields(self) -> &'a [String] {
        match self {
            Self::Fixed(fields) | Self::Open(fields) => fields,
        }
    }
}

/// What the pipeline is told beside table and fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelineOptions {
    /// What `now()` stands for, in microseconds since 1970-01-01T00:00:00Z: one moment for the
    /// whole run.
    pub now: i64,
    /// Whether fields that no column takes are left out silently.
    pub ignore_unknown: bool,
}

/// A source does not fit its table.
#[derive(Debug, Error, Diagnostic)]
pub enum PipelineError {
    /// The source has a field that the table does not.
    #[error("'{table}' has no column '{field}'")]
    #[diagnostic(code(fixtool::rules::pipeline::unknown_field), help("{help}"))]
    UnknownField {
        /// The table.
        table: String,
        /// The field, shortened and escaped.
        field: String,
        /// The nearest column, and how to leave the field out.
        help: String,
    },
    /// The model's default cannot be read.
    #[error("'{table}.{column}': {reason}")]
    #[diagnostic(code(fixtool::rules::pipeline::default), help("correct it in the pack and run: fixtool pack check"))]
    Default {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What is wrong.
        reason: String,
    },
}

/// Turns records into rows of one table.
#[derive(Debug)]
pub struct Pipeline {
    columns: Vec<String>,
    slots: Vec<Slot>,
    /// Names of the fields seen so far, and what becomes of each.
    bound: usize,
    unknown: Vec<(usize, String)>,
    /// Columns that only the first record could have brought.
    late: Vec<String>,
    options: PipelineOptions,
}

/// How one column gets its value.
#[derive(Debug)]
struct Slot {
    column: String,
    coercer: Coercer,
    field: Option<usize>,
    absent: Absent,
}

/// What a column takes when its record does not name it.
#[derive(Debug, Clone)]
enum Absent {
    Value(Value),
    Uuid,
}

impl Pipeline {
    /// For records of this shape.
    ///
    /// Rows of a fixed shape carry the columns that the source has, the database fills the
    /// others. Rows of an open shape carry all columns, and the pipeline fills those that a
    /// record leaves out with their defaults; a column whose default only the database can make
    /// (`serial()`, `sql(…)`) is carried if the first record names it.
    ///
    /// # Errors
    /// If a field of a fixed shape has no column, or a default cannot be read.
    pub fn compile(
        name: &str,
        table: &Table,
        shape: Shape<'_>,
        options: PipelineOptions,
    ) -> Result<Self, PipelineError> {
        let mut pipeline =
            Self { columns: Vec::new(), slots: Vec::new(), bound: 0, unknown: Vec::new(), late: Vec::new(), options };
        for (column, definition) in &table.columns {
            let named = shape.fields().iter().any(|field| field == column);
            let default = definition.default.as_deref().map(|text| DefaultValue::parse(text, &definition.logical));
            let default = default.transpose().map_err(|e| PipelineError::Default {
                table: name.to_owned(),
                column: column.clone(),
                reason: e.to_string(),
            })?;
            let absent = absent(default, &definition.logical, options.now);
            let carried = named || (matches!(shape, Shape::Open(_)) && absent.is_some());
            if carried {
                pipeline.columns.push(column.clone());
                pipeline.slots.push(Slot {
                    column: column.clone(),
                    coercer: Coercer::for_column(definition),
                    field: None,
                    absent: absent.unwrap_or(Absent::Value(Value::Null)),
                });
            } else {
                pipeline.late.push(column.clone());
            }
        }
        pipeline.bind(shape.fields());
        match pipeline.unknown.first() {
            Some((_, field)) if matches!(shape, Shape::Fixed(_)) => Err(unknown_field(name, table, field)),
            _ => Ok(pipeline),
        }
    }

    /// With the zone of times that name none, and the columns that keep times without one.
    #[must_use]
    pub fn in_zone(mut self, zone: Option<&TimeZone>, local: &[String]) -> Self {
        for slot in &mut self.slots {
            slot.coercer.set_clock(Clock { zone: zone.cloned(), local: local.contains(&slot.column) });
        }
        self
    }

    /// Columns that the rows carry, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Takes note of fields that later records of an open shape named first. Cheap when there
    /// are none: call it before each record.
    pub fn bind(&mut self, fields: &[String]) {
        for (place, field) in fields.iter().enumerate().skip(self.bound) {
            match self.slots.iter_mut().find(|slot| slot.column == *field) {
                Some(slot) => slot.field = Some(place),
                None if self.options.ignore_unknown => {}
                None => self.unknown.push((place, field.clone())),
            }
        }
        self.bound = fields.len();
    }

    /// Which columns, in their order, a record leaves out.
    pub fn left_out<F: Fields + ?Sized>(&self, record: &F, out: &mut Vec<bool>) {
        out.clear();
        let absent = |field: usize| record.field(field) == Raw::Absent;
        out.extend(self.slots.iter().map(|slot| slot.field.is_none_or(absent)));
    }

    /// Makes the row of a record.
    ///
    /// # Errors
    /// Everything that is wrong with the record's values and names.
    pub fn run<F: Fields + ?Sized>(&self, record: &F, row: &mut Row) -> Result<(), Vec<Reject>> {
        let mut rejects = Vec::new();
        row.clear();
        for slot in &self.slots {
            let raw = slot.field.map_or(Raw::Absent, |field| record.field(field));
            match slot.value(raw) {
                Ok(value) => row.push(value),
                Err(reject) => {
                    rejects.push(reject.at(&slot.column, slot.field));
                    row.push(Value::Null);
                }
            }
        }
        for (field, name) in &self.unknown {
            if record.field(*field) != Raw::Absent {
                rejects.push(self.unknown(*field, name));
            }
        }
        if rejects.is_empty() { Ok(()) } else { Err(rejects) }
    }

    fn unknown(&self, field: usize, name: &str) -> Reject {
        let reason = if self.late.iter().any(|late| late == name) {
            format!("'{}' is named here but not in the first record: name it there too, with null", shown(name))
        } else {
            format!("the table has no column '{}'", shown(name))
        };
        Reject { column: None, field: Some(field), code: "unknown_field", reason }
    }
}

impl Slot {
    fn value(&self, raw: Raw<'_>) -> Result<Value, Reject> {
        match raw {
            Raw::Absent => Ok(match &self.absent {
                Absent::Value(value) => value.clone(),
                Absent::Uuid => Value::Uuid(uuid::Uuid::new_v4().into_bytes()),
            }),
            raw => self.coercer.coerce(raw),
        }
    }
}

/// What stands for an absent field; `None` if only the database can tell.
fn absent(default: Option<DefaultValue>, logical: &crate::model::LogicalType, now: i64) -> Option<Absent> {
    match default {
        None => Some(Absent::Value(Value::Null)),
        Some(DefaultValue::Literal(value)) => Some(Absent::Value(value)),
        Some(DefaultValue::Uuid) => Some(Absent::Uuid),
        Some(DefaultValue::Now) => match logical {
            crate::model::LogicalType::Timestamp => Some(Absent::Value(Value::Timestamp(now))),
            crate::model::LogicalType::Date => {
                i32::try_from(now.div_euclid(86_400_000_000)).ok().map(|day| Absent::Value(Value::Date(day)))
            }
            _ => None,
        },
        Some(DefaultValue::Serial | DefaultValue::Sql(_)) => None,
    }
}

fn unknown_field(name: &str, table: &Table, field: &str) -> PipelineError {
    let near = nearest(field, table.columns.keys().map(String::as_str));
    let leave_out = "to leave it out, drop it in a mapping file (--mapping)";
    let help = match near {
        Some(column) => format!("did you mean '{column}'? {leave_out}"),
        None => {
            format!("the columns are {}; {leave_out}", table.columns.keys().cloned().collect::<Vec<_>>().join(", "))
        }
    };
    PipelineError::UnknownField { table: name.to_owned(), field: shown(field), help }
}
