//! The keys of records that a dry run looks up.

use std::collections::BTreeMap;

use super::error::LoadError;
use super::shaper::Fault;
use crate::backends::database::load::gaps::Gaps;
use crate::backends::database::{Lookup, Reader};
use crate::model::{Model, Namespace, Row, Table, Value};

/// A record that passed every check that needs no database.
pub struct Candidate {
    /// Its line.
    pub line: u64,
    /// Its row.
    pub row: Row,
}

impl Candidate {
    /// Whether the record leaves the column at a place out.
    pub fn leaves_out(&self, columns: &[String], place: usize) -> bool {
        let gaps = self.row.get(columns.len());
        matches!(gaps, Some(Value::Text(text)) if Gaps::parse(text).leaves_out(place))
    }
}

/// What the record of a row that is there leaves out stays as it is, and meets nothing; a new row
/// must be right as it stands.
pub fn close_gaps(
    columns: &[String],
    (waiting, known): (&mut [Candidate], &[bool]),
    faults: &mut BTreeMap<usize, Fault>,
) {
    for (at, candidate) in waiting.iter_mut().enumerate() {
        let Some(Value::Text(text)) = candidate.row.get(columns.len()) else { continue };
        let gaps = Gaps::parse(text);
        if known.get(at).copied().unwrap_or_default() {
            for (place, value) in candidate.row.iter_mut().enumerate() {
                if gaps.leaves_out(place) {
                    *value = Value::Null;
                }
            }
        } else if let Some(column) = gaps.needed(columns).into_iter().next() {
            let reason = format!("the row is new and needs a value of ({column})");
            faults.entry(at).or_insert(Fault {
                column: Some(column),
                field: None,
                code: "required".to_owned(),
                reason,
            });
        }
    }
}

/// A row with this key is there, and may not be.
pub fn exists(key: &[String]) -> Fault {
    Fault {
        column: key.first().cloned(),
        field: None,
        code: "exists".to_owned(),
        reason: format!("a row with this ({}) exists", key.join(", ")),
    }
}

/// What the keys of a table are gathered under.
pub fn set_name(table: &str, key: &[String]) -> String {
    format!("{table}({})", key.join(","))
}

/// Where the columns of a key stand; `None` unless all are carried.
pub fn places(columns: &[String], key: &[String]) -> Option<Vec<usize>> {
    let places: Option<Vec<usize>> = key.iter().map(|k| columns.iter().position(|c| c == k)).collect();
    places.filter(|places| !places.is_empty())
}

/// The values at these places.
pub fn pick(row: &Row, places: &[usize]) -> Row {
    places.iter().filter_map(|place| row.get(*place).cloned()).collect()
}

/// 64 bits of a key; `None` for a key with a NULL, which meets nothing. Among ten million keys the
/// chance that two differ and look alike is three in a million.
pub fn digest(row: &Row, places: &[usize]) -> Option<u64> {
    let mut hasher = blake3::Hasher::new();
    for place in places {
        match row.get(*place)? {
            Value::Null => return None,
            value => hasher.update(format!("{value:?}\u{1f}").as_bytes()),
        };
    }
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    Some(u64::from_le_bytes(bytes))
}

/// Whether a record with one value of the `newest` column replaces a row with another.
pub fn is_newer(record: &Value, row: &Value) -> bool {
    match (record, row) {
        (Value::Null, _) => false,
        (Value::Int(a), Value::Int(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => a > b,
        (Value::Date(a), Value::Date(b)) => a > b,
        (Value::Float(a), Value::Float(b)) => a > b,
        (Value::Text(a), Value::Text(b)) => a > b,
        (Value::Uuid(a), Value::Uuid(b)) => a > b,
        _ => true,
    }
}

/// Keys of the table that others point at.
pub fn referenced(model: &Model, table: &str) -> Vec<Vec<String>> {
    let mut keys: Vec<Vec<String>> = model
        .tables
        .values()
        .flat_map(Table::all_foreign_keys)
        .filter(|key| key.table == table)
        .map(|key| key.to)
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// A table whose rows are looked up.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Where it is.
    pub database: &'a dyn Reader,
    /// In which namespace.
    pub namespace: &'a Namespace,
    /// Its name.
    pub table: &'a str,
    /// Whether it has no rows.
    pub is_empty: bool,
}

/// The digest of the primary key of the row that has each record's unique value.
pub async fn holders(
    place: Place<'_>,
    primary: &[String],
    (key, places): (&[String], &[usize]),
    waiting: &[Candidate],
) -> Result<Vec<Option<u64>>, LoadError> {
    if place.is_empty || waiting.is_empty() {
        return Ok(vec![None; waiting.len()]);
    }
    let keys: Vec<Row> = waiting.iter().map(|candidate| pick(&candidate.row, places)).collect();
    let mut rows: Vec<Row> = vec![Row::new(); waiting.len()];
    for wanted in primary {
        let (namespace, table) = (place.namespace.clone(), place.table.to_owned());
        let question = Lookup { namespace, table, columns: key.to_vec(), wanted: wanted.clone() };
        for (row, value) in rows.iter_mut().zip(place.database.lookup(&question, &keys).await?) {
            row.push(value.unwrap_or(Value::Null));
        }
    }
    let all: Vec<usize> = (0..primary.len()).collect();
    Ok(rows.iter().map(|row| digest(row, &all)).collect())
}
