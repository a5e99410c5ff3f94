//! From a record to a checked row of the table.

use jiff::tz::TimeZone;

use crate::backends::database::load::gaps::Gaps;
use crate::formats::Record;
use crate::model::{Column, Fields, Row, Table, Value};
use crate::rules::{
    MappedRecord, Pipeline, PipelineOptions, RecordCheck, Reject, RowRule, Shape, TypeMapping, Violation,
};

use super::circles::Part;
use super::error::LoadError;
use super::lookups::Lookups;
use super::sealed::Sealer;

/// Maps records, makes rows and checks them.
pub struct Shaper {
    mapping: Option<Mapper>,
    pipeline: Pipeline,
    check: RecordCheck,
    sealer: Option<Sealer>,
    now: i64,
    open: bool,
    /// Whether rows end with what their records leave out.
    marks: bool,
    left_out: Vec<bool>,
    /// Whether only the database can fill a column, by its place.
    server_made: Vec<bool>,
    /// Places of the primary key.
    key: Vec<usize>,
    /// Columns that the rows have in the end, and their places; none for all.
    part: Option<(Vec<String>, Vec<usize>)>,
}

/// A mapping with what its look-ups find.
pub struct Mapper {
    mapping: TypeMapping,
    lookups: Lookups,
    mapped: MappedRecord,
}

impl Mapper {
    /// A mapping with what its look-ups find.
    pub fn new(mapping: TypeMapping, lookups: Lookups) -> Self {
        Self { mapping, lookups, mapped: MappedRecord::default() }
    }
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
    /// For records of this shape into this table, through a mapping if there is one.
    pub fn compile(
        (name, table): (&str, &Table),
        shape: Shape<'_>,
        options: PipelineOptions,
        mut mapping: Option<Mapper>,
    ) -> Result<Self, LoadError> {
        let pipeline = match &mut mapping {
            None => Pipeline::compile(name, table, shape, options)?,
            Some(mapper) => {
                mapper.mapping.bind(shape.fields());
                let names = mapper.mapping.names();
                let outcome = match shape {
                    Shape::Fixed(_) => Shape::Fixed(names),
                    Shape::Open(_) => Shape::Open(names),
                };
                Pipeline::compile(name, table, outcome, options)?
            }
        };
        let check = RecordCheck::compile(name, table, pipeline.columns(), options.now)?;
        let columns = pipeline.columns();
        let server_made = columns.iter().map(|c| table.columns.get(c).is_some_and(Column::is_server_made)).collect();
        let key = table.primary_key.iter().filter_map(|k| columns.iter().position(|c| c == k)).collect();
        let open = matches!(shape, Shape::Open(_));
        let (now, left_out) = (options.now, Vec::new());
        Ok(Self {
            mapping,
            pipeline,
            check,
            sealer: None,
            now,
            open,
            marks: false,
            left_out,
            server_made,
            key,
            part: None,
        })
    }

    /// Checks these rules too.
    pub fn with_rules(mut self, rules: &[RowRule]) -> Result<Self, LoadError> {
        self.check = self.check.with_rules(rules)?;
        Ok(self)
    }

    /// With the zone of times that name none, and the columns that keep times without one.
    #[must_use]
    pub fn in_zone(mut self, zone: Option<&TimeZone>, local: &[String]) -> Self {
        self.pipeline = self.pipeline.in_zone(zone, local);
        self
    }

    /// Seals what is kept sealed.
    #[must_use]
    pub fn sealed_by(mut self, sealer: Option<Sealer>) -> Self {
        self.sealer = sealer;
        self
    }

    /// Whether records may leave columns out.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the database must fill columns of some rows and not of others.
    pub fn needs_server(&self) -> bool {
        self.open && self.server_made.contains(&true)
    }

    /// Lets each row end with what its record leaves out.
    pub fn mark_gaps(&mut self) {
        self.marks = self.open;
    }

    /// Columns that the rows carry.
    pub fn columns(&self) -> &[String] {
        self.part.as_ref().map_or_else(|| self.pipeline.columns(), |(columns, _)| columns)
    }

    /// Lets rows carry a part of their columns. Whole records are checked all the same.
    pub fn take_part(&mut self, part: &Part, key: &[String]) {
        if !part.is_whole() {
            let taken = self.pipeline.columns().iter().enumerate().filter(|(_, column)| part.takes(column, key));
            self.part = Some(taken.map(|(place, column)| (column.clone(), place)).unzip());
        }
    }

    /// Fields that the mapping reads and that the source does not have.
    pub fn missing_fields(&self) -> Vec<&str> {
        self.mapping.as_ref().map(|mapper| mapper.mapping.missing()).unwrap_or_default()
    }

