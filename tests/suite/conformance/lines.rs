//! Rows of edge cases, and their lines.

use std::sync::Arc;

use fixtool::backends::database::instant::{Instant, LinesOf};
use fixtool::model::{Model, Row, Value};
use tokio::sync::mpsc;

/// A table with a column of every type.
pub const WIDE: &str = r"
tables:
  wide:
    columns:
      id: {type: int, required: true}
      uuid: {type: uuid}
      text: {type: text}
      string: {type: string(20)}
      bigint: {type: bigint}
      bool: {type: bool}
      decimal: {type: 'decimal(30,10)'}
      whole: {type: 'decimal(20,0)'}
      float: {type: float}
      timestamp: {type: timestamp}
      date: {type: date}
      json: {type: json}
      bytes: {type: bytes}
      list: {type: list(text)}
      enum: {type: 'enum(a,b c)'}
    primary_key: [id]
";

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// Characters from every plane in which there are any, and those that lie at an edge.
fn planes() -> String {
    (0..=16_u32)
        .flat_map(|plane| [plane << 16 | 0x21, plane << 16 | 0x1000, plane << 16 | 0xfffd])
        .chain([0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff])
        .filter_map(char::from_u32)
        .collect()
}

fn texts() -> Vec<Value> {
    let controls: String = (1..32_u8).map(char::from).collect();
    let few = ["", " ", "\t\n\r\\N\\", "\\N", "\\.", "'\"`", "NULL", "1e5", "\\n", "\u{8}\u{b}\u{c}", "ünïcødé 表 👩‍👩‍👧"];
    let mut all: Vec<Value> = few.into_iter().map(text).collect();
    all.extend([text(controls), text(planes()), Value::Null]);
    all
}

fn lists() -> Vec<Value> {
    let some = |words: &[&str]| words.iter().map(|word| Some((*word).to_owned())).collect::<Vec<_>>();
    vec![
        Value::List(vec![]),
        Value::List(vec![None]),
        Value::List(vec![None, Some(String::new()), Some("NULL".into()), Some("a,b{}\"\\'\n".into())]),
        Value::List(some(&[
            "plain",
            "two words",
            "null",
            "Null",
            "\u{b}",
            "{",
            "}",
            "\"",
            "\\",
            "tab\t",
            "表",
            "\u{a0}",
        ])),
        Value::Null,
    ]
}

/// Rows of edge cases: each column is as long as the longest, shorter ones start over.
pub fn edge_rows() -> Vec<Row> {
    let columns: Vec<Vec<Value>> = vec![
        vec![
            Value::Uuid([0; 16]),
            Value::Uuid([255; 16]),
            Value::Uuid(*b"\x01\x23\x45\x67\x89\xab\xcd\xef0123456z"),
            Value::Null,
        ],
        texts(),
        vec![text("20 characters are ok"), text("表".repeat(20)), text(""), text("trailing  "), Value::Null],
        vec![Value::Int(i64::MIN), Value::Int(i64::MAX), Value::Int(0), Value::Int(-1), Value::Null],
        vec![Value::Bool(true), Value::Bool(false), Value::Null],
        ["0", "-0.0000000001", "99999999999999999999.9999999999", "1.1", "123456789012345678.5", "-7", "NaN"]
            .map(|of| Value::Decimal(of.to_owned()))
            .into(),
        ["0", "-1", "99999999999999999999", "NaN"].map(|of| Value::Decimal(of.to_owned())).into(),
        floats(),
        [0, -1, 1_700_000_000_123_456, 10_500_000, -62_135_596_800_000_000, -62_135_596_800_000_001]
            .into_iter()
            .chain([
                253_402_300_799_999_999,
                253_402_300_800_000_000,
                9_223_371_331_199_999_999,
                -210_866_803_200_000_000,
            ])
            .chain([i64::MAX, i64::MIN])
            .map(Value::Timestamp)
            .chain([Value::Null])
            .collect(),
        [0, -1, 19_782, -719_162, -719_163, 2_932_896, 2_932_897, 2_145_031_948, -2_440_588, i32::MAX, i32::MIN]
            .map(Value::Date)
            .into(),
        ["{}", "[]", "null", "\"x\"", "12345678901234567890.10", "{\"a\": [1, {\"b\": \"\\\\ü\\\"\\n\"}]}", "1.5"]
            .map(|of| Value::Json(of.to_owned()))
            .into(),
        vec![Value::Bytes(vec![]), Value::Bytes((0..=255).collect()), Value::Bytes(vec![0; 1000]), Value::Null],
        lists(),
        vec![text("a"), text("b c"), Value::Null],
    ];
    let longest = columns.iter().map(Vec::len).max().unwrap();
    let value = |column: &Vec<Value>, at: usize| column[at % column.len()].clone();
    let mut rows: Vec<Row> = (0..longest)
        .map(|at| {
            let id = Value::Int(i64::try_from(at).unwrap() - 5);
            std::iter::once(id).chain(columns.iter().map(|column| value(column, at))).collect()
        })
        .collect();
    rows[7][2] = text("1 MB \\\n\t表".repeat(100_000));
    rows[8][12] = Value::Bytes((0..=255).cycle().take(1 << 20).collect());
    rows
}

fn floats() -> Vec<Value> {
    let edges =
        [0.0, -1.5, 0.1, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let odd = [1e23, 3.0, 1e14, 1e15, 123_456_789_012_345.6, 1e-4, 1.5e-5, 9_007_199_254_740_993.0, 4.35, 1.0 / 3.0];
    // Powers of two and of ten are where printing goes wrong; the others are anything.
    let powers = (-300..300).step_by(7).flat_map(|power| [10_f64.powi(power), 2_f64.powi(power), 5_f64.powi(power)]);
    let mut state = 1_u64;
    let any = std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from_bits(state ^ state >> 29)
    });
    let any = any.filter(|of| of.is_finite()).take(500);
    edges.into_iter().chain(odd).chain(powers).chain(any).map(Value::Float).collect()
}

/// All lines of a table of a model, by its primary key.
pub fn what(model: &Model, table: &str) -> LinesOf {
    let definition = &model.tables[table];
    LinesOf {
        table: table.to_owned(),
        columns: definition.columns.iter().map(|(name, column)| (name.clone(), column.logical.clone())).collect(),
        key: definition.primary_key.clone(),
        range: None,
    }
}

/// The lines as one text.
pub async fn lines(moment: &Arc<dyn Instant>, what: &LinesOf) -> Vec<u8> {
    let (out, mut chunks) = mpsc::channel(4);
    let (held, asked) = (moment.clone(), what.clone());
    let sent = tokio::spawn(async move { held.lines(&asked, out).await });
    let mut text = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        assert!(chunk.ends_with(b"\n"), "a chunk is whole lines");
        text.extend_from_slice(&chunk);
    }
    let rows = sent.await.unwrap().unwrap();
    assert_eq!(rows, split(&text).len() as u64);
    text
}

/// A text as its lines.
pub fn split(text: &[u8]) -> Vec<&str> {
    std::str::from_utf8(text).unwrap().lines().collect()
}
