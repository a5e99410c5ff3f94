//! Tests of the JSON checker.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn fault(text: &str) -> Option<(usize, JsonFaultKind)> {
    check(text, MAX_DEPTH).err().map(|f| (f.at, f.kind))
}

#[test]
fn values_of_every_kind_are_recognised() {
    for (text, kind) in [
        ("null", PieceKind::Null),
        (" true ", PieceKind::True),
        ("false", PieceKind::False),
        ("-0.5e+10", PieceKind::Number),
        ("123456789012345678901234567890.10", PieceKind::Number),
        ("\"a\"", PieceKind::Plain),
        (r#""\ud83d\ude00""#, PieceKind::Escaped),
        ("[1,[2],{}]", PieceKind::Array),
        (r#"{"a":{"a":1},"b":[]}"#, PieceKind::Object),
    ] {
        assert_eq!(check(text, MAX_DEPTH), Ok(kind), "{text}");
    }
}

#[test]
fn faults_are_found_where_they_stand() {
    use JsonFaultKind::{Control, DuplicateKey, Ends, Escape, Nul, Number, Trailing, Unexpected};
    for (text, at, kind) in [
        ("", 0, Ends),
        ("[1,", 3, Ends),
        ("\"abc", 4, Ends),
        ("[1,]", 3, Unexpected),
        ("{a:1}", 1, Unexpected),
        ("nul", 0, Unexpected),
        ("01", 0, Number),
        ("1.", 0, Number),
        ("[NaN]", 1, Number),
        ("+1", 0, Number),
        ("1e", 0, Number),
        (r#""\x""#, 1, Escape),
        (r#""\ud800""#, 1, Escape),
        (r#""\udc00""#, 1, Escape),
        (r#""\u00""#, 1, Escape),
        (r#""a\u0000""#, 2, Nul),
        ("\"a\nb\"", 2, Control),
        (r#"{"a":1,"a":2}"#, 7, DuplicateKey),
        (r#"{"a":1,"\u0061":2}"#, 7, DuplicateKey),
        ("1 2", 2, Trailing),
    ] {
        assert_eq!(fault(text), Some((at, kind)), "{text}");
    }
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(fault(&nested(128)), None);
    assert_eq!(fault(&nested(129)), Some((128, JsonFaultKind::TooDeep)));
    assert_eq!(fault(&nested(100_000)), Some((128, JsonFaultKind::TooDeep)));
}

#[test]
fn many_keys_are_compared_in_linear_time() {
    let mut text = String::from("{");
    for i in 0..100_000 {
        write!(text, "\"k{i}\":0,").unwrap();
    }
    assert_eq!(fault(&format!("{text}\"z\":0}}")), None);
    assert!(matches!(fault(&format!("{text}\"k5\":0}}")), Some((_, JsonFaultKind::DuplicateKey))));
    assert!(matches!(fault(&format!("{text}\"k17\":0}}")), Some((_, JsonFaultKind::DuplicateKey))));
}

proptest! {
    #[test]
    fn agrees_with_serde_json(text in "[ \\[\\]{}:,\"\\\\a0-9eEntrfuls.+-]{0,24}") {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match check(&text, MAX_DEPTH) {
            Ok(_) => prop_assert!(theirs.is_ok() || theirs.unwrap_err().to_string().contains("out of range")),
            Err(f) if matches!(f.kind, JsonFaultKind::Nul | JsonFaultKind::DuplicateKey) => {}
            Err(_) => prop_assert!(theirs.is_err()),
        }
    }

    #[test]
    fn strings_come_back(text in "\\PC*|[\\x01-\\x1f\"\\\\😀é]*") {
        let written = serde_json::to_string(&text).unwrap();
        check(&written, MAX_DEPTH).unwrap();
        let mut read = String::new();
        unescape(&written[1..written.len() - 1], &mut read);
        prop_assert_eq!(read, text);
    }
}
