//! PostgreSQL's COPY text format: one row a line, tab between columns, `\N` for NULL.
//!
//! Source: PostgreSQL documentation, `COPY`, section "Text Format". The settings are fixed: UTC,
//! ISO dates, hex bytes, shortest floats that read back exactly. What is written here is to the
//! byte what the server writes for the same value, so that a backup of either engine is the same.

use std::io::Write as _;

use super::copy_float::float;
use crate::model::{LogicalType, Row, Value};

/// Appends one row as a line; with `position` as the first column where it is given.
pub fn encode_row(row: &Row, position: Option<u64>, out: &mut Vec<u8>) {
    let mut first = true;
    if let Some(position) = position {
        number(position, out);
        first = false;
    }
    for value in row {
        if !first {
            out.push(b'\t');
        }
        first = false;
        encode_value(value, out);
    }
    out.push(b'\n');
}

/// Appends one row as the line that the server itself would write for columns of these types:
/// unlike [`encode_row`], a decimal has all the digits of its scale.
pub fn encode_line<'t>(row: &Row, types: impl IntoIterator<Item = &'t LogicalType>, out: &mut Vec<u8>) {
    for (at, (value, logical)) in row.iter().zip(types).enumerate() {
        if at > 0 {
            out.push(b'\t');
        }
        match (value, logical) {
            (Value::Decimal(text), LogicalType::Decimal(_, scale)) => scaled(text, usize::from(*scale), out),
            (other, _) => encode_value(other, out),
        }
    }
    out.push(b'\n');
}

