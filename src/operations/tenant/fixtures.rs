//! Small loads that belong to a tenant itself: the first data of its pack, and its first administrator.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use crate::backends::database::load::Written;
use crate::backends::database::{Conflict, Coverage, DatabaseError, LoadSpec, RowBatch, Writer};
use crate::engine::{Outcome, StepContext};
use crate::formats::{Record, Source, SourceFormat, SourceOptions};
use crate::model::pack::{Admin, Fixture};
use crate::model::{Fields, Namespace, Raw, Row, Table};
use crate::rules::{Pipeline, PipelineOptions, RecordCheck, Shape};

/// Rows in one batch.
const BATCH: usize = 1_000;

/// Why first data cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[error("{place}: {reason}")]
#[diagnostic(code(fixtool::tenant::fixture), help("'fixtool pack check {pack}' checks the whole pack"))]
pub struct FixtureError {
    /// File and line.
    pub place: String,
    /// What is wrong.
    pub reason: String,
    /// The pack.
    pub pack: String,
}

/// Rows of one table, checked, with the columns that they carry.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The columns, in order.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// Reads and checks first data. Fixtures are part of a pack and small.
pub fn read(pack: &str, fixture: &Fixture, table: &Table) -> Result<Rows, FixtureError> {
    let wrong = |place: String, reason: String| FixtureError { place, reason, pack: pack.to_owned() };
    let at = |line: u64| format!("{} line {line}", fixture.path);
    let name = fixture.path.rsplit('/').next().unwrap_or(&fixture.path);
    let input = Box::new(Cursor::new(fixture.bytes.clone()));
    let source = Source::from_read(name, input, &SourceOptions::default());
    let mut source = source.map_err(|error| wrong(fixture.path.clone(), error.to_string()))?;
    let mut record = Record::default();
    let mut more = source.reader.next(&mut record).map_err(|error| wrong(at(record.line), error.to_string()))?;
    let fields = source.reader.fields().to_vec();
    let shape = if matches!(source.format, SourceFormat::Csv | SourceFormat::Tsv) {
        Shape::Fixed(&fields)
    } else {
        Shape::Open(&fields)
    };
    let options = PipelineOptions { now: jiff::Timestamp::now().as_microsecond(), ignore_unknown: false };
    let compiled = Pipeline::compile(&fixture.table, table, shape, options);
    let mut pipeline = compiled.map_err(|error| wrong(fixture.path.clone(), error.to_string()))?;
    let check = RecordCheck::compile(&fixture.table, table, pipeline.columns(), options.now);
    let check = check.map_err(|error| wrong(fixture.path.clone(), error.to_string()))?;
    let mut rows = Vec::new();
    while more {
        pipeline.bind(source.reader.fields());
        let mut row = Row::new();
        make_row(&pipeline, &check, &record, &mut row).map_err(|reason| wrong(at(record.line), reason))?;
        rows.push(row);
        more = source.reader.next(&mut record).map_err(|error| wrong(at(record.line), error.to_string()))?;
    }
    Ok(Rows { columns: pipeline.columns().to_vec(), rows })
}

/// Makes and checks one row; what is wrong with it otherwise.
fn make_row<F: Fields + ?Sized>(
    pipeline: &Pipeline,
    check: &RecordCheck,
    record: &F,
    row: &mut Row,
) -> Result<(), String> {
    let rejects = pipeline.run(record, row);
    rejects.map_err(|all| reasons(all.iter().map(|r| (r.column.as_deref(), r.reason.as_str()))))?;
    let found = check.check(row);
    found.map_err(|all| reasons(all.iter().map(|v| (v.column.as_deref(), v.reason.as_str()))))
}

fn reasons<'a>(all: impl Iterator<Item = (Option<&'a str>, &'a str)>) -> String {
    let told = all.map(|(column, reason)| column.map_or_else(|| reason.to_owned(), |c| format!("{c}: {reason}")));
    told.collect::<Vec<_>>().join("; ")
}

