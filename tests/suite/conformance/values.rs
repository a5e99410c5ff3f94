//! Every value comes back exactly as it was written.

use fixtool::backends::database::Select;
use fixtool::model::{LogicalType, Model, Namespace, Row, Value};
use tokio::sync::mpsc;

use super::{Place, conforms, model, namespace};

conforms!(every_value_comes_back, an_early_end_of_a_select_harms_nobody, a_query_tells_its_columns);

const WIDE: &str = r"
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
      float: {type: float}
      timestamp: {type: timestamp}
      date: {type: date}
      json: {type: json}
      bytes: {type: bytes}
      list: {type: list(text)}
      enum: {type: 'enum(a,b c)'}
    primary_key: [id]
";

/// Rows of edge cases: each list is as long as the longest, shorter ones start over.
fn rows() -> Vec<Row> {
    let text = |text: &str| Value::Text(text.to_owned());
    let columns: Vec<Vec<Value>> = vec![
        vec![Value::Uuid([0; 16]), Value::Uuid([255; 16]), Value::Null],
        ["", " ", "\t\n\r\\N\\", "'\"`", "ünïcødé 表 👩‍👩‍👧", "\u{1}\u{7f}\u{feff}", "NULL", "1e5", "\\."].map(text).into(),
        vec![text("20 characters are ok"), text("表表表表表表表表表表表表表表表表表表表表"), text("")],
        vec![Value::Int(i64::MIN), Value::Int(i64::MAX), Value::Int(0), Value::Null],
        vec![Value::Bool(true), Value::Bool(false), Value::Null],
        ["0", "-0.0000000001", "99999999999999999999.9999999999", "1.1", "123456789012345678.5"]
            .map(|of| Value::Decimal(of.to_owned()))
            .into(),
        [0.0, -1.5, 0.1, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY, 1e23, 3.0]
            .map(Value::Float)
            .into(),
        [0, -1, 1_700_000_000_123_456, -62_135_596_800_000_000, 253_402_300_799_999_999, i64::MAX, i64::MIN]
            .map(Value::Timestamp)
            .into(),
        [0, -1, 19_782, -719_162, 2_932_896, i32::MAX, i32::MIN].map(Value::Date).into(),
        ["{}", "[]", "null", "\"x\"", "12345678901234567890.10", "{\"a\": [1, {\"b\": \"\\\\ü\\\"\"}]}"]
            .map(|of| Value::Json(of.to_owned()))
            .into(),
        vec![Value::Bytes(vec![]), Value::Bytes((0..=255).collect()), Value::Null],
        vec![
            Value::List(vec![]),
            Value::List(vec![None, Some(String::new()), Some("NULL".into()), Some("a,b{}\"\\'\n".into())]),
            Value::Null,
        ],
        vec![text("a"), text("b c"), Value::Null],
    ];
    let longest = columns.iter().map(Vec::len).max().unwrap();
    let value = |column: &Vec<Value>, at: usize| column[at % column.len()].clone();
    (0..longest)
        .map(|at| {
            let id = Value::Int(i64::try_from(at).unwrap());
            std::iter::once(id).chain(columns.iter().map(|column| value(column, at))).collect()
        })
        .collect()
}

fn everything(here: &Namespace, model: &Model) -> Select {
    let columns = &model.tables["wide"].columns;
    Select {
        namespace: here.clone(),
        table: "wide".to_owned(),
        columns: columns.iter().map(|(name, column)| (name.clone(), column.logical.clone())).collect(),
        order: vec!["id".to_owned()],
    }
}

/// Not-a-number is not equal to itself: compared by their text.
fn shown(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| format!("{row:?}")).collect()
}

