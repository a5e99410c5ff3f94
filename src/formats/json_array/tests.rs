//! Tests of the JSON readers.

use std::io::Cursor;

use crate::formats::{Limits, Record, RecordError, Source, SourceFormat, SourceOptions};
use crate::model::Raw;

/// Line and column, and the fields that are there.
type Row = ((u64, u64), Vec<String>);
type Seen = Vec<Result<Row, (u64, u64, &'static str)>>;

fn each(text: &[u8], format: SourceFormat, limits: Limits) -> Vec<Result<Row, RecordError>> {
    let options = SourceOptions { format: Some(format), limits, ..SourceOptions::default() };
    let mut source = Source::from_read("-", Box::new(Cursor::new(text.to_vec())), &options).unwrap();
    let mut record = Record::default();
    let mut seen = Vec::new();
    loop {
        match source.reader.next(&mut record) {
            Ok(false) => return seen,
            Ok(true) => {
                let fields = source.reader.fields().iter().enumerate().filter_map(|(i, name)| match record.get(i) {
                    Raw::Absent => None,
                    Raw::Null => Some(format!("{name}=∅")),
                    Raw::String(text) => Some(format!("{name}='{text}'")),
                    Raw::Number(text) | Raw::Json(text) | Raw::Text(text) => Some(format!("{name}={text}")),
                    Raw::Bool(truth) => Some(format!("{name}={truth}")),
                });
                seen.push(Ok(((record.line, record.column), fields.collect())));
            }
            Err(e) => {
                let last = !e.recoverable;
                seen.push(Err(*e));
                if last {
                    return seen;
                }
            }
        }
    }
}

fn read(text: impl AsRef<[u8]>, format: SourceFormat) -> Seen {
    let seen = each(text.as_ref(), format, Limits::default());
    seen.into_iter().map(|r| r.map_err(|e| (e.line, e.column, e.code))).collect()
}

fn array(text: impl AsRef<[u8]>) -> Seen {
    read(text, SourceFormat::JsonArray)
}

fn lines(text: impl AsRef<[u8]>) -> Seen {
    read(text, SourceFormat::Ndjson)
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in lists beside errors")]
fn row(line: u64, column: u64, fields: &[&str]) -> Result<Row, (u64, u64, &'static str)> {
    Ok(((line, column), fields.iter().map(|f| (*f).to_owned()).collect()))
}

#[test]
fn elements_keep_their_text_and_their_place() {
    let text = "\u{feff} [\n {\"id\": 1.10, \"n\": null},{\"é\": \"a\\n\\u00e9\"}\n,\n{\"id\":12345678901234567890,\"x\":{\"a\":[1]}, \
                \"b\":true}]\n";
    assert_eq!(
        array(text),
        [
            row(2, 2, &["id=1.10", "n=∅"]),
            row(2, 26, &["é='a\né'"]),
            row(4, 1, &["id=12345678901234567890", "x={\"a\":[1]}", "b=true"]),
        ]
    );
    assert_eq!(array("[]"), []);
    assert_eq!(array(" [ ] \n"), []);
}

#[test]
fn a_broken_element_does_not_hide_the_next() {
    let text = "[{\"a\":1,\"a\":2},\n{\"a\",1},\n7,\n\"x\",\n{\"a\":01},\n{\"a\":\"\\u0000\"},\n{\"a\":\"\\ud800\"},\n{\"a\":2}]";
    assert_eq!(
        array(text),
        [
            Err((1, 9, "duplicate_key")),
            Err((2, 5, "invalid_json")),
            Err((3, 1, "not_an_object")),
            Err((4, 1, "not_an_object")),
            Err((5, 6, "invalid_json")),
            Err((6, 7, "nul")),
            Err((7, 7, "bad_escape")),
            row(8, 1, &["a=2"]),
        ]
    );
}

#[test]
fn a_broken_array_ends_the_reading() {
    for (text, line, column, code) in [
        ("{\"a\":1}", 1, 1, "not_an_array"),
        ("x", 1, 1, "not_an_array"),
        (" \n", 2, 1, "not_an_array"),
        ("[{\"a\":1}", 1, 9, "invalid_json"),
        ("[{\"a\":1", 1, 2, "invalid_json"),
        ("[{\"a\":1},]", 1, 10, "invalid_json"),
        ("[{\"a\":1} {\"a\":2}]", 1, 10, "invalid_json"),
        ("[{\"a\":[1}]", 1, 9, "invalid_json"),
        ("[{\"a\":1}] x", 1, 11, "invalid_json"),
        ("[", 1, 2, "invalid_json"),
    ] {
        let seen = each(text.as_bytes(), SourceFormat::JsonArray, Limits::default());
        let error = seen.last().unwrap().as_ref().unwrap_err();
        assert_eq!((error.line, error.column, error.code), (line, column, code), "{text}");
        assert!(!error.recoverable, "{text}");
    }
}

#[test]
fn an_element_inside_a_text_is_never_a_record() {
    for text in [
        "[{\"a\":\"say \"hi\"\"},\n{\"a\":2}]",
        "[{\"a\":\"x},\n{\"a\":\"injected\"},\n{\"a\":\"y\"}]",
        "[{\"a\":\"C:\\\"},\n{\"a\":\"injected\"}]",
        "[{'a':'},{\"a\":1},{'}]",
        "[{\"a\":1 /* },{\"a\":2},{ */}]",
        "[x\",{\"a\":2},\"]",
    ] {
        let seen = each(text.as_bytes(), SourceFormat::JsonArray, Limits::default());
        let error = seen.last().unwrap().as_ref().unwrap_err();
        assert_eq!((seen.len(), error.recoverable), (1, false), "{text}: {error}");
    }
}

#[test]
fn a_line_inside_a_value_is_never_a_record() {
    let text = "{\"a\":1,\"b\":[\n\n  {\"a\":2},\n  {\"a\":\"]}\"}\n]}\n{\"a\":3}\n[\n{\"a\":4}\n]";
    let inner = |line| Err((line, 1, "invalid_json"));
    assert_eq!(
        lines(text),
        [
            Err((1, 13, "invalid_json")),
            Err((3, 10, "invalid_json")),
            inner(4),
            inner(5),
            row(6, 1, &["a=3"]),
            Err((7, 1, "invalid_json")),
            inner(8),
            inner(9),
        ]
    );
    // A value that was merely cut off takes nothing along.
    for cut in ["{\"a\":[", "{\"a\":{\"b\":1", "{\"a\":\"x", "[", "{\"a\":", "{\"a\":\"x\n{\"b\":["] {
        let seen = lines(format!("{cut}\n{{\"a\":1}}\n{{\"a\":2}}\n{{\"a\":3}}\n"));
        let good: Vec<_> = seen.into_iter().flatten().map(|(_, fields)| fields[0].clone()).collect();
        assert_eq!(good, ["a=1", "a=2", "a=3"], "{cut}");
    }
    assert!(matches!(&lines("[\n{\"a\":1}\n")[..], [Err(_), Ok(_)]));
    let limits = Limits { record: 1 << 12, ..Limits::default() };
    let long = format!("{{\"b\":[\n\"{}\",\n{{\"a\":1}}\n]}}\n{{\"a\":2}}\n", "x".repeat(3 << 20));
    let seen = each(long.as_bytes(), SourceFormat::Ndjson, limits);
    assert!(matches!(&seen[..], [Err(_), Err(_), Err(_), Err(_), Ok(((5, 1), _))]), "{seen:?}");
}

#[test]
fn depth_and_length_are_bounded_and_reading_goes_on() {
    let deep = format!("[{{\"a\":{}{}}},\n{{\"a\":1}}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(array(deep), [Err((1, 134, "too_deep")), row(2, 1, &["a=1"])]);
    let limits = Limits { record: 1 << 12, ..Limits::default() };
    for format in [SourceFormat::JsonArray, SourceFormat::Ndjson] {
        let (open, comma, close) = if format == SourceFormat::Ndjson { ("", "", "") } else { ("[", ",", "]") };
        let long = format!("{open}{{\"a\":\"{}\"}}{comma}\n{{\"a\":1}}{close}", "x".repeat(3 << 20));
        let seen = each(long.as_bytes(), format, limits);
        assert_eq!(seen.len(), 2, "{format}");
        assert_eq!(seen[0].as_ref().unwrap_err().code, "too_long", "{format}");
        assert!(matches!(&seen[1], Ok(((2, 1), _))), "{format}");
    }
}

#[test]
fn each_line_is_a_record() {
    let text = "{\"id\":1}\r\n\n  {\"name\":\"Ada\",\"id\":2}\n[1]\n{\"id\":\n{\"id\":3} x\n{\"id\":4}";
    assert_eq!(
        lines(text),
        [
            row(1, 1, &["id=1"]),
            row(3, 1, &["id=2", "name='Ada'"]),
            Err((4, 1, "not_an_object")),
            Err((5, 7, "invalid_json")),
            Err((6, 10, "invalid_json")),
            row(7, 1, &["id=4"]),
        ]
    );
    assert_eq!(lines(b"{\"a\":\"\xff\"}\n{\"a\":1}\n"), [Err((1, 7, "bad_utf8")), row(2, 1, &["a=1"])]);
    assert_eq!(lines(" \n\n"), []);
}

#[test]
fn names_are_bounded() {
    let limits = Limits { fields: 3, ..Limits::default() };
    let seen = each(b"{\"a\":1,\"b\":1}\n{\"c\":1,\"d\":1}\n{\"c\":1}\n", SourceFormat::Ndjson, limits);
    assert_eq!(seen[1].as_ref().unwrap_err().code, "too_many_fields");
    assert!(seen[2].is_ok());
}

#[test]
fn a_value_that_json_allows_and_a_database_does_not_is_no_object_either() {
    let texts = lines("\"\\u0000\"\n[{\"a\":1,\"a\":2}]\n\"\\q\"\n");
    assert_eq!(texts, [Err((1, 1, "not_an_object")), Err((2, 1, "not_an_object")), Err((3, 1, "invalid_json"))]);
}
