//! Lines of COPY text, as PostgreSQL writes them, in its binary format: the server takes them in half the time.
//!
//! The settings that each transaction makes (UTC, ISO dates, hex bytes, shortest exact floats) give every value
//! exactly one text, so nothing has to be guessed here, and whatever else comes is refused.

use memchr::{memchr, memchr_iter};

use super::copy_binary::{NULL, Wire, encode_value, sized};
use super::parse_text;
use crate::backends::database::calendar;
use crate::model::{LogicalType, Value};

/// A column: its type, and how its values are written.
pub type Column = (LogicalType, Wire);

/// Whether every text that the server writes for this type has a binary form that is known here. Lists may have
/// more dimensions than one.
pub fn is_known(logical: &LogicalType) -> bool {
    !matches!(logical, LogicalType::ListText | LogicalType::Native(_))
}

/// Appends a line, without its end, as a row.
///
/// # Errors
/// What is wrong with the line. What was appended of it is to be thrown away then.
pub fn encode_line(line: &[u8], columns: &[Column], out: &mut Vec<u8>) -> Result<(), String> {
    out.extend_from_slice(&i16::try_from(columns.len()).map_err(|_| "too many columns")?.to_be_bytes());
    let mut rest = Some(line);
    for (logical, wire) in columns {
        let left = rest.ok_or("a row with too few columns")?;
        let end = memchr(b'\t', left);
        let field = left.get(..end.unwrap_or(left.len())).unwrap_or_default();
        rest = end.and_then(|end| left.get(end + 1..));
        if field == b"\\N" {
            out.extend_from_slice(&NULL);
        } else if sized(out, |out| encode_field(field, logical, *wire, out)).is_none() {
            return Err(format!("a value that is no {logical}"));
        }
    }
    match rest {
        // A row without any column is an empty line all the same.
        Some(surplus) if !(columns.is_empty() && surplus.is_empty()) => Err("a row with too many columns".to_owned()),
        _ => Ok(()),
    }
}

fn encode_field(field: &[u8], logical: &LogicalType, wire: Wire, out: &mut Vec<u8>) -> Option<()> {
    match logical {
        LogicalType::Text | LogicalType::String(_) | LogicalType::Enum(_) => text(field, out)?,
        LogicalType::Json => {
            if wire == Wire::Jsonb {
                out.push(1);
            }
            text(field, out)?;
        }
        LogicalType::Uuid => out.extend_from_slice(uuid::Uuid::try_parse_ascii(field).ok()?.as_bytes()),
        LogicalType::Timestamp => {
            let micros = match utc(field) {
                Some(micros) => micros,
                None => calendar::micros_since_2000(std::str::from_utf8(field).ok()?)?,
            };
            out.extend_from_slice(&micros.to_be_bytes());
        }
        LogicalType::Decimal(..) => {
            let number = std::str::from_utf8(field).ok().filter(|number| is_number(number))?;
            encode_value(&Value::Decimal(number.to_owned()), wire, out);
        }
        _ => encode_value(&parse_text::value(&parse_text::unescape(field)?, logical)?, wire, out),
    }
    Some(())
}

fn text(field: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if memchr(b'\\', field).is_none() {
        out.extend_from_slice(field);
    } else {
        out.extend_from_slice(parse_text::unescape(field)?.as_bytes());
    }
    Some(())
}

fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    text == "NaN" || digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction)
}

/// The common form of an instant, `2026-11-23 16:08:39.25+00`, in microseconds since 2000; any other has to be read
/// with more patience.
fn utc(field: &[u8]) -> Option<i64> {
    let (head, fraction) = field.strip_suffix(b"+00")?.split_at_checked(19)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b' ', h1, h2, b':', n1, n2, b':', s1, s2] = head else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
            number(digits)? * 10_i64.pow(u32::try_from(6 - digits.len()).ok()?)
        }
        _ => return None,
    };
    let day = calendar::days(number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?)?;
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = (day - i64::from(calendar::EPOCH_DAYS)) * 86_400 + (hour * 60 + minute) * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

/// Lines that come in pieces, as rows.
#[derive(Debug)]
pub struct Lines {
    columns: Vec<Column>,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
}

impl Lines {
    /// Lines with these columns.
    pub fn of(columns: Vec<Column>) -> Self {
        Self { columns, begun: Vec::new() }
    }

