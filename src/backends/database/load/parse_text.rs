//! Values out of the text in which PostgreSQL writes them, and back.
//!
//! The settings that each transaction makes (UTC, ISO dates, hex bytes, shortest exact floats) give
//! every value exactly one text.

use super::copy_text;
use crate::backends::database::calendar::{parse_date, parse_timestamp};
use crate::model::literal::canonical_decimal;
use crate::model::{LogicalType, Row, Value};

/// One line of COPY text, without its end, as a row of these types; otherwise what is wrong with it.
pub(crate) fn row<'t>(line: &[u8], types: impl ExactSizeIterator<Item = &'t LogicalType>) -> Result<Row, String> {
    let mut fields = line.split(|byte| *byte == b'\t');
    let mut row = Vec::with_capacity(types.len());
    for logical in types {
        let field = fields.next().ok_or("a row with too few columns")?;
        row.push(if field == b"\\N" {
            Value::Null
        } else {
            unescape(field)
                .and_then(|text| value(&text, logical))
                .ok_or_else(|| format!("a value that is no {logical}"))?
        });
    }
    // A row without any column is an empty line all the same.
    match fields.next() {
        Some(surplus) if !(row.is_empty() && surplus.is_empty()) => Err("a row with too many columns".to_owned()),
        _ => Ok(row),
    }
}

/// A value from its text; `None` if the text is no value of the type.
pub(crate) fn value(text: &str, logical: &LogicalType) -> Option<Value> {
    Some(match logical {
        LogicalType::Uuid => Value::Uuid(uuid::Uuid::try_parse(text).ok()?.into_bytes()),
        LogicalType::Text | LogicalType::String(_) | LogicalType::Enum(_) | LogicalType::Native(_) => {
            Value::Text(text.to_owned())
        }
        LogicalType::Int | LogicalType::BigInt => Value::Int(text.parse().ok()?),
        LogicalType::Bool => match text {
            "t" | "true" => Value::Bool(true),
            "f" | "false" => Value::Bool(false),
            _ => return None,
        },
        // NaN and the infinities have no digits.
        LogicalType::Decimal(..) => Value::Decimal(canonical_decimal(text).unwrap_or_else(|| text.to_owned())),
        LogicalType::Float => Value::Float(match text {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => text.parse().ok()?,
        }),
        LogicalType::Timestamp => Value::Timestamp(parse_timestamp(text)?),
        LogicalType::Date => Value::Date(parse_date(text)?),
        LogicalType::Json => Value::Json(text.to_owned()),
        LogicalType::Bytes => Value::Bytes(bytes(text)?),
        LogicalType::ListText => Value::List(array(text)?),
    })
}

/// A value as a text that PostgreSQL reads; `None` for NULL.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) | Value::Json(text) | Value::Decimal(text) => Some(text.clone()),
        other => {
            let mut line = Vec::new();
            copy_text::encode_row(&vec![other.clone()], None, &mut line);
            line.pop();
            unescape(&line)
        }
    }
}

/// One field of a line of COPY text; `None` for NULL, for bytes that are not UTF-8, and for an
/// escape that neither the server nor fixtool writes.
pub(crate) fn unescape(field: &[u8]) -> Option<String> {
    if field == b"\\N" {
        return None;
    }
    if !field.contains(&b'\\') {
        return String::from_utf8(field.to_vec()).ok();
    }
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match rest.next()? {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' => b'\\',
            _ => return None,
        });
    }
    String::from_utf8(out).ok()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| match pair {
            [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
            _ => None,
        })
        .collect()
}

