//! Tests of the YAML reader.

use std::io::Cursor;

use crate::formats::{Limits, Record, Source, SourceFormat, SourceOptions};
use crate::model::Raw;

type Seen = Vec<Result<(u64, Vec<String>), (u64, u64, &'static str)>>;

fn read_with(text: &str, limits: Limits) -> Seen {
    let options = SourceOptions { format: Some(SourceFormat::Yaml), limits, ..SourceOptions::default() };
    let mut source = Source::from_read("-", Box::new(Cursor::new(text.as_bytes().to_vec())), &options).unwrap();
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
                seen.push(Ok((record.line, fields.collect())));
            }
            Err(e) => {
                seen.push(Err((e.line, e.column, e.code)));
                if !e.recoverable {
                    return seen;
                }
            }
        }
    }
}

fn read(text: &str) -> Seen {
    read_with(text, Limits::default())
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in lists beside errors")]
fn row(line: u64, fields: &[&str]) -> Result<(u64, Vec<String>), (u64, u64, &'static str)> {
    Ok((line, fields.iter().map(|f| (*f).to_owned()).collect()))
}

#[test]
fn items_and_documents_are_records() {
    let items = "# people\n- id: 1\n  name: Ada\n- id: 2\n  zip: 007\n  on: yes\n-\n  id: 3\n";
    assert_eq!(
        read(items),
        [row(2, &["id=1", "name='Ada'"]), row(4, &["id=2", "zip='007'", "on='yes'"]), row(7, &["id=3"])]
    );
    let documents = "%YAML 1.2\n---\nid: 1\n---\n# two\nid: 2\n...\n";
    assert_eq!(read(documents), [row(3, &["id=1"]), row(6, &["id=2"])]);
    assert_eq!(read("- {id: 1, name: 'it''s'}\n- {id: 2}"), [row(1, &["id=1", "name='it's'"]), row(2, &["id=2"])]);
    assert_eq!(read("# nothing\n"), []);
}

#[test]
fn scalars_keep_their_meaning_and_their_text() {
    let text = "- a: 1.10\n  b: \"1.10\"\n  c: ~\n  d:\n  e: null\n  f: true\n  g: !!str 5\n  h: 2026-11-23\n  \
                i: |\n    two\n    - lines\n  j: {x: [1, ~, 'a\"b', yes]}\n  k: .5\n";
    assert_eq!(
        read(text),
        [row(
            1,
            &[
                "a=1.10",
                "b='1.10'",
                "c=∅",
                "d=∅",
                "e=∅",
                "f=true",
                "g='5'",
                "h='2026-11-23'",
                "i='two\n- lines\n'",
                "j={\"x\":[1,null,\"a\\\"b\",\"yes\"]}",
                "k='.5'",
            ]
        )]
    );
}

#[test]
fn a_broken_record_names_its_place_and_the_next_one_is_read() {
    let text = "- id: 1\n  id: 2\n- id: &a 3\n  x: *a\n- just text\n- id: [1, 2\n- id: !!set {a}\n- id: 9\n";
    assert_eq!(
        read(text),
        [
            Err((2, 3, "duplicate_key")),
            Err((4, 6, "invalid_yaml")),
            Err((5, 3, "not_an_object")),
            Err((6, 7, "invalid_yaml")),
            Err((7, 13, "invalid_yaml")),
            row(8, &["id=9"]),
        ]
    );
}

#[test]
fn an_item_inside_a_text_or_a_broken_document_is_never_a_record() {
    let injected = "- id: 666\n";
    for (before, line) in [
        ("- id: 1\n  t: \"x\n", 2),
        ("- id: 1\n  t: 'x\n", 2),
        ("- id: 1\n  id: 2\n  t: \"x\n", 2),
        ("- id: 1\n  s: a: b\n  t: \"x\n", 2),
    ] {
        let seen = read(&format!("{before}{injected}bye\"\n{injected}"));
        assert!(matches!(seen[..], [Err((found, _, _))] if found == line), "{before}: {seen:?}");
    }
    // A document that begins on the line of its border is left out whole.
    let text = "--- id: 1\nname: x\n- id: 2\n---\nid: 3\n";
    assert_eq!(read(text), [Err((1, 4, "invalid_yaml")), row(5, &["id=3"])]);
    let text = "- id: 1\n  t: |\n    a\n    - id: 666\n  u: \"a\n   - id: 666\"\n";
    assert_eq!(read(text), [row(1, &["id=1", "t='a\n- id: 666\n'", "u='a - id: 666'"])]);
    // Items of a mapping that is too long are no records.
    let limits = Limits { record: 1 << 12, ..Limits::default() };
    for (text, last) in [("x", true), ("\"", false)] {
        let long = format!("---\na: {text}{}\nb:\n- id: 1\n---\nid: 2\n", "x".repeat(2 << 20));
        let seen = read_with(&long, limits);
        assert_eq!(seen.first(), Some(&Err((2, 1, "too_long"))));
        assert_eq!(seen.get(1), last.then(|| row(6, &["id=2"])).as_ref());
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = format!("- id: {}{}\n- id: 2\n", "[".repeat(10_000), "]".repeat(10_000));
    assert!(matches!(read(&deep)[..], [Err((1, _, _)), Ok((2, _))]));
    let limits = Limits { record: 1 << 12, ..Limits::default() };
    let long = format!("- id: 1\n  x: {}\n  y: 1\n- id: 2\n", "x".repeat(2 << 20));
    assert_eq!(read_with(&long, limits), [Err((1, 1, "too_long")), row(4, &["id=2"])]);
    let many = format!("- id: 1\n{}- id: 2\n", "  # comment\n".repeat(100_000));
    assert_eq!(read_with(&many, limits), [Err((1, 1, "too_long")), row(100_002, &["id=2"])]);
}
