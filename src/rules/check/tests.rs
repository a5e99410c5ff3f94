//! Tests of record checks.

use super::*;
use crate::model::LogicalType;

fn table() -> Table {
    let mut table = Table::default();
    let mut add = |name: &str, logical: &str, change: &dyn Fn(&mut Column)| {
        let mut column = Column::of(logical.parse::<LogicalType>().unwrap());
        change(&mut column);
        table.columns.insert(name.to_owned(), column);
    };
    add("id", "int", &|c| c.required = true);
    add("age", "int", &|c| (c.min, c.max) = (Some("0".into()), Some("150".into())));
    add("score", "decimal(3,2)", &|c| c.max = Some("1.5".into()));
    add("slug", "text", &|c| c.pattern = Some("[a-z-]+".into()));
    add("name", "text", &|c| (c.min_length, c.max_length) = (Some(2), Some(3)));
    add("mail", "text", &|c| {
        c.format = Some(Format::Email);
        c.pii = Some(crate::model::table::Pii::Email);
    });
    table
}

fn codes(row: &[Value]) -> Vec<String> {
    let table = table();
    let columns: Vec<String> = table.columns.keys().cloned().collect();
    let check = RecordCheck::compile("t", &table, &columns, 0).unwrap();
    let found = check.check(row).err().unwrap_or_default();
    found.into_iter().map(|v| format!("{}:{}", v.column.unwrap_or_default(), v.code)).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn every_violation_of_a_record_is_found() {
    let good = [Value::Int(1), Value::Int(150), Value::Decimal("1.5".into()), text("a-b"), text("äöü"), text("a@b.de")];
    assert_eq!(codes(&good), [""; 0]);
    let nulls = vec![Value::Null; 6];
    assert_eq!(codes(&nulls), ["id:required"]);
    let bad = [Value::Null, Value::Int(-1), Value::Decimal("1.51".into()), text("a-b\n"), text("a"), text("x")];
    assert_eq!(codes(&bad), ["id:required", "age:min", "score:max", "slug:pattern", "name:min_length", "mail:format"]);
}

#[test]
fn reasons_hide_personal_values() {
    let table = table();
    let columns: Vec<String> = table.columns.keys().cloned().collect();
    let check = RecordCheck::compile("t", &table, &columns, 0).unwrap();
    let mut row = vec![Value::Null; 6];
    row[0] = Value::Int(1);
    row[5] = text("ada.lovelace");
    let found = check.check(&row).unwrap_err();
    assert!(found[0].reason.starts_with("the value is not an e-mail"), "{}", found[0].reason);
}

#[test]
fn a_required_column_must_come_from_somewhere() {
    let columns = ["age".to_owned()];
    assert!(matches!(
        RecordCheck::compile("t", &table(), &columns, 0),
        Err(CheckError::MissingColumn { column, .. }) if column == "id"
    ));
}

#[test]
fn conditions_and_rules_are_checked_over_the_row() {
    let mut table = table();
    table.check.insert("grown".into(), "age is null or age >= 18 or name = 'kid'".into());
    // A subset of the columns, in another order.
    let columns = ["name", "id", "age"].map(str::to_owned);
    let rule = RowRule {
        id: "odd".into(),
        assert: "id % 2 = 1".into(),
        severity: Severity::Medium,
        only_where: Some("age > 20".into()),
        message: Some("{id} of {name} and {mail} is even".into()),
    };
    let check = RecordCheck::compile("t", &table, &columns, 0).unwrap().with_rules(&[rule]).unwrap();
    let found = |row: &[Value]| check.check(row).err().unwrap_or_default();
    assert_eq!(found(&[text("kid"), Value::Int(2), Value::Int(3)]), []);
    assert_eq!(found(&[text("old"), Value::Int(2), Value::Null]), []);
    let young = found(&[text("you"), Value::Int(2), Value::Int(17)]);
    assert_eq!((young[0].code.as_ref(), young[0].severity.rejects()), ("check:grown", true));
    let even = found(&[text("old"), Value::Int(2), Value::Int(30)]);
    assert_eq!((even[0].code.as_ref(), even[0].column.as_deref()), ("rule:odd", Some("id")));
    assert_eq!(even[0].reason, "2 of old and … is even");
    assert!(!even[0].severity.rejects());
    let wrong = RowRule::of_condition("x", "agee > 1");
    let error = RecordCheck::compile("t", &table, &columns, 0).unwrap().with_rules(&[wrong]).unwrap_err();
    assert!(matches!(error, CheckError::Expression { source, .. } if source.help.contains("'age'")));
}
