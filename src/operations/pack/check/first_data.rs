//! Whether first data fits the version it is for: values, unique keys, references.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;

use crate::formats::{Record, Source, SourceFormat, SourceOptions};
use crate::model::pack::{Fixture, Flaw, Release};
use crate::model::{Row, Table, Value};
use crate::rules::{Pipeline, PipelineOptions, RecordCheck, RuleFile, Shape};

/// The records of one table, with the line of each.
struct Loaded<'r> {
    fixture: &'r Fixture,
    table: &'r Table,
    columns: Vec<String>,
    rows: Vec<(u64, Row)>,
}

/// Reads and checks all first data of a version; answers with the number of records of each table.
pub(super) fn check(release: &Release, rules: &RuleFile, flaws: &mut Vec<Flaw>) -> Vec<(String, u64)> {
    let mut loaded = Vec::new();
    for fixture in &release.fixtures {
        let Some(table) = release.model.tables.get(&fixture.table) else { continue };
        match read(fixture, table, rules) {
            Ok(records) => loaded.push(records),
            Err(found) => flaws.extend(found.into_iter().map(|(line, message)| flaw(release, fixture, line, &message))),
        }
    }
    for records in &loaded {
        for (line, message) in unique(records).into_iter().chain(references(records, &loaded)) {
            flaws.push(flaw(release, records.fixture, line, &message));
        }
    }
    loaded.iter().map(|records| (records.fixture.table.clone(), records.rows.len() as u64)).collect()
}

fn flaw(release: &Release, fixture: &Fixture, line: u64, message: &str) -> Flaw {
    Flaw::of_file(&format!("{}:{line}", fixture.path), format!("for version {}: {message}", release.version))
}

type Problems = Vec<(u64, String)>;

fn read<'r>(fixture: &'r Fixture, table: &'r Table, rules: &RuleFile) -> Result<Loaded<'r>, Problems> {
    let whole = |message: String| vec![(1, message)];
    let name = fixture.path.rsplit('/').next().unwrap_or_default();
    let input = Box::new(Cursor::new(fixture.bytes.clone()));
    let mut source =
        Source::from_read(name, input, &SourceOptions::default()).map_err(|error| whole(error.to_string()))?;
    let mut record = Record::default();
    let mut rows = Vec::new();
    let mut problems = Problems::new();
    let mut begun: Option<(Pipeline, RecordCheck)> = None;
    loop {
        match source.reader.next(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                problems.push((error.line, error.to_string()));
                if error.recoverable {
                    continue;
                }
                break;
            }
        }
        if begun.is_none() {
            let fields = source.reader.fields();
            let fixed = matches!(source.format, SourceFormat::Csv | SourceFormat::Tsv);
            let shape = if fixed { Shape::Fixed(fields) } else { Shape::Open(fields) };
            begun = Some(begin((fixture, table), rules, shape).map_err(whole)?);
        }
        let Some((pipeline, check)) = &mut begun else { break };
        pipeline.bind(source.reader.fields());
        match row_of(&record, pipeline, check) {
            Ok(row) => rows.push((record.line, row)),
            Err(reasons) => problems.extend(reasons.into_iter().map(|reason| (record.line, reason))),
        }
    }
    let columns = begun.map(|(pipeline, _)| pipeline.columns().to_vec()).unwrap_or_default();
    if problems.is_empty() { Ok(Loaded { fixture, table, columns, rows }) } else { Err(problems) }
}

fn row_of(record: &Record, pipeline: &Pipeline, check: &RecordCheck) -> Result<Row, Vec<String>> {
    let mut row = Row::new();
    if let Err(rejects) = pipeline.run(record, &mut row) {
        return Err(rejects.iter().map(|reject| blamed(reject.column.as_deref(), &reject.reason)).collect());
    }
    match check.check(&row) {
        Err(found) if found.iter().any(|v| v.severity.rejects()) => {
            Err(found.iter().map(|v| blamed(v.column.as_deref(), &v.reason)).collect())
        }
        _ => Ok(row),
    }
}

fn blamed(column: Option<&str>, reason: &str) -> String {
    column.map_or_else(|| reason.to_owned(), |column| format!("'{column}': {reason}"))
}

fn begin(
    (fixture, table): (&Fixture, &Table),
    rules: &RuleFile,
    shape: Shape<'_>,
) -> Result<(Pipeline, RecordCheck), String> {
    let options = PipelineOptions { now: 0, ignore_unknown: false };
    let pipeline = Pipeline::compile(&fixture.table, table, shape, options);
    let pipeline = pipeline.map_err(|error| error.to_string())?;
    let check = RecordCheck::compile(&fixture.table, table, pipeline.columns(), 0)
        .and_then(|check| check.with_rules(&rules.of_table(&fixture.table).rows))
        .map_err(|error| error.to_string())?;
    Ok((pipeline, check))
}

/// The key of a row as text; `None` when a part of it is NULL or not among the columns.
fn key(row: &Row, columns: &[String], wanted: &[String]) -> Option<Vec<String>> {
    let part = |name: &String| row.get(columns.iter().position(|column| column == name)?).and_then(Value::to_text);
    wanted.iter().map(part).collect()
}

fn unique(records: &Loaded<'_>) -> Problems {
    let mut problems = Problems::new();
    let keys = records.table.all_unique_keys().into_iter().chain([records.table.primary_key.clone()]);
    for wanted in keys.filter(|key| !key.is_empty()) {
        let mut lines: HashMap<Vec<String>, u64> = HashMap::new();
        for (line, row) in &records.rows {
            let Some(key) = key(row, &records.columns, &wanted) else { continue };
            if let Some(first) = lines.insert(key, *line) {
                problems.push((*line, format!("({}) is the same as in line {first}", wanted.join(", "))));
            }
        }
    }
    problems
}

fn references(records: &Loaded<'_>, all: &[Loaded<'_>]) -> Problems {
    let mut problems = Problems::new();
    for foreign in records.table.all_foreign_keys() {
        let target = all.iter().find(|other| other.fixture.table == foreign.table);
        let known: HashSet<Vec<String>> = target
            .map(|target| target.rows.iter().filter_map(|(_, row)| key(row, &target.columns, &foreign.to)).collect())
            .unwrap_or_default();
        for (line, row) in &records.rows {
            if key(row, &records.columns, &foreign.columns).is_some_and(|key| !known.contains(&key)) {
                let message = format!(
                    "({}) points at a record that the first data of '{}' does not have",
                    foreign.columns.join(", "),
                    foreign.table
                );
                problems.push((*line, message));
            }
        }
    }
    problems
}