/// The row of the first administrator. Columns that the version does not have are left out.
pub fn admin_row(pack: &str, admin: &Admin, email: &str, table: &Table) -> Result<Rows, FixtureError> {
    let wrong = |reason: String| FixtureError {
        place: format!("administrator '{}'", email.escape_debug()),
        reason,
        pack: pack.to_owned(),
    };
    let name = email.split_once('@').map_or(email, |(name, _)| name);
    let mut values: BTreeMap<&str, String> = BTreeMap::new();
    values.insert(&admin.email, email.to_owned());
    for (column, value) in &admin.values {
        if table.columns.contains_key(column) {
            values.insert(column, value.replace("{email}", email).replace("{name}", name));
        }
    }
    let fields: Vec<String> = values.keys().map(|column| (*column).to_owned()).collect();
    let raw: Vec<Raw<'_>> = values.values().map(|value| Raw::Text(value)).collect();
    let options = PipelineOptions { now: jiff::Timestamp::now().as_microsecond(), ignore_unknown: false };
    let pipeline = Pipeline::compile(&admin.table, table, Shape::Fixed(&fields), options);
    let pipeline = pipeline.map_err(|error| wrong(error.to_string()))?;
    let check = RecordCheck::compile(&admin.table, table, pipeline.columns(), options.now)
        .map_err(|error| wrong(error.to_string()))?;
    let mut row = Row::new();
    make_row(&pipeline, &check, raw.as_slice(), &mut row).map_err(wrong)?;
    Ok(Rows { columns: pipeline.columns().to_vec(), rows: vec![row] })
}

/// Where rows go.
pub struct Into<'a> {
    /// The namespace.
    pub namespace: &'a Namespace,
    /// The table.
    pub table: &'a str,
    /// The table as the model has it.
    pub definition: &'a Table,
    /// The key by which a row is known to be there already; it is then left as it is.
    pub key: Vec<String>,
}

/// Writes rows with a checkpoint. Called again, it does nothing that was done.
pub async fn write(
    writer: &Arc<dyn Writer>,
    into: Into<'_>,
    rows: Rows,
    context: &StepContext,
) -> Result<Outcome, DatabaseError> {
    let resume = writer.checkpoint(into.namespace, &context.run, context.step).await?;
    if resume.as_ref().is_some_and(|checkpoint| checkpoint.finished) {
        return Ok(Outcome::default());
    }
    let done = resume.as_ref().map_or(0, |checkpoint| checkpoint.position);
    let spec = LoadSpec {
        namespace: into.namespace.clone(),
        table: into.table.to_owned(),
        definition: into.definition.clone(),
        columns: rows.columns,
        key: into.key,
        conflict: Conflict::Skip,
        bare: false,
        reject: false,
        run: context.run.clone(),
        step: context.step,
        resume,
        remember_keys: false,
        most_rows: None,
        coverage: Coverage::Whole,
        continues: None,
    };
    let mut session = writer.load(spec).await?;
    let mut outcome = Outcome::default();
    let mut position = done;
    let left: Vec<Row> = rows.rows.into_iter().skip(usize::try_from(done).unwrap_or(usize::MAX)).collect();
    context.set_done(done);
    for chunk in left.chunks(BATCH) {
        let begin = position;
        position += chunk.len() as u64;
        let ordinals: Vec<u64> = (begin..position).collect();
        let rows = session.encoding().encode(&ordinals, chunk.to_vec());
        count(&mut outcome, &session.write(RowBatch { ordinals, position, rows }).await?);
        context.advance(chunk.len() as u64);
    }
    count(&mut outcome, &session.finish().await?);
    Ok(outcome)
}

fn count(outcome: &mut Outcome, written: &Written) {
    for (name, amount) in &written.counts {
        outcome.count(name, *amount);
    }
}