fn scaled(text: &str, scale: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    if !text.ends_with(|last: char| last.is_ascii_digit()) {
        return;
    }
    let written = text.split_once('.').map(|(_, fraction)| fraction.len());
    if written.is_none() && scale > 0 {
        out.push(b'.');
    }
    out.resize(out.len() + scale.saturating_sub(written.unwrap_or_default()), b'0');
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"\\N"),
        Value::Bool(true) => out.push(b't'),
        Value::Bool(false) => out.push(b'f'),
        Value::Int(of) => number(*of, out),
        Value::Float(of) => out.extend_from_slice(float(*of).as_bytes()),
        Value::Decimal(of) => out.extend_from_slice(of.as_bytes()),
        Value::Text(of) | Value::Json(of) => escape(of.as_bytes(), out),
        Value::Uuid(of) => {
            let mut buffer = uuid::Uuid::encode_buffer();
            out.extend_from_slice(uuid::Uuid::from_bytes(*of).hyphenated().encode_lower(&mut buffer).as_bytes());
        }
        Value::Timestamp(micros) => timestamp(*micros, out),
        Value::Date(days) => date(*days, out),
        Value::Bytes(of) => {
            out.extend_from_slice(b"\\\\x");
            for byte in of {
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        Value::List(of) => escape(array_literal(of).as_bytes(), out),
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn number(of: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{of}");
}

/// The characters that COPY text treats as its own get a backslash.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'\\' | 8..=13)) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        out.push(b'\\');
        match tail.first() {
            Some(b'\n') => out.push(b'n'),
            Some(b'\r') => out.push(b'r'),
            Some(b'\t') => out.push(b't'),
            Some(8) => out.push(b'b'),
            Some(11) => out.push(b'v'),
            Some(12) => out.push(b'f'),
            _ => out.push(b'\\'),
        }
        rest = tail.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// A text array as PostgreSQL writes it: `{a,"b c",NULL}`, quoted only where it must be.
pub fn array_literal(of: &[Option<String>]) -> String {
    let mut text = String::from("{");
    for (at, element) in of.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match element {
            None => text.push_str("NULL"),
            Some(word) if is_plain(word) => text.push_str(word),
            Some(word) => {
                text.push('"');
                for c in word.chars() {
                    if matches!(c, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(c);
                }
                text.push('"');
            }
        }
    }
    text.push('}');
    text
}

/// Whether an element of an array needs no quotes.
fn is_plain(word: &str) -> bool {
    let special = |b: u8| matches!(b, b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | 9..=13);
    !word.is_empty() && !word.eq_ignore_ascii_case("null") && !word.bytes().any(special)
}

const MICROS_A_DAY: i64 = 86_400_000_000;

fn timestamp(micros: i64, out: &mut Vec<u8>) {
    match micros {
        i64::MAX => return out.extend_from_slice(b"infinity"),
        i64::MIN => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let (year, month, day) = civil(micros.div_euclid(MICROS_A_DAY));
    let in_day = micros.rem_euclid(MICROS_A_DAY);
    let (seconds, fraction) = (in_day / 1_000_000, in_day % 1_000_000);
    calendar(year, month, day, out);
    let _ = write!(out, " {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        let _ = write!(out, ".{fraction:06}");
        let end = out.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        out.truncate(end);
    }
    out.extend_from_slice(b"+00");
    era(year, out);
}

fn date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MAX => return out.extend_from_slice(b"infinity"),
        i32::MIN => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let (year, month, day) = civil(i64::from(days));
    calendar(year, month, day, out);
    era(year, out);
}

fn calendar(year: i64, month: i64, day: i64, out: &mut Vec<u8>) {
    let shown = if year > 0 { year } else { 1 - year };
    let _ = write!(out, "{shown:04}-{month:02}-{day:02}");
}

fn era(year: i64, out: &mut Vec<u8>) {
    if year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(row: impl AsRef<[Value]>) -> String {
        let mut out = Vec::new();
        encode_row(&row.as_ref().to_vec(), None, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_each_kind_as_copy_reads_it() {
        assert_eq!(line(vec![Value::Null, Value::Bool(true), Value::Int(-7)]), "\\N\tt\t-7\n");
        assert_eq!(line(vec![Value::Text("a\tb\\N\r\n".into())]), "a\\tb\\\\N\\r\\n\n");
        assert_eq!(line(vec![Value::Bytes(vec![0, 255])]), "\\\\x00ff\n");
        assert_eq!(line(vec![Value::Float(0.1), Value::Float(f64::NEG_INFINITY)]), "0.1\t-Infinity\n");
        assert_eq!(
            line(vec![Value::List(vec![Some("a\"b\\".into()), None, Some(String::new())])]),
            "{\"a\\\\\"b\\\\\\\\\",NULL,\"\"}\n"
        );
        let words = ["a", "b c", "Null", "ü,", "\u{b}"].map(|word| Some(word.to_owned()));
        assert_eq!(line(vec![Value::List(words.into())]), "{a,\"b c\",\"Null\",\"ü,\",\"\\v\"}\n");
        assert_eq!(line(vec![Value::Text("\u{8}\u{b}\u{c}\u{7f}".into())]), "\\b\\v\\f\u{7f}\n");
    }

    #[test]
    fn a_decimal_has_all_digits_of_its_scale() {
        let types = ["decimal(9,2)", "decimal(9,2)", "decimal(9,0)", "decimal(9,3)", "decimal(9,1)"];
        let types: Vec<LogicalType> = types.iter().map(|logical| logical.parse().unwrap()).collect();
        let row: Row = ["1", "-0.5", "7", "0.125", "NaN"].map(|of| Value::Decimal(of.to_owned())).into();
        let mut out = Vec::new();
        encode_line(&row, &types, &mut out);
        assert_eq!(out, b"1.00\t-0.50\t7\t0.125\tNaN\n");
    }

    #[test]
    fn writes_instants_and_days_in_utc() {
        assert_eq!(line(vec![Value::Timestamp(0)]), "1970-01-01 00:00:00+00\n");
        assert_eq!(line(vec![Value::Timestamp(-1)]), "1969-12-31 23:59:59.999999+00\n");
        assert_eq!(line(vec![Value::Timestamp(10_500_000)]), "1970-01-01 00:00:10.5+00\n");
        assert_eq!(line(vec![Value::Date(19_782)]), "2024-02-29\n");
        assert_eq!(line(vec![Value::Date(-719_163)]), "0001-12-31 BC\n");
    }

    #[test]
    fn agrees_with_the_calendar_library_over_ten_thousand_years() {
        for days in (-700_000_i32..2_900_000).step_by(37) {
            let expected = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(i64::from(days))).unwrap();
            if expected.year() > 0 {
                assert_eq!(line(vec![Value::Date(days)]), format!("{expected}\n"));
            }
        }
    }
}
