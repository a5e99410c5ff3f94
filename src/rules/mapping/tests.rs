//! Tests of mapping files.

use super::*;
use crate::model::{Fields, LogicalType, Raw, Value};

fn model() -> Model {
    let mut model = Model::default();
    let table = |columns: &[(&str, &str)]| {
        let mut table = Table::default();
        for (name, logical) in columns {
            let logical: LogicalType = logical.parse().unwrap();
            table.columns.insert((*name).to_owned(), crate::model::Column::of(logical));
        }
        table
    };
    model.tables.insert(
        "users".into(),
        table(&[("id", "int"), ("email", "text"), ("name", "text"), ("role", "text"), ("since", "timestamp")]),
    );
    model.tables.insert("posts".into(), table(&[("id", "int"), ("user_id", "int"), ("day", "date")]));
    model
}

fn mapping(yaml: &str, data_type: &str) -> TypeMapping {
    let model = model();
    let mapping = Mapping::read("m.yaml", yaml.as_bytes(), &model).unwrap_or_else(|e| panic!("{:?}", e.flaws));
    let table = model.tables.get_key_value(data_type).unwrap();
    mapping.of_type(data_type, (table.0, table.1), &Masker::new(b"secret")).unwrap().unwrap()
}

/// What comes out for a record of these fields, as `name=text`.
fn map(mapping: &mut TypeMapping, record: &[(&str, Option<&str>)]) -> Vec<String> {
    let names: Vec<String> = record.iter().map(|(name, _)| (*name).to_owned()).collect();
    let values: Vec<Raw<'_>> = record.iter().map(|(_, value)| value.map_or(Raw::Null, Raw::Text)).collect();
    mapping.bind(&names);
    let mut mapped = MappedRecord::default();
    if let Err(rejects) = mapping.map(values.as_slice(), 0, &mut mapped) {
        return rejects.into_iter().map(|r| format!("{}!{}", r.column.unwrap_or_default(), r.code)).collect();
    }
    let view = mapping.view(values.as_slice(), &mapped);
    let shown = |(place, name): (usize, &String)| match view.field(place) {
        Raw::Text(text) => format!("{name}={text}"),
        _ => format!("{name}=∅"),
    };
    mapping.names().iter().enumerate().map(shown).collect()
}

#[test]
fn columns_are_made_as_the_file_says() {
    let mut users = mapping(
        "version: 1
types:
  users:
    drop: [junk]
    columns:
      email: { from: mail, trim: true, case: lower }
      name: { join: [first, last], separator: ' ' }
      role: { from: kind, values: { A: admin, U: user }, null_if: [''], default: user }
      since: { from: created, cast: { timestamp: '%d.%m.%Y %H:%M', zone: Europe/Berlin } }
",
        "users",
    );
    let record = [
        ("id", Some("1")),
        ("mail", Some(" ADA@X.org ")),
        ("first", Some("Ada")),
        ("last", None),
        ("kind", Some("A")),
        ("created", Some("23.11.2026 07:30")),
        ("junk", Some("?")),
    ];
    assert_eq!(
        map(&mut users, &record),
        ["email=ada@x.org", "name=Ada", "role=admin", "since=2026-11-23T06:30:00.000000Z", "id=1"]
    );
    assert_eq!(users.missing(), [""; 0]);
    let mut other = record;
    (other[4].1, other[5].1) = (Some(""), Some("2026"));
    assert_eq!(map(&mut users, &other), ["since!cast"]);
}