/// An array of one dimension: `{a,"b c",NULL}`. Bounds before it have no place in a list.
pub(crate) fn array(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    let mut rest = inner.chars().peekable();
    if rest.peek().is_none() {
        return Some(elements);
    }
    loop {
        let mut element = String::new();
        let quoted = rest.next_if_eq(&'"').is_some();
        let mut closed = !quoted;
        while let Some(c) = rest.next_if(|c| quoted || (*c != ',' && *c != '{')) {
            match c {
                '"' if quoted => {
                    closed = true;
                    break;
                }
                '\\' => element.push(rest.next()?),
                other => element.push(other),
            }
        }
        if !closed {
            return None;
        }
        let null = !quoted && element.eq_ignore_ascii_case("null");
        elements.push((!null).then_some(element));
        match rest.next() {
            Some(',') => {}
            None => return Some(elements),
            // A second dimension, or what is no array at all.
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str, logical: &str) -> Option<Value> {
        value(text, &logical.parse().unwrap())
    }

    #[test]
    fn reads_what_the_server_writes() {
        assert_eq!(of("1.50", "decimal(3,2)"), Some(Value::Decimal("1.5".into())));
        assert_eq!(of("NaN", "decimal(3,2)"), Some(Value::Decimal("NaN".into())));
        assert_eq!(of("-Infinity", "float"), Some(Value::Float(f64::NEG_INFINITY)));
        assert_eq!(of("1970-01-01 00:00:00.000001+00", "timestamp"), Some(Value::Timestamp(1)));
        assert_eq!(of("infinity", "date"), Some(Value::Date(i32::MAX)));
        assert_eq!(of("\\x00ff", "bytes"), Some(Value::Bytes(vec![0, 255])));
        assert_eq!(of("t", "bool"), Some(Value::Bool(true)));
        assert_eq!(of("{{a},{b}}", "list(text)"), None);
        assert_eq!(of("[0:1]={a,b}", "list(text)"), None);
        assert_eq!(
            of("{NULL,\"NULL\",\"\"}", "list(text)"),
            Some(Value::List(vec![None, Some("NULL".into()), Some(String::new())]))
        );
        assert_eq!(unescape(b"a\\tb\\\\N"), Some("a\tb\\N".into()));
        assert_eq!(unescape(b"\\N"), None);
        assert_eq!(unescape(b"a\\"), None);
        assert_eq!(unescape(b"\\x41"), None);
    }

    #[test]
    fn a_row_has_all_its_columns_and_no_more() {
        let types: Vec<LogicalType> = ["int", "text"].iter().map(|logical| logical.parse().unwrap()).collect();
        assert_eq!(row(b"7\t\\N", types.iter()), Ok(vec![Value::Int(7), Value::Null]));
        assert_eq!(row(b"7\t", types.iter()), Ok(vec![Value::Int(7), Value::Text(String::new())]));
        for bad in ["7", "7\ta\tb", "x\ta", "7\ta\\", "7\t\\."] {
            assert!(row(bad.as_bytes(), types.iter()).is_err(), "{bad}");
        }
        assert_eq!(row(b"", [].iter()), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn texts_and_lists_come_back(words in proptest::collection::vec(proptest::option::of("\\PC*|[\\t\\n\"\\\\{},]*"), 0..5)) {
            let list = Value::List(words.clone());
            prop_assert_eq!(value(&text_of(&list).unwrap(), &LogicalType::ListText), Some(list));
            for word in words.into_iter().flatten() {
                let mut line = Vec::new();
                copy_text::encode_row(&vec![Value::Text(word.clone())], None, &mut line);
                line.pop();
                prop_assert_eq!(unescape(&line), Some(word));
            }
        }

        #[test]
        fn floats_come_back(of in any::<f64>()) {
            let back = value(&text_of(&Value::Float(of)).unwrap(), &LogicalType::Float);
            let same = matches!(back, Some(Value::Float(back)) if back.to_bits() == of.to_bits() || back.is_nan() && of.is_nan());
            prop_assert!(same);
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            for logical in ["uuid", "int", "timestamp", "bytes", "list(text)", "decimal(5,2)"] {
                let _ = of(&text, logical);
            }
        }
    }
}
