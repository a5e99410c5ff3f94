//! Tests of made-up records.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::model::check::check;
use crate::model::literal;
use crate::model::pack::builtin;
use crate::model::{LogicalType, Table};

fn key(row: &Row, columns: &[String], of: &[String]) -> Option<String> {
    let values: Vec<&Value> =
        of.iter().filter_map(|name| row.get(columns.iter().position(|column| column == name)?)).collect();
    if values.iter().any(|value| value.is_null()) { None } else { Some(format!("{values:?}")) }
}

/// Checks every row of a sample against everything the model demands, but for checks.
fn hold_to(model: &Model, sample: &Sample) {
    let mut keys: HashMap<(String, Vec<String>), HashSet<String>> = HashMap::new();
    for (name, table) in &model.tables {
        let columns = sample.columns(name).unwrap();
        for row in sample.rows(name).unwrap() {
            for (value, column) in row.iter().zip(&columns) {
                fits(value, name, column, table);
            }
            let unique: HashSet<_> = table.all_unique_keys().into_iter().chain([table.primary_key.clone()]).collect();
            for unique in unique.into_iter().filter(|key| !key.is_empty()) {
                if let Some(key) = key(&row, &columns, &unique) {
                    let fresh = keys.entry((name.clone(), unique.clone())).or_default().insert(key.clone());
                    assert!(fresh, "{name} has {key} twice in {unique:?}");
                }
            }
        }
    }
    for (name, table) in &model.tables {
        let columns = sample.columns(name).unwrap();
        for foreign in table.all_foreign_keys() {
            let known = parents(model, sample, &foreign.table, &foreign.to);
            for row in sample.rows(name).unwrap() {
                if let Some(key) = key(&row, &columns, &foreign.columns) {
                    assert!(known.contains(&key), "{name}: {key} points at nothing in {}", foreign.table);
                }
            }
        }
    }
}

fn parents(model: &Model, sample: &Sample, table: &str, to: &[String]) -> HashSet<String> {
    assert!(model.tables.contains_key(table));
    let columns = sample.columns(table).unwrap();
    sample.rows(table).unwrap().filter_map(|row| key(&row, &columns, to)).collect()
}

fn fits(value: &Value, name: &str, column: &str, table: &Table) {
    let definition = &table.columns[column];
    let place = format!("{name}.{column} = {value:?}");
    if value.is_null() {
        assert!(!definition.required && !table.primary_key.iter().any(|key| key == column), "{place}");
        return;
    }
    let bound = |text: &Option<String>| text.as_ref().map(|text| literal::parse(text, &definition.logical).unwrap());
    if let Some(min) = bound(&definition.min) {
        assert!(literal::compare(value, &min).unwrap().is_ge(), "{place}");
    }
    if let Some(max) = bound(&definition.max) {
        assert!(literal::compare(value, &max).unwrap().is_le(), "{place}");
    }
    match (value, &definition.logical) {
        (Value::Text(text), logical) => {
            literal::parse(text, logical).unwrap();
            let length = u32::try_from(text.chars().count()).unwrap();
            assert!(definition.min_length.is_none_or(|min| length >= min), "{place}");
            assert!(definition.max_length.is_none_or(|max| length <= max), "{place}");
            if let Some(pattern) = &definition.pattern {
                assert!(regex::Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text), "{place}");
            }
        }
        (Value::Decimal(text), logical) => {
            literal::parse(text, logical).unwrap();
        }
        (Value::Json(text), LogicalType::Json) => {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
        (Value::Int(number), LogicalType::Int) => assert!(i32::try_from(*number).is_ok(), "{place}"),
        (Value::Uuid(_), LogicalType::Uuid)
        | (Value::Bool(_), LogicalType::Bool)
        | (Value::Int(_), LogicalType::BigInt)
        | (Value::Float(_), LogicalType::Float)
        | (Value::Timestamp(_), LogicalType::Timestamp)
        | (Value::Date(_), LogicalType::Date)
        | (Value::Bytes(_), LogicalType::Bytes)
        | (Value::List(_), LogicalType::ListText) => {}
        _ => panic!("{place} is not of type {}", definition.logical),
    }
}

#[test]
fn every_version_of_the_built_in_pack_gets_records_that_fit() {
    let pack = builtin::pack(builtin::DEFAULT).unwrap().unwrap();
    for release in &pack.releases {
        let sample = Sample::of_total(&release.model, 7, 3000).unwrap();
        assert_eq!(sample.counts().values().sum::<u64>(), 3000, "{}", release.version);
        assert!(sample.counts().values().all(|count| *count > 0));
        hold_to(&release.model, &sample);
    }
}