    /// Makes and checks the row of a record.
    pub fn shape(&mut self, fields: &[String], record: &Record, row: &mut Row) -> Result<(), Vec<Fault>> {
        match &mut self.mapping {
            None => {
                self.pipeline.bind(fields);
                if self.marks {
                    self.pipeline.left_out(record, &mut self.left_out);
                }
                run(&self.pipeline, record, row)?;
            }
            Some(mapper) => {
                mapper.mapping.bind(fields);
                mapper.map(record, self.now)?;
                self.pipeline.bind(mapper.mapping.names());
                let view = mapper.mapping.view(record, &mapper.mapped);
                if self.marks {
                    self.pipeline.left_out(&view, &mut self.left_out);
                }
                run(&self.pipeline, &view, row)?;
            }
        }
        let needed = self.checked(row).map_err(|mut faults| {
            for fault in &mut faults {
                fault.field = fault.column.as_ref().and_then(|column| fields.iter().position(|field| field == column));
            }
            faults
        })?;
        self.seal(row)?;
        let mut needed = needed;
        if let Some((_, places)) = &self.part {
            keep(row, places);
            keep(&mut needed, places);
            keep(&mut self.left_out, places);
        }
        if self.marks {
            let gaps = self.left_out.contains(&true).then(|| Gaps::of(&self.left_out, &needed));
            row.push(gaps.map_or(Value::Null, |gaps| Value::Text(gaps.into_text())));
        }
        Ok(())
    }

    /// Checks a row. The answer says which columns, by their places, the record leaves out although
    /// a new row needs them: only the database knows whether the row is new.
    fn checked(&self, row: &Row) -> Result<Vec<bool>, Vec<Fault>> {
        let is_out = |place: usize| self.left_out.get(place).copied().unwrap_or_default();
        let by_server =
            |place: usize| self.marks && is_out(place) && self.server_made.get(place).copied().unwrap_or_default();
        let faults = faults(self.check.check_but(row, &by_server));
        if faults.is_empty() {
            return Ok(Vec::new());
        }
        if !self.marks || !self.left_out.contains(&true) || self.key.iter().any(|place| is_out(*place)) {
            return Err(faults);
        }
        let of_the_record = self::faults(self.check.check_but(row, &is_out));
        if !of_the_record.is_empty() {
            return Err(of_the_record);
        }
        let at_fault = |column: &String| faults.iter().any(|f| f.column.as_ref() == Some(column));
        let named: Vec<bool> = self.pipeline.columns().iter().map(at_fault).collect();
        // A condition over several columns names none of them.
        let enough = self.left_out.iter().zip(&named).any(|(out, named)| *out && *named);
        Ok(if enough { named } else { self.left_out.clone() })
    }

    fn seal(&self, row: &mut Row) -> Result<(), Vec<Fault>> {
        self.sealer.as_ref().map_or(Ok(()), |sealer| sealer.seal(row)).map_err(|fault| vec![fault])
    }
}

/// What stands at these places, which ascend.
fn keep<T>(row: &mut Vec<T>, places: &[usize]) {
    let mut place = 0;
    row.retain(|_| {
        place += 1;
        places.binary_search(&(place - 1)).is_ok()
    });
}

/// A rule of low severity describes the data; it does not keep a record out.
fn faults(checked: Result<(), Vec<Violation>>) -> Vec<Fault> {
    let wrong = checked.err().unwrap_or_default();
    wrong.into_iter().filter(|v| v.severity.rejects()).map(Fault::from).collect()
}

fn run<F: Fields + ?Sized>(pipeline: &Pipeline, record: &F, row: &mut Row) -> Result<(), Vec<Fault>> {
    pipeline.run(record, row).map_err(|wrong| wrong.into_iter().map(Fault::from).collect())
}

impl Mapper {
    fn map(&mut self, record: &Record, now: i64) -> Result<(), Vec<Fault>> {
        let mapped = self.mapping.map(record, now, &mut self.mapped);
        mapped.map_err(|wrong| wrong.into_iter().map(Fault::from).collect::<Vec<_>>())?;
        for lookup in 0..self.mapped.keys.len() {
            let Some(Some(key)) = self.mapped.keys.get(lookup).cloned() else { continue };
            match self.lookups.find(lookup, &key) {
                Ok(value) => self.mapped.resolve(lookup, Some(value)),
                Err(reason) => {
                    let code = "unknown_reference".to_owned();
                    return Err(vec![Fault { column: None, field: None, code, reason }]);
                }
            }
        }
        Ok(())
    }
}
