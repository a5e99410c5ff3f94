//! Tests of rule files.

use super::*;
use crate::model::{Column, Table};
use crate::rules::Severity;

fn model() -> Model {
    let mut table = Table { data_types: vec!["people".into()], ..Table::default() };
    for (name, logical) in
        [("id", "int"), ("age", "int"), ("email", "text"), ("started", "timestamp"), ("ended", "timestamp")]
    {
        table.columns.insert(name.into(), Column::of(logical.parse().unwrap()));
    }
    let mut model = Model::default();
    model.tables.insert("users".into(), table);
    model
}

#[test]
fn rules_of_rows_are_read_and_others_are_told() {
    let text = "
version: 1
defaults: { severity: warn }
types:
  people:
    row_count: '>= 1'
    columns:
      email: [required, { unique: { ignore_case: true } }, { matches: '.+@.+' }]
      age: [{ range: [0, 150] }, { tags: [pii] }]
    rules:
      - id: order
        assert: 'ended is null or ended >= started'
        severity: error
        where: 'age > 17'
        message: '{id} ends too early'
        examples:
          pass: [{ started: '2026-01-01T00:00:00Z', ended: null }]
          fail: [{ started: '2026-01-02T00:00:00Z', ended: '2026-01-01T00:00:00Z' }]
      - id: fresh
        metric: freshness(started)
        expect: '< 24h'
      - id: odd
        failing_rows: 'select id from users where id = 0'
";
    let rules = RuleFile::read("r.yaml", text.as_bytes(), &model()).unwrap_or_else(|e| panic!("{:?}", e.flaws));
    let rules = rules.of_table("users");
    let rows: Vec<(&str, Severity)> = rules.rows.iter().map(|r| (r.id.as_str(), r.severity)).collect();
    assert_eq!(
        rows,
        [
            ("email-required", Severity::Medium),
            ("email-matches", Severity::Medium),
            ("age-range", Severity::Medium),
            ("order", Severity::High)
        ]
    );
    assert_eq!(rules.later, ["row_count", "email: unique", "fresh", "odd"]);
}

#[test]
fn mistakes_are_pointed_at() {
    let rule = |rest: &str| format!("version: 1\ntypes:\n  users:\n    rules:\n      - id: a\n        {rest}\n");
    for (text, place, message) in [
        ("version: 3\n".to_owned(), "r.yaml:1:1", "version"),
        ("version: 1\nrulez: []\n".to_owned(), "r.yaml:2", "rulez"),
        ("version: 1\ntypes:\n  user: {}\n".to_owned(), "r.yaml:3:3", "no data type"),
        ("version: 1\ntypes:\n  users:\n    columns:\n      agee: [required]\n".to_owned(), "r.yaml:5:7", "no column"),
        ("version: 1\ntypes:\n  users:\n    columns:\n      age: [requird]\n".to_owned(), "r.yaml:5:13", "no check"),
        (rule("assert: 'agee > 1'"), "r.yaml:6:9", "no column 'agee'"),
        (rule("assert: 'age > 1'\n        severity: huge"), "r.yaml:7:9", "no severity"),
        (rule("metric: row_count"), "r.yaml:5", "belong together"),
        (rule("message: x"), "r.yaml:5", "one of assert"),
        (rule("assert: 'age > 1'\n        examples: { pass: [{ age: 0 }] }"), "r.yaml:7:9", "fails"),
        (rule("assert: 'age > 1'\n        examples: { fail: [{ age: x }] }"), "r.yaml:7:9", "'age'"),
    ] {
        let error = RuleFile::read("r.yaml", text.as_bytes(), &model()).expect_err(&text);
        let found: Vec<String> = error.flaws.iter().map(|flaw| format!("{} {}", flaw.place, flaw.message)).collect();
        assert!(found.len() == 1 && found[0].starts_with(place) && found[0].contains(message), "{text}\n{found:?}");
    }
}