#[test]
fn expressions_splits_constants_and_masks_work() {
    let mut users = mapping(
        "version: 1
types:
  users:
    columns:
      id: { constant: 7 }
      email: { mask: email }
      name: { expression: \"upper(substring(who, 1, 1)) || substring(who, 2)\" }
      role: { split: tags, pattern: '[;|] *', part: 2 }
",
        "users",
    );
    let out = map(&mut users, &[("email", Some("ada@x.org")), ("who", Some("ada")), ("tags", Some("a| b;c"))]);
    assert_eq!((out[0].as_str(), out[2].as_str(), out[3].as_str()), ("id=7", "name=Ada", "role=b"));
    assert!(out[1].contains('@') && !out[1].contains("ada@x.org"), "{}", out[1]);
}

#[test]
fn look_ups_tell_their_keys_and_take_their_answers() {
    let mut posts = mapping(
        "version: 1
types:
  posts:
    columns:
      user_id: { lookup: { table: users, by: { email: owner }, take: id } }
      day: { from: d, cast: { date: '%m/%d/%Y' } }
",
        "posts",
    );
    assert_eq!(posts.lookups(), [LookupNeed { table: "users".into(), key: vec!["email".into()], take: "id".into() }]);
    posts.bind(&["owner".to_owned(), "d".to_owned()]);
    assert_eq!(posts.missing(), [""; 0]);
    let record = [Raw::Text("a@x.org"), Raw::Text("11/23/2026")];
    let mut mapped = MappedRecord::default();
    posts.map(record.as_slice(), 0, &mut mapped).unwrap();
    assert_eq!(mapped.keys, [Some(vec!["a@x.org".to_owned()])]);
    mapped.resolve(0, Some(&Value::Int(5)));
    let view = posts.view(record.as_slice(), &mapped);
    assert_eq!((view.field(0), view.field(1)), (Raw::Text("5"), Raw::Text("2026-11-23")));
}

#[test]
fn casts_bring_texts_into_the_strict_form() {
    for (cast, text, out) in [
        ("int", " +007 ", Some("7")),
        ("int", "-0", Some("0")),
        ("decimal", ".5", Some("0.5")),
        ("decimal", "00.50", Some("0.50")),
        ("bool", "Yes", Some("true")),
        ("bool", "maybe", None),
        ("unix_seconds", "0", Some("1970-01-01T00:00:00.000000Z")),
        ("unix_milliseconds", "1500", Some("1970-01-01T00:00:01.500000Z")),
        ("unix_seconds", "99999999999999999", None),
        ("{ timestamp: '%Y-%m-%d %H:%M %z' }", "2026-11-23 06:30 +0100", Some("2026-11-23T05:30:00.000000Z")),
        ("{ timestamp: '%Y-%m-%d %H:%M', zone: Europe/Berlin }", "2026-03-29 02:30", None),
        ("{ timestamp: '%Y-%m-%d %H:%M', zone: Europe/Berlin }", "2026-10-25 02:30", None),
        ("{ timestamp: '%Y-%m-%d %H:%M %z' }", "2026-11-23 06:30 +-5", None),
        ("{ timestamp: '%Y-%m-%d %H:%M:%S%z' }", "2026-11-23 06:30:60+0100", None),
        ("{ timestamp: '%Y-%m-%d %H:%M:%S%z' }", "2026-11-23 24:00:00+0100", None),
        (
            "{ timestamp: '%Y-%m-%dT%H:%M:%S%.f%z' }",
            "2026-11-23T06:30:00.500+0000",
            Some("2026-11-23T06:30:00.500000Z"),
        ),
        ("{ timestamp: '%Y-%m-%dT%H:%M:%S%.f%z' }", "2026-11-23T06:30:00.1234567+0000", None),
        ("{ timestamp: '%d.%m.%Y %I:%M %p', zone: UTC }", "01.02.2026 02:30 pm", Some("2026-02-01T14:30:00.000000Z")),
        ("{ date: '%d.%m.%Y' }", "01.01.2026", Some("2026-01-01")),
        ("{ date: '%d.%m.%Y' }", "01.01.26", None),
        ("{ date: '%d.%m.%Y' }", "1.1.2026", None),
        ("{ date: '%-d.%-m.%Y' }", "1.1.2026", Some("2026-01-01")),
        ("{ date: '%d.%m.%y' }", "01.01.26", Some("2026-01-01")),
        ("{ date: '%d.%m.%y' }", "01.01.68", Some("2068-01-01")),
        ("{ date: '%d.%m.%y' }", "01.01.69", Some("1969-01-01")),
        ("{ date: '%d.%m.%y' }", "01.01.2026", None),
        ("{ date: '%d.%m.%Y' }", "31.04.2026", None),
        ("{ date: '%d.%m.%Y' }", "01.01.2026 ", None),
        ("{ date: '%d.%m.%Y' }", " 01.01.2026", None),
        ("{ date: '%d.%m.%Y' }", "01.01.2026x", None),
        ("{ date: '%d.%m.%Y' }", "+1.01.2026", None),
        ("{ date: '%d %B %Y' }", "01 january 2026", Some("2026-01-01")),
    ] {
        let mut users =
            mapping(&format!("version: 1\ntypes:\n  users:\n    columns:\n      name: {{ cast: {cast} }}\n"), "users");
        let expected = out.map_or("name!cast".to_owned(), |out| format!("name={out}"));
        assert_eq!(map(&mut users, &[("name", Some(text))]), [expected], "{cast} {text}");
    }
}

#[test]
fn mistakes_are_pointed_at() {
    let flaws = |yaml: &str| {
        let error = Mapping::read("m.yaml", yaml.as_bytes(), &model()).expect_err(yaml);
        error.flaws.into_iter().map(|flaw| format!("{} {}", flaw.place, flaw.message)).collect::<Vec<_>>()
    };
    let begin = "version: 1\ntypes:\n  users:\n    columns:\n";
    for (yaml, place) in [
        ("version: 2\ntypes: {}\n".to_owned(), "m.yaml:1:1"),
        ("version: 1\ntypes:\n  userz: {}\n".to_owned(), "m.yaml:3:3"),
        (format!("{begin}      emial: {{ from: x }}\n"), "m.yaml:5:7"),
        (format!("{begin}      email: {{ form: x }}\n"), "m.yaml:5:"),
        (format!("{begin}      email: {{ from: x, constant: y }}\n"), "m.yaml:5:7"),
        (format!("{begin}      email: {{ split: x, separator: ',' }}\n"), "m.yaml:5:16"),
        (format!("{begin}      email: {{ lookup: {{ table: users, by: {{ nam: x }}, take: id }} }}\n"), "m.yaml:5:16"),
    ] {
        let found = flaws(&yaml);
        assert!(found.len() == 1 && found[0].starts_with(place), "{yaml}: {found:?}");
    }
    let yaml = format!("{begin}      email: {{ expression: 'lowr(x)' }}\n");
    let model = model();
    let users = &model.tables["users"];
    let read = Mapping::read("m.yaml", yaml.as_bytes(), &model).unwrap();
    let error = read.of_type("users", ("users", users), &Masker::new(b"")).unwrap_err();
    assert!(error.flaws[0].place.starts_with("m.yaml:5"), "{:?}", error.flaws);
    assert!(error.flaws[0].help.as_deref().is_some_and(|help| help.contains("lower")));
}
