//! Tests of the CSV reader.

use std::io::Cursor;

use super::*;
use crate::formats::{Limits, Source, SourceFormat, SourceOptions};
use crate::model::Raw;

/// Line and fields.
type Row = (u64, Vec<Option<String>>);
/// Every record; every error as line, column, code.
type Seen = Vec<Result<Row, (u64, u64, &'static str)>>;

fn options() -> SourceOptions {
    SourceOptions { format: Some(SourceFormat::Csv), ..SourceOptions::default() }
}

fn read_with(text: impl Into<Vec<u8>>, options: &SourceOptions) -> Result<Seen, SourceError> {
    let mut source = Source::from_read("-", Box::new(Cursor::new(text.into())), options)?;
    let mut record = Record::default();
    let mut seen = Vec::new();
    loop {
        match source.reader.next(&mut record) {
            Ok(false) => return Ok(seen),
            Ok(true) => {
                let fields = (0..record.len()).map(|i| match record.get(i) {
                    Raw::Text(text) => Some(text.to_owned()),
                    _ => None,
                });
                seen.push(Ok((record.line, fields.collect())));
            }
            Err(e) => {
                seen.push(Err((e.line, e.column, e.code)));
                if !e.recoverable {
                    return Ok(seen);
                }
            }
        }
    }
}

fn read(text: impl Into<Vec<u8>>) -> Seen {
    read_with(text, &options()).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in lists beside errors")]
fn row(line: u64, fields: &[&str]) -> Result<Row, (u64, u64, &'static str)> {
    Ok((line, fields.iter().map(|f| (*f != "∅").then(|| (*f).to_owned())).collect()))
}

#[test]
fn an_empty_field_is_null_and_a_quoted_one_an_empty_string() {
    assert_eq!(read("a,b\n,\"\"\n"), [row(2, &["∅", ""])]);
    let null_as =
        SourceOptions { csv: CsvOptions { null_as: vec!["NULL".into()], ..CsvOptions::default() }, ..options() };
    assert_eq!(read_with("a,b,c\nNULL,\"NULL\",\n", &null_as).unwrap(), [row(2, &["∅", "NULL", ""])]);
}

#[test]
fn lines_are_exact_inside_quotes_and_for_every_line_end() {
    assert_eq!(read("a,b\r\n1,\"x\r\ny\"\r\n2,z"), [row(2, &["1", "x\r\ny"]), row(4, &["2", "z"])]);
    assert_eq!(read("a,b\r1,\"x\ry\"\r2,z\r"), [row(2, &["1", "x\ry"]), row(4, &["2", "z"])]);
    assert_eq!(read("a,b\n\n\n1,\"\"\"q\"\"\"\n"), [row(4, &["1", "\"q\""])]);
    assert_eq!(read("\u{feff}a,b\n1,2\n"), [row(2, &["1", "2"])]);
}

#[test]
fn a_broken_record_names_its_place_and_the_next_one_is_read() {
    assert_eq!(
        read("a,b\n1\n4,x\ry\n5,z\0\n6,ok\n"),
        [Err((2, 1, "field_count")), Err((3, 4, "stray_carriage_return")), Err((4, 4, "nul")), row(5, &["6", "ok"]),]
    );
    assert_eq!(read(b"a,b\n1,\xff\xfe\n2,x\n"), [Err((2, 3, "bad_utf8")), row(3, &["2", "x"])]);
    assert_eq!(read("a,b\n1,2,3\n"), [Err((2, 5, "field_count"))]);
}

#[test]
fn after_a_fault_of_the_quoting_no_line_becomes_a_record() {
    for (text, fault) in [
        ("a,b\n1,\"open\n2,x\n3,y\n", (2, 3, "unclosed_quote")),
        ("a,b\n1,\"hello\n2,injected\nbye\" oops\n3,ok\n", (4, 5, "stray_quote")),
        ("a,b\n2,x\"y\n3,ok\n", (2, 4, "stray_quote")),
        ("a,b\n1,\"x\ny\0\n2,injected\n\"\n", (3, 2, "nul")),
    ] {
        assert_eq!(read(text), [Err(fault)], "{text:?}");
    }
}

#[test]
fn a_header_names_each_column_once() {
    for bad in ["a,a\n", "a,\n", "a,\" \"\n", "\"a\n"] {
        assert!(matches!(read_with(bad, &options()), Err(SourceError::Header { .. })), "{bad}");
    }
    for empty in ["", "\u{feff}", "\n\n"] {
        assert!(matches!(read_with(empty, &options()), Err(SourceError::Empty { .. })), "{empty:?}");
    }
    assert_eq!(read("a,b"), []);
    assert!(matches!(read_with(b"\xff\xfea\0".to_vec(), &options()), Err(SourceError::Header { .. })));
}

#[test]
fn a_record_beyond_the_limit_is_left_out_in_constant_memory() {
    let limits = Limits { record: 1 << 16, ..Limits::default() };
    let mut text = b"a,b\n1,".to_vec();
    text.extend(std::iter::repeat_n(b'x', 3 << 20));
    text.extend(b"\n2,ok\n3,\"");
    text.extend(std::iter::repeat_n(b'y', 3 << 20));
    text.extend(b"\"\n4,ok\n");
    let seen = read_with(text, &SourceOptions { limits, ..options() }).unwrap();
    assert_eq!(seen, [Err((2, 1, "too_long")), row(3, &["2", "ok"]), Err((4, 3, "too_long"))]);
}

#[test]
fn records_are_whole_across_every_border_of_the_buffer() {
    let mut text = String::from("id,text\n");
    for id in 0..40_000 {
        use std::fmt::Write as _;
        writeln!(text, "{id},\"line\n{}\"", "é\"\"".repeat(id % 7)).unwrap();
    }
    let seen = read(text);
    assert_eq!(seen.len(), 40_000);
    for (id, record) in seen.into_iter().enumerate() {
        let wanted = format!("line\n{}", "é\"".repeat(id % 7));
        assert_eq!(record, row(2 + 2 * id as u64, &[&id.to_string(), &wanted]));
    }
}
