//! Masks of every kind of value.

use std::collections::HashSet;

use super::*;

fn masked(text: &str, kind: Pii) -> String {
    Masker::new(b"secret").text(text, kind, 255)
}

#[test]
fn masks_keep_the_form_and_hide_the_value() {
    assert!(masked("Ada@Example.com", Pii::Email).ends_with("@example.invalid"));
    assert_eq!(masked("Ada Lovelace", Pii::Name).split(' ').count(), 3);
    let phone = masked("+44 (20) 7946-0123 ext", Pii::Phone);
    assert_eq!(phone.chars().filter(char::is_ascii_digit).count(), 12);
    assert!(phone.starts_with('+') && phone.ends_with(" xxx"));
    assert!(masked("192.168.1.1", Pii::Ip).starts_with("10."));
    assert!(masked("2001:db8::1", Pii::Ip).parse::<std::net::Ipv6Addr>().is_ok());
    let note = masked("Call Zoë,\nroom 7!", Pii::FreeText);
    assert_eq!(note.chars().count(), 17);
    assert!(note.contains(",\n") && note.ends_with('!') && !note.contains("Zo"));
    assert_eq!(masked("", Pii::Email), "");
}

#[test]
fn the_secret_decides_and_different_values_stay_different() {
    let (one, other) = (Masker::new(b"one"), Masker::new(b"other"));
    assert_ne!(one.text("a@b.c", Pii::Email, 255), other.text("a@b.c", Pii::Email, 255));
    for kind in [Pii::Email, Pii::Name] {
        let masks: HashSet<String> = (0..20_000).map(|n| one.text(&format!("person {n}"), kind, 100)).collect();
        assert_eq!(masks.len(), 20_000);
    }
    assert!(one.text("a@b.c", Pii::Email, 20).chars().count() <= 20);
    assert_eq!(format!("{one:?}"), "Masker(…)");
}

