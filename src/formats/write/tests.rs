//! What is written reads back to the same values, for every type and every format.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::formats::{Record, Source, SourceOptions};
use crate::model::Raw;

/// Values that a reader gives for a field, without their types: the tests of `rules` hold the
/// whole way with types.
fn read_back(bytes: Vec<u8>, name: &str, columns: usize) -> Vec<Vec<Option<String>>> {
    let mut source = Source::from_read(name, Box::new(Cursor::new(bytes)), &SourceOptions::default()).unwrap();
    let mut record = Record::default();
    let mut rows = Vec::new();
    while source.reader.next(&mut record).unwrap() {
        let field = |place| match record.get(place) {
            Raw::Absent | Raw::Null => None,
            Raw::Bool(truth) => Some(truth.to_string()),
            Raw::Text(text) | Raw::String(text) | Raw::Number(text) | Raw::Json(text) => Some(text.to_owned()),
        };
        rows.push((0..columns).map(field).collect());
    }
    rows
}

fn write(rows: &[Vec<Value>], format: SourceFormat, compression: Compression, columns: &[String]) -> Vec<u8> {
    let mut writer = RecordWriter::begin(Vec::new(), format, compression, columns).unwrap();
    for row in rows {
        writer.write(row).unwrap();
    }
    let (bytes, count) = writer.finish().unwrap();
    assert_eq!(count, rows.len() as u64);
    bytes
}

fn value() -> impl Strategy<Value = Value> {
    let text = "[a-z\"',\\\\ \\n\\r\\t;=é😀]{0,12}";
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        "-?[1-9][0-9]{0,20}\\.[0-9]{0,5}[1-9]".prop_map(Value::Decimal),
        text.prop_map(Value::Text),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        (-62_135_596_800_000_000_i64..253_402_300_800_000_000).prop_map(Value::Timestamp),
        (-719_162_i32..2_932_897).prop_map(Value::Date),
        text.prop_map(|text| Value::Json(serde_json::json!({ "k": [text, 1.5, null] }).to_string())),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
        proptest::collection::vec(proptest::option::of(text), 0..4).prop_map(Value::List),
    ]
}

proptest! {
    #[test]
    fn fields_come_back_as_they_were(
        rows in proptest::collection::vec(proptest::collection::vec(value(), 3), 0..20),
        format in 0..3_usize,
        compression in 0..3_usize,
    ) {
        let format = [SourceFormat::Csv, SourceFormat::Ndjson, SourceFormat::JsonArray][format];
        let compression = [Compression::None, Compression::Gzip, Compression::Zstd][compression];
        let columns = ["a", "b \"c\",", "d"].map(str::to_owned);
        let bytes = write(&rows, format, compression, &columns);
        let read = read_back(bytes, &file_name("x", format, compression), 3);
        let expected: Vec<Vec<Option<String>>> =
            rows.iter().map(|row| row.iter().map(Value::to_text).collect()).collect();
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn null_is_not_an_empty_text() {
    let rows = [vec![Value::Null, Value::Text(String::new())], vec![Value::Text("a".into()), Value::Null]];
    let columns = ["a", "b"].map(str::to_owned);
    let bytes = write(&rows, SourceFormat::Csv, Compression::None, &columns);
    assert_eq!(String::from_utf8(bytes).unwrap(), "a,b\n,\"\"\na,\n");
    // A record of one NULL is a blank line, and is read as one.
    let single = [vec![Value::Null], vec![Value::Int(1)]];
    let bytes = write(&single, SourceFormat::Csv, Compression::None, &columns[..1]);
    assert_eq!(read_back(bytes, "x.csv", 1), [vec![None], vec![Some("1".to_owned())]]);
    let bytes = write(&rows, SourceFormat::JsonArray, Compression::None, &columns);
    assert_eq!(String::from_utf8(bytes).unwrap(), "[\n{\"a\":null,\"b\":\"\"},\n{\"a\":\"a\",\"b\":null}\n]\n");
}

#[test]
fn what_json_cannot_say_becomes_a_string() {
    let row =
        [Value::Float(f64::NAN), Value::Float(f64::INFINITY), Value::Decimal("NaN".into()), Value::Bytes(vec![1, 255])];
    let columns = ["a", "b", "c", "d"].map(str::to_owned);
    let bytes = write(&[row.to_vec()], SourceFormat::Ndjson, Compression::None, &columns);
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text, "{\"a\":\"NaN\",\"b\":\"Infinity\",\"c\":\"NaN\",\"d\":\"\\\\x01ff\"}\n");
    let pretty = [Value::Json("{\n  \"a\": \"x\\n\"\n}".into())];
    let bytes = write(&[pretty.to_vec()], SourceFormat::Ndjson, Compression::None, &columns[..1]);
    assert_eq!(String::from_utf8(bytes).unwrap(), "{\"a\":{   \"a\": \"x\\n\" }}\n");
}