const HARD: &str = r#"
tables:
  codes:
    columns:
      country: {type: string(2), format: country, required: true}
      slug: {type: string(20), pattern: "[a-z]+-[a-z0-9-]+", required: true, unique: true}
      plate: {type: string(6), pattern: "[A-Z]{6}", unique: true}
      small: {type: string(2), unique: true}
      price: {type: "decimal(6,2)", min: "0.01", max: "99.99", unique: true}
      day: {type: date, min: "2025-01-01", max: "2025-12-31"}
      size: {type: int, min: -5, max: 5, required: true}
      blob: {type: bytes, required: true}
      ratio: {type: float, min: -1, max: 1}
      tags: {type: list(text), required: true}
    primary_key: [slug]
  tree:
    columns:
      id: {type: int, default: serial()}
      parent_id: {type: int, references: tree.id}
      label: {type: string(30), required: true, min_length: 10}
    primary_key: [id]
  profile:
    columns:
      tree_id: {type: int, references: tree.id}
      bio: {type: text, pii: free-text}
    primary_key: [tree_id]
  pairs:
    columns:
      left_id: {type: int, required: true, references: tree.id}
      slug: {type: string(20), required: true, references: codes.slug}
      side: {type: "enum(a,b,c)", required: true}
    primary_key: [left_id, slug, side]
  notes:
    columns:
      left_id: {type: int}
      slug: {type: string(20)}
      side: {type: "enum(a,b,c)"}
      written: {type: timestamp, unique: true}
    foreign_keys:
      - {columns: [left_id, slug, side], table: pairs, to: [left_id, slug, side]}
"#;

#[test]
fn hard_models_get_records_that_fit() {
    let model: Model = serde_saphyr::from_str(HARD).unwrap();
    assert_eq!(check(&model), []);
    for seed in 0..5 {
        let sample = Sample::of_total(&model, seed, 1500).unwrap();
        assert!(sample.counts().values().all(|count| *count > 0), "{:?}", sample.counts());
        hold_to(&model, &sample);
    }
}

#[test]
fn the_same_seed_gives_the_same_rows_in_any_order() {
    let pack = builtin::pack(builtin::DEFAULT).unwrap().unwrap();
    let model = pack.model(pack.newest()).unwrap();
    let sample = Sample::of_total(model, 3, 500).unwrap();
    let again = Sample::of_total(model, 3, 500).unwrap();
    let other = Sample::of_total(model, 4, 500).unwrap();
    for table in model.tables.keys() {
        let rows: Vec<Row> = sample.rows(table).unwrap().collect();
        assert_eq!(rows, again.rows(table).unwrap().collect::<Vec<_>>());
        assert_ne!(rows, other.rows(table).unwrap().collect::<Vec<_>>());
        let last = rows.len() as u64 - 1;
        assert_eq!(sample.row(table, last).unwrap().as_ref(), rows.last());
        assert_eq!(sample.row(table, last + 1).unwrap(), None);
    }
}

#[test]
fn hard_texts_nulls_and_empty_texts_occur() {
    let pack = builtin::pack(builtin::DEFAULT).unwrap().unwrap();
    let model = pack.model(pack.newest()).unwrap();
    let sample = Sample::of_total(model, 1, 20_000).unwrap();
    let columns = sample.columns("collaborations").unwrap();
    let at = columns.iter().position(|column| column == "description").unwrap();
    let texts: Vec<Value> = sample.rows("collaborations").unwrap().map(|mut row| row.swap_remove(at)).collect();
    let some = |wanted: fn(&str) -> bool| texts.iter().any(|v| matches!(v, Value::Text(text) if wanted(text)));
    assert!(texts.iter().any(Value::is_null));
    assert!(some(str::is_empty));
    assert!(some(|text| text.contains('"')) && some(|text| text.contains('\n')));
    assert!(some(|text| !text.is_ascii()) && some(|text| text.len() > 1000));
}

#[test]
fn what_cannot_be_made_is_said() {
    let of = |yaml: &str, rows: u64| {
        let model: Model = serde_saphyr::from_str(yaml).unwrap();
        let counts = model.tables.keys().map(|name| (name.clone(), rows)).collect();
        Sample::new(&model, 1, &counts).map(|_| ())
    };
    let flags = "tables: {f: {columns: {on: {type: bool, required: true, unique: true}}}}";
    assert_eq!(of(flags, 2), Ok(()));
    assert_eq!(of(flags, 3), Err(SampleError::TooMany { table: "f".into(), wanted: 3, most: 2 }));
    let native = "tables: {f: {columns: {at: {type: native(point), required: true}}}}";
    assert!(matches!(of(native, 1), Err(SampleError::Column { .. })));
    let odd = "tables: {f: {columns: {at: {type: text, required: true, pattern: 'x(yz){7}q'}}}}";
    assert!(matches!(of(odd, 1), Err(SampleError::Column { .. })));
}