#[test]
fn only_tagged_columns_are_masked() {
    let mut column = Column::of(LogicalType::Text);
    let masker = Masker::new(b"s");
    let text = Value::Text("Ada".to_owned());
    assert_eq!(masker.mask(&text, &column), text);
    column.pii = Some(Pii::Name);
    assert_ne!(masker.mask(&text, &column), text);
    assert_eq!(masker.mask(&Value::Null, &column), Value::Null);
    let json = Value::Json(r#"{"a": "Ada", "b": [17, null, true]}"#.to_owned());
    let Value::Json(hidden) = masker.mask(&json, &column) else { panic!("not json") };
    assert!(!hidden.contains("Ada") && !hidden.contains("17") && hidden.contains("null"));
    assert_ne!(masker.mask(&Value::Uuid([7; 16]), &column), Value::Uuid([7; 16]));
}

#[test]
fn short_texts_of_one_form_never_meet_and_never_stay() {
    let masker = Masker::new(b"short");
    let all = |kind, texts: Vec<String>| {
        let masks: HashSet<String> = texts.iter().map(|text| masker.text(text, kind, 100)).collect();
        assert_eq!(masks.len(), texts.len());
        assert!(texts.iter().all(|text| masker.text(text, kind, 100) != *text));
    };
    all(Pii::Phone, (0..10_000).map(|n| format!("+1 {n:04}")).collect());
    all(Pii::FreeText, (b'a'..=b'z').map(|letter| char::from(letter).to_string()).collect());
    all(
        Pii::FreeText,
        (0..676_u32).map(|n| [n / 26, n % 26].map(|n| char::from_u32(65 + n).unwrap()).iter().collect()).collect(),
    );
    let long = "word ".repeat(40);
    assert_ne!(masker.text(&long, Pii::FreeText, 200), long);
}

#[test]
fn addresses_in_other_letters_stay_one_person_and_two_texts() {
    let masker = Masker::new(b"case");
    let [small, large] = ["ada@example.com", "Ada@Example.com"].map(|text| masker.text(text, Pii::Email, 255));
    assert_ne!(small, large);
    assert_eq!(small, large.to_lowercase());
    assert!(masker.text("ada@example.com", Pii::Email, 30).ends_with("@example.invalid"));
}

#[test]
fn masks_keep_the_rules_of_their_column() {
    let masker = Masker::new(b"rules");
    let column = |logical: &str| Column { pii: Some(Pii::Name), ..Column::of(logical.parse().unwrap()) };
    let of = |value: &str, column: &Column| match masker.mask(&Value::Text(value.to_owned()), column) {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    };
    let word = of("red", &column("enum(red,green,blue)"));
    assert!(["green", "blue"].contains(&word.as_str()));
    assert_eq!(of("Ada", &column("string(3)")).chars().count(), 3);
    let wide = Column { min_length: Some(40), ..column("text") };
    assert_eq!(of(&"n".repeat(41), &wide).chars().count(), 41);
    let coded = Column { pattern: Some("[A-Z]{2}-[0-9]{3}".to_owned()), ..column("text") };
    let code = of("AB-123", &coded);
    assert!(code != "AB-123" && code[..2].bytes().all(|b| b.is_ascii_uppercase()) && code[3..].parse::<u16>().is_ok());
    let formatted = |format, value: &str| of(value, &Column { format: Some(format), ..column("string(45)") });
    assert!(formatted(Format::Url, "https://ada.example/me").ends_with(".invalid/"));
    assert!(formatted(Format::Ip, "2001:db8::7").parse::<std::net::IpAddr>().is_ok());
    assert_eq!((formatted(Format::Country, "DE"), formatted(Format::Currency, "EUR")), ("AQ".into(), "XXX".into()));
}

#[test]
fn numbers_and_moments_of_keys_stay_different() {
    let masker = Masker::new(b"keys");
    let key = |logical: &str| {
        let logical = logical.parse().unwrap();
        Column { pii: Some(Pii::FreeText), unique: true, ..Column::of(logical) }
    };
    for column in [key("int"), key("bigint")] {
        for range in [0..10, 100..1000, i64::from(i32::MAX) - 500..i64::from(i32::MAX) + 1] {
            let masks: HashSet<i64> = range
                .clone()
                .map(|n| match masker.mask(&Value::Int(n), &column) {
                    Value::Int(mask)
                        if mask != n && (column.logical == LogicalType::BigInt || i32::try_from(mask).is_ok()) =>
                    {
                        mask
                    }
                    other => panic!("{n}: {other:?}"),
                })
                .collect();
            assert_eq!(i64::try_from(masks.len()), Ok(range.end - range.start));
        }
    }
    assert_ne!(masker.mask(&Value::Int(i64::MIN), &key("bigint")), Value::Int(0));
    let bounded = Column { min: Some("18".into()), ..Column { unique: false, ..key("int") } };
    assert_eq!(masker.mask(&Value::Int(44), &bounded), Value::Int(18));
    let day = |days| masker.mask(&Value::Date(days), &key("date"));
    assert!(day(20_000) != day(20_001) && day(20_000) != Value::Date(20_000));
    assert_eq!(day(i32::MAX), Value::Date(i32::MAX));
}

#[test]
fn secrets_are_withheld() {
    use crate::model::table::Secret;
    let masker = Masker::new(b"secrets");
    let column =
        |required, unique| Column { secret: Some(Secret::Sealed), required, unique, ..Column::of(LogicalType::Text) };
    let of = |column: &Column| masker.mask(&Value::Text("age-encryption".to_owned()), column);
    assert_eq!(of(&column(false, true)), Value::Null);
    assert_eq!(of(&column(true, false)), Value::Text(String::new()));
    let Value::Text(code) = of(&column(true, true)) else { panic!("no text") };
    assert!(code.len() == 18 && !code.contains("age"));
}