async fn every_value_comes_back(place: Place) {
    let (model, here) = (model(WIDE), namespace("tenant_a"));
    place.create(&here, &model).await;
    let mut rows = rows();
    let last = i64::try_from(rows.len()).unwrap();
    let mut odd: Row = vec![Value::Null; model.tables["wide"].columns.len()];
    odd[0] = Value::Int(last);
    odd[7] = Value::Float(f64::NAN);
    rows.push(odd);
    place.fill(&here, &model, "wide", rows.clone()).await;
    place.writer.close().await;
    let reader = place.reader().await;
    let (out, mut chunks) = mpsc::channel(4);
    let select = everything(&here, &model);
    let sent = tokio::spawn(async move { reader.select(&select, out).await });
    let mut found: Vec<Row> = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        found.extend(chunk);
    }
    assert_eq!(sent.await.unwrap().unwrap(), rows.len() as u64);
    for (expected, found) in shown(&rows).iter().zip(shown(&found)) {
        assert_eq!(*expected, found);
    }
    assert_eq!(rows.len(), found.len());
}

async fn an_early_end_of_a_select_harms_nobody(place: Place) {
    let (model, here) = (model(WIDE), namespace("tenant_a"));
    place.create(&here, &model).await;
    let many: Vec<Row> = (0..50_000)
        .map(|id| {
            let mut row = vec![Value::Null; model.tables["wide"].columns.len()];
            row[0] = Value::Int(id);
            row
        })
        .collect();
    place.fill(&here, &model, "wide", many).await;
    for turn in 0..10 {
        let (out, mut chunks) = mpsc::channel(1);
        let (writer, select) = (place.writer.clone(), everything(&here, &model));
        let sent = tokio::spawn(async move { writer.select(&select, out).await });
        let first = chunks.recv().await;
        drop(chunks);
        let sent = sent.await.unwrap();
        assert!(first.is_some_and(|rows| !rows.is_empty()), "{turn}: {sent:?}");
        sent.unwrap();
    }
    let tables = ["wide".to_owned(), "missing".to_owned()];
    let stats = place.writer.table_stats(&here, &tables).await.unwrap();
    assert_eq!(stats.len(), 1);
    assert_eq!(stats[0].rows, 50_000);
    assert!(stats[0].bytes > 500_000, "{}", stats[0].bytes);
    let sizes = place.writer.table_sizes(&here, &tables).await.unwrap();
    assert_eq!(sizes.iter().map(|table| table.table.as_str()).collect::<Vec<_>>(), ["wide"]);
    assert_eq!(sizes[0].bytes, stats[0].bytes);
    // An estimate at least, once the server looked.
    if place.folder().is_none() {
        place.writer.execute(&here, &["ANALYZE tenant_a.wide".to_owned()]).await.unwrap();
    }
    assert_eq!(place.writer.table_sizes(&here, &tables).await.unwrap()[0].rows, 50_000);
}

async fn a_query_tells_its_columns(place: Place) {
    let sql = "SELECT 1 AS one, 'x' AS word, NULL AS absent UNION ALL SELECT 2, 'y''', NULL -- all";
    let sql = if place.folder().is_some() {
        place.writer.create_namespace(&namespace("main")).await.unwrap();
        place.writer.close().await;
        sql
    } else {
        "SELECT 1 AS one, 'x'::text AS word, NULL AS absent UNION ALL SELECT 2, 'y''', NULL -- all"
    };
    let reader = place.reader().await;
    let columns = reader.query_columns(sql).await.unwrap();
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["one", "word", "absent"]);
    assert!(matches!(columns[1].1, LogicalType::Text));
    let (out, mut chunks) = mpsc::channel(4);
    assert_eq!(reader.query(sql, out).await.unwrap(), 2);
    let rows = chunks.recv().await.unwrap();
    assert_eq!(rows[1], [Value::Int(2), Value::Text("y'".into()), Value::Null]);
    for bad in ["SELECT FROM WHERE", "DELETE FROM x", "SELECT 1) TO '/tmp/x' --", "SELECT 1; SELECT 2"] {
        let (out, _chunks) = mpsc::channel(4);
        assert!(reader.query(bad, out).await.is_err(), "{bad}");
    }
}