    /// Appends the rows of all lines that end in this piece.
    ///
    /// # Errors
    /// What is wrong with a line.
    pub fn encode(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let mut start = 0;
        for end in memchr_iter(b'\n', piece) {
            let line = piece.get(start..end).unwrap_or_default();
            start = end + 1;
            if self.begun.is_empty() {
                encode_line(line, &self.columns, out)?;
            } else {
                self.begun.extend_from_slice(line);
                encode_line(&self.begun, &self.columns, out)?;
                self.begun.clear();
            }
        }
        self.begun.extend_from_slice(piece.get(start..).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::copy_binary::{Wire, encode_row, wire};
    use super::super::copy_text;
    use super::*;
    use crate::model::Row;

    fn columns(types: &[(&str, u32)]) -> Vec<Column> {
        let known = |(logical, oid): &(&str, u32)| {
            let logical: LogicalType = logical.parse().unwrap();
            let wire = wire(&logical, *oid).unwrap();
            (logical, wire)
        };
        types.iter().map(known).collect()
    }

    const TYPES: [(&str, u32); 11] = [
        ("uuid", 2950),
        ("text", 25),
        ("int", 23),
        ("bigint", 20),
        ("bool", 16),
        ("decimal(20,4)", 1700),
        ("float", 701),
        ("timestamp", 1184),
        ("date", 1082),
        ("json", 3802),
        ("bytes", 17),
    ];

    #[test]
    fn says_what_is_wrong_with_a_line() {
        let columns = columns(&[("int", 23), ("timestamp", 1184)]);
        for bad in ["1", "1\t\\N\t2", "x\t\\N", "1\tyesterday", "1\t2026-13-01 00:00:00+00", "1\\x\t\\N", ""] {
            assert!(encode_line(bad.as_bytes(), &columns, &mut Vec::new()).is_err(), "{bad}");
        }
        assert!(encode_line(b"1\t2026-11-23 16:08:39.25+00", &columns, &mut Vec::new()).is_ok());
        assert!(encode_line(b"", &[], &mut Vec::new()).is_ok());
        for (number, good) in
            [("1.50", true), ("-0.05", true), ("NaN", true), ("1e5", false), ("", false), (".5", false)]
        {
            assert_eq!(is_number(number), good, "{number}");
        }
    }

    #[test]
    fn instants_reach_as_far_as_the_servers() {
        let of = |text: &str| {
            let mut out = Vec::new();
            encode_line(text.as_bytes(), &columns(&[("timestamp", 1184)]), &mut out).unwrap();
            i64::from_be_bytes(out.get(6..14).unwrap().try_into().unwrap())
        };
        // Figures of PostgreSQL 15: extract(epoch from t) less that of 2000-01-01.
        assert_eq!(of("2000-01-01 00:00:00+00"), 0);
        assert_eq!(of("1999-12-31 23:59:59.999999+00"), -1);
        assert_eq!(of("294276-12-31 23:59:59.999999+00"), 9_223_371_331_199_999_999);
        assert_eq!(of("4714-11-24 00:00:00+00 BC"), -211_813_488_000_000_000);
        assert_eq!(of("infinity"), i64::MAX);
        assert_eq!(of("-infinity"), i64::MIN);
    }

    #[test]
    fn pieces_are_cut_anywhere() {
        let text = b"1\ta\n22\tb\\n\n333\t\\N\n";
        let whole = {
            let (mut lines, mut out) = (Lines::of(columns(&[("int", 23), ("text", 25)])), Vec::new());
            lines.encode(text, &mut out).unwrap();
            out
        };
        for size in 1..text.len() {
            let (mut lines, mut out) = (Lines::of(columns(&[("int", 23), ("text", 25)])), Vec::new());
            text.chunks(size).for_each(|piece| lines.encode(piece, &mut out).unwrap());
            assert_eq!(out, whole, "{size}");
            assert!(lines.begun.is_empty());
        }
    }

    prop_compose! {
        fn rows()(
            id in any::<[u8; 16]>(), text in "\\PC*|[\\t\\n\"\\\\{},]*", int in any::<i32>(), big in any::<i64>(),
            flag in any::<bool>(), digits in any::<i64>(), float in any::<f64>(),
            instant in -210_866_803_200_000_000_i64..9_223_371_331_200_000_000 - 946_684_800_000_000,
            day in -2_000_000..2_000_000_i32, bytes in any::<Vec<u8>>(), null in 0..22_usize,
        ) -> Row {
            let decimal = format!("{}{}.{:04}", if digits < 0 { "-" } else { "" }, digits.unsigned_abs() / 10_000,
                                  digits.unsigned_abs() % 10_000);
            let mut row = vec![
                Value::Uuid(id), Value::Text(text), Value::Int(int.into()), Value::Int(big), Value::Bool(flag),
                Value::Decimal(decimal), Value::Float(float), Value::Timestamp(instant), Value::Date(day),
                Value::Json("{\"a\": \"b\\\\c\"}".into()), Value::Bytes(bytes),
            ];
            if let Some(value) = row.get_mut(null) {
                *value = Value::Null;
            }
            row
        }
    }

    proptest! {
        #[test]
        fn a_line_is_the_row_that_it_was_written_from(row in rows()) {
            let columns = columns(&TYPES);
            let wires: Vec<Wire> = columns.iter().map(|(_, wire)| *wire).collect();
            let (mut line, mut wanted, mut found) = (Vec::new(), Vec::new(), Vec::new());
            copy_text::encode_row(&row, None, &mut line);
            line.pop();
            encode_row(&row, &wires, &mut wanted);
            encode_line(&line, &columns, &mut found).unwrap();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn never_panics(line in any::<Vec<u8>>()) {
            let _ = encode_line(&line, &columns(&TYPES), &mut Vec::new());
        }
    }
}
